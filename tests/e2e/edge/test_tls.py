"""TLS at a listener, asked by curl and openssl; certificates that change, and hands that stall."""

import contextlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.edge.stage import Stage, scripted, stage, unheard
from tests.helpers.certificates import Folder
from tests.helpers.clients import Client, Stream, head_of
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.programs import curl, run, s_client
from tests.helpers.raw_client import End
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

HELLO = b"\x16\x03\x01\x00\xc0\x01"  # how the hello of a client begins that never ends
UPGRADE = ((b"Connection", b"upgrade"), (b"Upgrade", b"websocket"))


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A gateway that speaks TLS at one port, and sends clients there from another."""

    stage: Stage
    folder: Folder
    plain: int
    clients_only: int
    probe: int

    @property
    def port(self) -> int:
        return self.stage.port

    def context(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self.folder.ca)
        made.check_hostname = False
        return made

    def connect(self) -> Stream:
        """Shake hands."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return Stream(self.context().wrap_socket(sock, server_hostname="gateway.test"))

    def serial(self) -> int:
        """Return the number of the certificate that is shown now."""
        stream = self.connect()
        assert isinstance(stream.sock, ssl.SSLSocket)
        shown = stream.sock.getpeercert()
        stream.close()
        assert shown
        return int(str(shown["serialNumber"]), 16)

    def reload(self) -> None:
        self.stage.gateway.process.send_signal(signal.SIGHUP)

    def applied(self, version: int) -> bool:
        return wait_until(lambda: asked(self.probe)[1]["versions"] == [version])


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Encrypted]:
    with _encrypted(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    with _encrypted(tmp_path_factory.mktemp("tls")) as one:
        yield one


@contextlib.contextmanager
def _encrypted(path: Path) -> Iterator[Encrypted]:
    folder = Folder(path / "certificates")
    certificates = [
        folder.issue("gateway.test", "localhost", "127.0.0.1"),
        folder.issue("gateway.test", file="rsa.pem", rsa=True),
        folder.issue("*.wild.test", file="wild.pem"),
    ]
    port, plain, clients, probe = (free_port() for _ in range(4))
    only = {"certificates": certificates[:1], "client_ca": str(folder.ca)}
    listen = [
        {"address": f"127.0.0.1:{port}", "tls": {"certificates": certificates}},
        {"address": f"127.0.0.1:{plain}", "redirect_to_https": port},
        {"address": f"127.0.0.1:{clients}", "tls": only},
    ]
    timeouts = {"handshake": "2s"}
    with (
        scripted() as upstream,
        stage(
            path,
            upstream=upstream,
            routes=unheard(),
            listen=listen,
            probe=f"127.0.0.1:{probe}",
            client_timeouts=timeouts,
        ) as running,
    ):
        yield Encrypted(running, folder, plain, clients, probe)


def test_curl_is_answered(shared: Encrypted) -> None:
    url = f"https://localhost:{shared.port}/"
    done = curl("--cacert", str(shared.folder.ca), "--http1.1", "--tls-max", "1.2", url)
    assert (done.returncode, done.stdout[:15]) == (0, "HTTP/1.1 200 OK")
    assert "strict-transport-security: max-age=31536000" in done.stdout


def test_the_service_hears_that_it_was_encrypted(shared: Encrypted) -> None:
    heads = []

    def script(call: Call) -> None:
        heads.append(call.head)
        call.answer()

    target = shared.stage.on(script).decode()
    url = f"https://localhost:{shared.port}{target}"
    assert curl("--cacert", str(shared.folder.ca), url).returncode == 0
    assert heads[0].value(b"x-forwarded-proto") == b"https"
    assert (heads[0].value(b"forwarded") or b"").endswith(b";proto=https")


def test_a_large_body_goes_both_ways(shared: Encrypted, tmp_path: Path) -> None:
    def script(call: Call) -> None:
        call.answer(call.body())

    body = tmp_path / "body"
    body.write_bytes(bytes(range(256)) * 20_000)
    url = f"https://localhost:{shared.port}{shared.stage.on(script).decode()}"
    out = tmp_path / "out"
    arguments = ("--data-binary", f"@{body}", "--output", str(out), "--no-include")
    done = curl("--cacert", str(shared.folder.ca), *arguments, url)
    assert (done.returncode, out.read_bytes() == body.read_bytes()) == (0, True)


def test_a_tunnel_ends_one_direction_at_a_time(shared: Encrypted) -> None:
    def script(call: Call) -> None:
        call.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        call.send(call.read_exactly(5))
        call.send(b"bye")
        call.half_close()
        call.gone()

    stream = shared.connect()
    stream.send(head_of(shared.stage.on(script), fields=UPGRADE))
    stream.read_until(b"\r\n\r\n")
    stream.send(b"hello")
    assert stream.read_exactly(8) == b"hellobye"
    assert stream.end() is End.CLOSED
    stream.close()


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("gateway.test", "ECDSA", "DNS:gateway.test, DNS:localhost"),
        ("gateway.test", "RSA-PSS", "DNS:gateway.test\n"),
        ("a.wild.test", "ECDSA", "DNS:*.wild.test"),
        ("other.test", "ECDSA", "DNS:gateway.test, DNS:localhost"),
    ],
)
def test_openssl_gets_the_certificate_it_asks_for(
    shared: Encrypted, name: str, kind: str, shown: str
) -> None:
    algorithm = "rsa_pss_rsae_sha256" if kind == "RSA-PSS" else "ecdsa_secp256r1_sha256"
    arguments = ("-servername", name, "-CAfile", str(shared.folder.ca), "-alpn", "h2,http/1.1")
    said = s_client(shared.port, *arguments, "-sigalgs", algorithm)
    assert "Verify return code: 0 (ok)" in said
    assert "ALPN protocol: http/1.1" in said
    pem = said[said.index("-----BEGIN") : said.index("-----END CERTIFICATE-----") + 26]
    text = run("openssl", "x509", "-noout", "-ext", "subjectAltName", given=pem).stdout
    assert shown in text


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused(shared: Encrypted, version: str) -> None:
    said = s_client(shared.port, version, "-cipher", "DEFAULT@SECLEVEL=0")
    assert "alert protocol version" in said


