"""TLS to services, as openssl and nothing of ours speaks it; what is not verified is not asked."""

import contextlib
import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.certificates import Folder
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.programs import daemon
from tests.helpers.slow import black_hole, wait_until

pytestmark = pytest.mark.e2e

# The services of openssl answer with what they know of the connection.
SERVICES: Final = ("good", "expired", "stranger", "named", "mutual", "old")


class World:
    """Services that speak TLS, each with a certificate of its own, and a gateway before them."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in SERVICES}
        self.probe = free_port()

    def command(self, name: str, made: Mapping[str, str], *more: str) -> list[str]:
        files = ("-cert", made["certificate"], "-key", made["key"])
        return [
            *("openssl", "s_server", "-accept", f"127.0.0.1:{self.ports[name]}"),
            *("-www", "-quiet", *files, *more),
        ]

    def service(self, name: str, **more: object) -> dict[str, object]:
        url = f"https://127.0.0.1:{self.ports[name]}"
        return {"endpoints": [url], "ca": str(self.folder.ca), **more}


@contextlib.contextmanager
def running(path: Path) -> Iterator[tuple[Stage, World]]:
    folder = Folder(path / "certificates")
    world = World(folder)
    stranger = Folder(path / "stranger")
    mine = folder.issue("the-gateway", file="mine.pem")
    commands = (
        world.command("good", folder.issue("127.0.0.1", file="good.pem")),
        world.command("expired", folder.issue("127.0.0.1", file="expired.pem", days=-1)),
        world.command("stranger", stranger.issue("127.0.0.1")),
        world.command("named", folder.issue("players.internal", file="named.pem")),
        world.command(
            "mutual",
            folder.issue("127.0.0.1", file="mutual.pem"),
            *("-Verify", "1", "-CAfile", str(folder.ca), "-verify_return_error"),
        ),
        world.command("old", folder.issue("127.0.0.1", file="old.pem"), "-tls1_1"),
    )
    shown = {"client_certificate": mine["certificate"], "client_key": mine["key"]}
    off = {"mode": "off", "reason": "a test"}
    services = {
        **{name: world.service(name) for name in SERVICES},
        "right-name": world.service("named", server_name="players.internal"),
        "known": world.service("mutual", **shown),
        "unverified": {"endpoints": world.service("stranger")["endpoints"], "verification": off},
    }
    routes = [
        {"path": f"/{name}", "service": name, "auth": "none", "rewrite": {"path": "/"}}
        for name in services
    ]
    with contextlib.ExitStack() as stack:
        for name, command in zip(SERVICES, commands, strict=True):
            log = path / f"{name}.log"
            stack.enter_context(daemon(command, port=world.ports[name], log=log))
        upstream = stack.enter_context(scripted())
        more = {"services": services, "routes": routes, "probe": f"127.0.0.1:{world.probe}"}
        yield stack.enter_context(stage(path, upstream=upstream, **more)), world


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running(tmp_path_factory.mktemp("upstream")) as (one, _):
        yield one


@pytest.mark.parametrize("name", ["good", "right-name", "known", "unverified"])
def test_a_service_answers_under_tls(shared: Stage, name: str) -> None:
    with shared.client() as client:
        answer = client.get(f"/{name}".encode())
    assert (answer.status, b"TLSv1.3" in answer.body) == (200, True)


@pytest.mark.parametrize(
    ("name", "code", "error", "why"),
    [
        ("expired", "upstream_certificate_refused", "tls_certificate_error", "has expired"),
        ("stranger", "upstream_certificate_refused", "tls_certificate_error", "issuer certificate"),
        ("named", "upstream_certificate_refused", "tls_certificate_error", "IP address mismatch"),
        ("mutual", "upstream_tls_failed", "tls_protocol_error", ""),
        ("old", "upstream_tls_failed", "tls_protocol_error", ""),
    ],
)
def test_one_that_is_not_what_it_should_be_is_a_502(
    shared: Stage, name: str, code: str, error: str, why: str
) -> None:
    """Scenario 43: nothing of the request has gone there, and the operator is told."""
    with shared.client() as client:
        answer = client.get(f"/{name}".encode())
    assert answer.status == 502
    assert f'"code":"{code}"'.encode() in answer.body
    assert f"error={error}".encode() in (answer.value(b"proxy-status") or b"")
    (line,) = shared.lines(f"/{name}".encode())
    assert line["code"] == code
    if why:
        assert wait_until(lambda: _told(shared, name, why)), shared.gateway.tail()


def _told(one: Stage, name: str, why: str) -> bool:
    words = ("upstream_tls_failed", f'"{name}"', why)
    lines = one.gateway.log.read_text().splitlines()
    return any(all(word in line for word in words) for line in lines)


def test_a_service_that_is_not_even_reached_is_told_as_without_tls(tmp_path: Path) -> None:
    """No port, no name, no answer: nothing has been begun that could be given up."""
    with black_hole() as silent, scripted() as upstream:
        hosts = {
            "refused": f"127.0.0.1:{free_port()}",
            "unnamed": "nowhere.invalid:443",
            "silent": f"127.0.0.1:{silent}",
        }
        services = {name: {"endpoints": [f"https://{host}"]} for name, host in hosts.items()}
        once = {"auth": "none", "retries": 1, "timeouts": {"connect": "900ms"}}
        routes = [{"path": f"/{name}", "service": name, **once} for name in hosts]
        with (
            stage(tmp_path, upstream=upstream, services=services, routes=routes) as one,
            one.client() as client,
        ):
            answers = [client.get(f"/{name}".encode()) for name in hosts]
    assert [(answer.status, json.loads(answer.body)["code"]) for answer in answers] == [
        (502, "upstream_connection_refused"),
        (502, "upstream_name_unresolved"),
        (504, "upstream_connect_timeout"),
    ]


def test_another_authority_is_taken_by_a_reload(tmp_path: Path) -> None:
    """Scenario 43: the file is another, its path the same; connections are made anew."""
    with running(tmp_path) as (one, world):

        def statuses() -> list[int]:
            answers = []
            for path in (b"/stranger", b"/good"):
                with one.client() as client:
                    answers.append(client.get(path).status)
            return answers

        assert statuses() == [502, 200]
        stranger = (tmp_path / "stranger" / "ca.pem").read_bytes()
        both = stranger + world.folder.ca.read_bytes()
        for version, authorities, expected in ((2, both, [200, 200]), (3, stranger, [200, 502])):
            world.folder.ca.write_bytes(authorities)
            one.gateway.process.send_signal(signal.SIGHUP)
            applied = [version]
            assert wait_until(lambda: asked(world.probe)[1]["versions"] == applied)  # noqa: B023
            assert statuses() == expected


def test_verification_is_not_switched_off_without_a_reason(tmp_path: Path) -> None:
    with running(tmp_path) as (one, world):
        file = tmp_path / "gateway.yaml"
        config = yaml.safe_load(file.read_text())
        config["services"]["unverified"]["verification"] = "off"
        file.write_text(yaml.safe_dump(config))
        one.gateway.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "refused" in asked(world.probe)[1])
        complaints = str(asked(world.probe)[1]["refused"])
        assert "services.unverified.verification" in complaints
        assert "is missing: write why" in complaints
