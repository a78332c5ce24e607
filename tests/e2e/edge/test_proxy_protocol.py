"""The PROXY protocol, as HAProxy speaks it, before HTTP and before TLS."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.certificates import Folder
from tests.helpers.clients import Client, head_of
from tests.helpers.gateway import free_port
from tests.helpers.programs import curl, daemon
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call, Head
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

LINE = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n"
NOBODY = (
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00",
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8" + bytes(216),
)
CLIENT = "127.0.0.7"
VERSIONS = ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id")


@dataclass(frozen=True, slots=True)
class Proxied:
    """A gateway behind HAProxy: a port of HAProxy's for each version, of HTTP and of TLS."""

    stage: Stage
    folder: Folder
    direct: int
    strict: int
    http: dict[str, int]
    tls: dict[str, int]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    path = tmp_path_factory.mktemp("proxied")
    folder = Folder(path / "certificates")
    plain, encrypted, strict = free_port(), free_port(), free_port()
    tls = {"certificates": [folder.issue("localhost")]}
    listen = [
        {"address": f"127.0.0.1:{plain}", "proxy_protocol": True},
        {"address": f"127.0.0.1:{encrypted}", "proxy_protocol": True, "tls": tls},
        {
            "address": f"127.0.0.1:{strict}",
            "proxy_protocol": True,
            "trusted_proxies": ["127.0.0.5"],
        },
    ]
    fronts = {
        "http": ({version: free_port() for version in VERSIONS}, plain),
        "tls": ({version: free_port() for version in VERSIONS}, encrypted),
    }
    config = path / "haproxy.cfg"
    config.write_text(_haproxy(fronts.values()))
    ports = fronts["http"][0], fronts["tls"][0]
    timeouts = {"handshake": "1s"}
    with (
        scripted() as upstream,
        stage(path, upstream=upstream, listen=listen, client_timeouts=timeouts) as running,
        daemon(
            ["haproxy", "-db", "-f", str(config)],
            port=ports[0][VERSIONS[0]],
            log=path / "haproxy.log",
        ),
    ):
        yield Proxied(running, folder, plain, strict, *ports)


def _haproxy(fronts: Iterable[tuple[dict[str, int], int]]) -> str:
    text = "defaults\n mode tcp\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
    for ports, target in fronts:
        for how, port in ports.items():
            text += f"listen l{port}\n bind 127.0.0.1:{port}\n server g 127.0.0.1:{target} {how}\n"
    return text


def heads_of(one: Stage) -> tuple[bytes, list[Head]]:
    heads: list[Head] = []

    def script(call: Call) -> None:
        heads.append(call.head)
        call.answer(b"ok")

    return one.on(script), heads


@pytest.mark.parametrize("version", VERSIONS)
def test_haproxy_says_who_the_client_is(proxied: Proxied, version: str) -> None:
    target, heads = heads_of(proxied.stage)
    with Client(proxied.http[version], source=CLIENT) as client:
        assert client.get(target).status == 200
        assert client.get(target).status == 200
    assert [head.value(b"x-real-ip") for head in heads] == [CLIENT.encode()] * 2
    assert heads[0].value(b"forwarded") == b"for=127.0.0.7;host=gateway.test;proto=http"
    assert [line["client"] for line in proxied.stage.lines(target, count=2)] == [CLIENT] * 2


@pytest.mark.parametrize("version", VERSIONS)
def test_it_says_so_before_tls(proxied: Proxied, version: str) -> None:
    target, heads = heads_of(proxied.stage)
    url = f"https://localhost:{proxied.tls[version]}{target.decode()}"
    done = curl("--interface", CLIENT, "--cacert", str(proxied.folder.ca), url)
    assert done.stdout.startswith("HTTP/1.1 200"), done.stderr
    assert heads[0].value(b"x-real-ip") == CLIENT.encode()
    assert heads[0].value(b"x-forwarded-proto") == b"https"


def test_who_sends_no_header_is_cut_off(proxied: Proxied) -> None:
    with Client(proxied.direct) as client:
        client.ask(b"/")
        assert client.end() is not End.OPEN
    target, _ = heads_of(proxied.stage)
    assert proxied.stage.upstream.calls(target) == 0


def test_a_header_that_does_not_end_is_not_waited_for(proxied: Proxied) -> None:
    with Client(proxied.direct) as client:
        client.send(LINE[:20])
        assert client.end(3.0) is not End.OPEN


def test_only_trusted_proxies_may_say_it_where_any_are_named(proxied: Proxied) -> None:
    target, heads = heads_of(proxied.stage)
    with Client(proxied.strict, source="127.0.0.6") as client:
        with contextlib.suppress(OSError):
            client.send(LINE + head_of(target))
        assert client.end() is not End.OPEN
    with Client(proxied.strict, source="127.0.0.5") as client:
        client.send(LINE + head_of(target))
        assert client.answer().status == 200
    assert [head.value(b"x-real-ip") for head in heads] == [b"203.0.113.7"]


def test_clients_behind_it_are_not_believed_about_the_way(proxied: Proxied) -> None:
    target, heads = heads_of(proxied.stage)
    with Client(proxied.strict, source="127.0.0.5") as client:
        client.send(LINE + head_of(target, fields=[(b"X-Forwarded-For", b"192.0.2.99")]))
        assert client.answer().status == 200
    assert heads[0].value(b"x-forwarded-for") == b"203.0.113.7"


@pytest.mark.parametrize("header", NOBODY)
def test_nor_are_those_that_it_does_not_name(proxied: Proxied, header: bytes) -> None:
    """Their claims would else be the word of the balancer, which is trusted: in the log too."""
    target, heads = heads_of(proxied.stage)
    claims = [(b"X-Forwarded-For", b"6.6.6.6"), (b"Forwarded", b"for=6.6.6.6")]
    with Client(proxied.strict, source="127.0.0.5") as client:
        client.send(header + head_of(target, fields=claims))
        assert client.answer().status == 200
    assert heads[0].value(b"x-forwarded-for") == b"127.0.0.5"
    assert heads[0].value(b"x-real-ip") == b"127.0.0.5"
    assert b"6.6.6.6" not in (heads[0].value(b"forwarded") or b"")
    assert [line["client"] for line in proxied.stage.lines(target)] == ["127.0.0.5"]


def test_a_unix_socket_hears_it_too(tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    listen = [{"address": f"unix:{path}", "proxy_protocol": True}]
    with scripted() as upstream, stage(tmp_path, upstream=upstream, listen=listen) as one:
        target, heads = heads_of(one)
        with Client(path) as client:
            client.send(LINE + head_of(target))
            assert client.answer().status == 200
    assert heads[0].value(b"x-real-ip") == b"203.0.113.7"


def test_tls_is_spoken_over_ipv6(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "certificates")
    port = free_port()
    tls = {"certificates": [folder.issue("localhost", "::1")]}
    listen = [{"address": f"[::1]:{port}", "tls": tls}]
    with scripted() as upstream, stage(tmp_path, upstream=upstream, listen=listen) as one:
        target, heads = heads_of(one)
        url = f"https://[::1]:{port}{target.decode()}"
        assert curl("--cacert", str(folder.ca), url).stdout.startswith("HTTP/1.1 200")
        assert wait_until(lambda: bool(heads))
    assert heads[0].value(b"forwarded") == f'for="[::1]";host="[::1]:{port}";proto=https'.encode()