def test_weak_ciphers_are_refused(shared: Encrypted) -> None:
    for cipher in ("AES128-SHA256", "ECDHE-ECDSA-AES128-SHA256"):
        assert "alert handshake failure" in s_client(shared.port, "-tls1_2", "-cipher", cipher)


def test_only_clients_with_a_certificate_come_in_where_it_is_asked_for(shared: Encrypted) -> None:
    url, ca = f"https://localhost:{shared.clients_only}/", str(shared.folder.ca)
    mine = shared.folder.issue("somebody", file="mine.pem")
    known = ("--cert", mine["certificate"], "--key", mine["key"])
    assert curl("--cacert", ca, *known, url).stdout.startswith("HTTP/1.1 200")
    assert curl("--cacert", ca, url).returncode == 56
    stranger = Folder(shared.folder.path / "other").issue("somebody")
    unknown = ("--cert", stranger["certificate"], "--key", stranger["key"])
    assert curl("--cacert", ca, *unknown, url).returncode == 56


def test_plain_http_at_the_port_of_tls_is_told_so(shared: Encrypted) -> None:
    done = curl(f"http://localhost:{shared.port}/private?token=secret")
    assert done.stdout.startswith("HTTP/1.1 400")
    assert '"code":"tls_required"' in done.stdout
    assert "strict-transport-security" not in done.stdout
    assert wait_until(lambda: "tls_required" in shared.stage.access_log.read_text())


def test_a_plain_listener_sends_clients_to_https(shared: Encrypted) -> None:
    url = f"http://localhost:{shared.plain}/a%20b?c=d"
    done = curl(url)
    assert done.stdout.startswith("HTTP/1.1 308")
    assert f"\nlocation: https://localhost:{shared.port}/a%20b?c=d\n" in done.stdout
    followed = curl("--location", "--cacert", str(shared.folder.ca), "--data", "x", url)
    assert "HTTP/1.1 200 OK" in followed.stdout
    (line, *_) = shared.stage.lines(b"/a%20b")
    assert (line["status"], line["route"]) == (308, "")


# Certificates that change


def ask_once(stream: Stream) -> None:
    """Ask on a connection, and read the whole answer."""
    stream.send(head_of(b"/"))
    assert stream.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    stream.read_exactly(len(b"plain"))


