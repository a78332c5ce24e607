"""A new configuration without a new start: by a signal, or because the file has changed."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes
from tests.helpers.clients import PATIENCE, Client, head_of
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until, workers_of
from tests.helpers.soak import often

pytestmark = pytest.mark.e2e

RELOADS: Final = often(4, soak=10)
CLIENTS: Final = 16


class File:
    """The configuration of a running gateway."""

    def __init__(self, node: Stage, folder: Path, probe: int) -> None:
        self._node = node
        self._probe = probe
        self._path = folder / "gateway.yaml"

    def change(self, **changes: object) -> None:
        """Write it anew with these keys, and leave the gateway to see it."""
        config = yaml.safe_load(self._path.read_text()) | changes
        beside = self._path.with_suffix(".new")
        beside.write_text(yaml.safe_dump(config))
        beside.replace(self._path)

    def services(self) -> dict[str, object]:
        """Return the services as they are written."""
        found: dict[str, object] = yaml.safe_load(self._path.read_text())["services"]
        return found

    def reload(self, **changes: object) -> None:
        """Write it anew, and say so."""
        self.change(**changes)
        self._node.gateway.process.send_signal(signal.SIGHUP)

    def applied(self, version: int) -> bool:
        """Wait until every worker decides from this version."""
        return wait_until(lambda: asked(self._probe)[1]["versions"] == [version] * 2)


@pytest.fixture
def file(node: Stage, tmp_path: Path, probe: int) -> File:
    return File(node, tmp_path, probe)


def more_routes(number: int) -> list[dict[str, object]]:
    respond = {"body": str(number)}
    answer: dict[str, object] = {"path": f"/r{number}", "auth": "none", "respond": respond}
    return [*routes(), answer]


def test_a_signal_has_the_file_read_again(node: Stage, file: File) -> None:
    file.reload(routes=more_routes(1))
    assert file.applied(2)
    with node.client() as client:
        assert client.get(b"/r1").body == b"1"


def test_what_would_be_in_the_clear_is_refused_until_it_has_a_reason(
    node: Stage, file: File, probe: int
) -> None:
    """Red where settings/overheard.py complains of stores and contacts alone."""
    away = {"endpoints": ["http://192.0.2.7:9001"]}
    file.reload(services=file.services() | {"away": away}, routes=more_routes(3))
    assert wait_until(lambda: "refused" in asked(probe)[1])
    (complaint,) = [asked(probe)[1]["refused"]]
    assert "services.away.endpoints[0]: what people write would cross the network" in str(complaint)
    with node.client() as client:
        assert client.get(b"/r3").body != b"3"
    file.reload(plaintext={"services": "a test"})
    assert file.applied(2)
    with node.client() as client:
        assert client.get(b"/r3").body == b"3"


def test_a_file_that_has_changed_is_read_again(node: Stage, file: File) -> None:
    file.change(routes=more_routes(2))
    assert file.applied(2)
    with node.client() as client:
        assert client.get(b"/r2").body == b"2"


def test_an_open_connection_is_led_by_the_new_routes(node: Stage, file: File) -> None:
    with node.client() as client:
        assert client.get(b"/r3").status == 200  # the service's
        file.reload(routes=more_routes(3))
        assert file.applied(2)
        assert client.get(b"/r3").body == b"3"


def test_a_bad_file_changes_nothing_and_its_errors_are_told(
    node: Stage, file: File, probe: int
) -> None:
    file.reload(routes=[{"path": "/", "service": "nobody", "auth": "none"}])
    assert wait_until(lambda: "refused" in asked(probe)[1])
    status, said = asked(probe)
    (complaint,) = [said["refused"]]
    assert "routes[0].service: there is no service `nobody`" in json.dumps(complaint)
    assert (status, said["configuration"], said["versions"]) == (200, 1, [1, 1])
    assert wait_until(lambda: "configuration_refused" in node.gateway.log.read_text())
    with node.client() as client:
        assert client.get(b"/").status == 200
    file.reload(routes=more_routes(4))
    assert file.applied(2)
    assert "refused" not in asked(probe)[1]


def test_what_the_process_has_for_life_is_refused(node: Stage, file: File, probe: int) -> None:
    file.reload(listen=f"127.0.0.1:{free_port()}", routes=more_routes(5))
    assert wait_until(lambda: "refused" in asked(probe)[1])
    assert asked(probe)[1]["refused"] == [
        "listen: cannot change while the gateway runs: start it anew"
    ]
    with node.client() as client:
        assert client.get(b"/r5").status == 200  # the service's: the route is not there


def test_a_worker_that_is_replaced_begins_with_the_newest(node: Stage, file: File) -> None:
    file.reload(routes=more_routes(6))
    assert file.applied(2)
    os.kill(workers_of(node.gateway.process.pid)[0], signal.SIGKILL)
    assert file.applied(2)
    for _ in range(8):
        with node.client() as client:
            assert client.get(b"/r6").body == b"6"


def test_a_tunnel_goes_on(node: Stage, file: File) -> None:
    def script(call: Call) -> None:
        call.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert len(call.read_exactly(10)) == 10
        call.send(_ANSWER)

    with node.client() as client:
        client.send(head_of(node.on(script), fields=_UPGRADE))
        assert client.head().status == 101
        file.reload(routes=more_routes(7))
        assert file.applied(2)
        client.send(_SAID)
        assert client.read_exactly(len(_ANSWER)) == _ANSWER


def test_under_load_no_request_is_lost(node: Stage, file: File) -> None:
    """Half of the reloads move the service's routes; every request is answered by it."""
    stop, answers, faults = threading.Event(), [0] * CLIENTS, list[str]()

    def load(number: int) -> None:
        try:
            while not stop.is_set():
                with Client(node.port) as client:
                    for _ in range(20):
                        assert client.get(b"/").status == 200
                        answers[number] += 1
        except (OSError, AssertionError) as error:
            faults.append(repr(error))

    threads = [threading.Thread(target=load, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        for number in range(RELOADS):
            services = {"up": {"endpoints": [node.upstream.url], "balance": _BALANCE[number % 2]}}
            file.reload(routes=more_routes(number), services=services)
            assert file.applied(number + 2)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert faults == []
    assert min(answers) > 0


_SAID: Final = b"\x81\x84\0\0\0\0here"  # a masked text (RFC 6455 5.2)
_ANSWER: Final = b"\x81\x05there"
_UPGRADE: Final = ((b"Connection", b"upgrade"), (b"Upgrade", b"websocket"))
_BALANCE: Final = ("round_robin", "least_request")