def test_a_new_certificate_is_taken_without_losing_anybody(encrypted: Encrypted) -> None:
    """Connections that are open stay, and requests under load are all answered."""
    stop, faults, answers = threading.Event(), list[str](), [0]

    def load() -> None:
        try:
            while not stop.is_set():
                stream = encrypted.connect()
                for _ in range(3):
                    ask_once(stream)
                    answers[0] += 1
                stream.close()
        except (OSError, AssertionError) as error:
            faults.append(repr(error))

    before, kept = encrypted.serial(), encrypted.connect()
    ask_once(kept)  # who has asked once may wait for longer with the next
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for version in range(2, 7):
            encrypted.folder.issue("gateway.test", "localhost", "127.0.0.1")
            encrypted.reload()
            assert encrypted.applied(version)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    ask_once(kept)
    kept.close()
    assert (faults, encrypted.serial() != before) == ([], True)
    assert answers[0] > 50


def test_a_certificate_that_is_no_good_is_refused_and_the_old_one_stays(
    encrypted: Encrypted,
) -> None:
    before = encrypted.serial()
    file = encrypted.folder.path / "server.pem"
    file.write_text("no certificate any more")
    encrypted.reload()
    assert wait_until(lambda: "refused" in asked(encrypted.probe)[1])
    (complaint,) = asked(encrypted.probe)[1]["refused"][:1]  # type: ignore[index]
    assert "listen[0].tls.certificates[0].certificate: " in complaint
    assert "holds no certificate in PEM" in complaint
    assert encrypted.serial() == before


def test_a_listener_may_take_other_files(encrypted: Encrypted) -> None:
    made = encrypted.folder.issue("gateway.test", file="new.pem")
    path = encrypted.stage.access_log.with_name("gateway.yaml")
    config = yaml.safe_load(path.read_text())
    before = encrypted.serial()
    config["listen"][0]["tls"]["certificates"] = [made]
    path.write_text(yaml.safe_dump(config))
    encrypted.reload()
    assert encrypted.applied(2)
    assert encrypted.serial() != before


def test_a_certificate_whose_time_is_over_is_told_of(encrypted: Encrypted) -> None:
    encrypted.folder.issue("gateway.test", "localhost", days=-1)
    encrypted.reload()
    assert encrypted.applied(2)
    assert wait_until(lambda: "certificate_expired" in encrypted.stage.gateway.tail())


# Hands that stall


def test_who_stalls_is_cut_off_in_time_while_others_are_served(encrypted: Encrypted) -> None:
    """Red without the deadline in edge/doorway.py."""
    stalled = [_stalled(encrypted.port, HELLO) for _ in range(100)]
    begun = time.monotonic()
    while time.monotonic() - begun < 1.5:
        url = f"https://localhost:{encrypted.port}/"
        done = curl("--cacert", str(encrypted.folder.ca), url)
        assert done.stdout.startswith("HTTP/1.1 200"), done.stderr
    ends = [stream.end(4.0) for stream in stalled]
    assert {*ends} <= {End.CLOSED, End.RESET}
    for stream in stalled:
        stream.close()


def test_the_silent_do_not_keep_others_out_from_other_networks(encrypted: Encrypted) -> None:
    """Who is greeted and says no more holds a place; as many as there are, from one network."""
    hello = _hello()
    with contextlib.ExitStack() as stack:
        stalled = [_stalled(encrypted.port, hello, source="127.0.0.9") for _ in range(64)]
        for stream in stalled:
            stack.callback(stream.close)
        begun = time.monotonic()
        encrypted.connect().close()
        assert time.monotonic() - begun < 1.0
        # Sixteen hold places at a time, and give way to the next after a while.
        assert 0 < sum(_has_heard(stream) for stream in stalled) < len(stalled)


def _hello() -> bytes:
    """Return what a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="gateway.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        made.do_handshake()
    return outgoing.read()


def _has_heard(stream: Stream) -> bool:
    with contextlib.suppress(BlockingIOError):
        return bool(stream.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    return False


def _stalled(port: int, begun: bytes, source: str = "127.0.0.1") -> Client:
    client = Client(port, source=source)
    client.send(begun)
    return client
