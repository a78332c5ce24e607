"""Drills in a worker: it is told of them, takes each once, and answers in a service's place."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from socket import AF_INET, AF_UNIX, socket
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.stream import Stream
from tta_gateway.node import line_socket
from tta_gateway.node.drilling import FOLDER, LASTS, MOST, Drilling
from tta_gateway.snapshot.model import Listener, ListenerTls

ORDER = {"id": "7", "by": "ben", "level": 3, "token": "t"}
TLS = ListenerTls(certificates=())


class Bound:
    """A socket that is bound there."""

    def __init__(self, *name: object, unix: str = "") -> None:
        self.family = AF_UNIX if unix else AF_INET
        self._name = unix or name

    def getsockname(self) -> object:
        return self._name


class Worker:
    """A worker with these ways in."""

    def __init__(self, folder: Path, *ways: tuple[Listener, Bound]) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.events = Events()
        self._sockets = cast("Sequence[socket]", [one for _, one in ways])
        listeners = [one for one, _ in ways]
        log = cast("Any", self.events)
        self.drilling = Drilling(lambda: listeners, clock=self.clock, log=log)

    def told(self, **more: object) -> dict[str, Any]:
        """Tell it of a drill."""

        async def run() -> dict[str, Any]:
            await self.drilling.open(self.folder, 3, self._sockets)
            try:
                return await line_socket.asked(self.folder / FOLDER / "3", {**ORDER, **more})
            finally:
                self.drilling.close()

        return asyncio.run(run())


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


def test_a_drill_of_which_it_was_told_is_taken_once(worker: Worker) -> None:
    assert worker.told() == {"doors": []}
    assert worker.drilling.take(b"") is None
    drill = worker.drilling.take(b"t")
    assert drill is not None
    assert (drill.id, drill.by, drill.level) == ("7", "ben", 3)
    assert worker.drilling.take(b"t") is None
    assert list((worker.folder / FOLDER).iterdir()) == []


def test_a_drill_is_waited_for_no_longer_than_it_may_come(worker: Worker) -> None:
    worker.told()
    worker.clock.advance(LASTS)
    assert worker.drilling.take(b"t") is None
    worker.told()
    worker.told(is_over=True)
    assert worker.drilling.take(b"t") is None


def test_so_many_are_waited_for_and_no_more(worker: Worker) -> None:
    for number in range(MOST):
        assert "doors" in worker.told(token=f"{number}")
    assert worker.told()["failed"]["why"] == "it waits for too many drills"
    assert "doors" in worker.told(token="0")  # one that it waits for
    worker.clock.advance(LASTS)
    assert "doors" in worker.told()


@pytest.mark.parametrize("order", [{"level": 9}, {"level": "x"}, {"token": None}])
def test_what_is_no_drill_is_refused(worker: Worker, order: dict[str, object]) -> None:
    assert worker.told(**order)["failed"]["step"] == "worker"


def test_it_tells_where_people_come_of_whom_nothing_is_asked(tmp_path: Path) -> None:
    here = Bound("0.0.0.0", 80)  # nothing is bound
    asks = ListenerTls(certificates=(), client_ca="x")
    worker = Worker(
        tmp_path,
        (Listener(internal=True), here),
        (Listener(redirect_port=443), here),
        (Listener(tls=asks), here),
        (Listener(proxy_protocol=True, trusted=("10.0.0.0/8",)), here),
        (Listener(), here),
        (Listener(tls=TLS, trusted=("10.0.0.0/8",)), Bound("::", 443, 0, 0)),
        (Listener(proxy_protocol=True, trusted=("127.0.0.0/8",)), Bound("192.0.2.1", 81)),
        (Listener(proxy_protocol=True), Bound(unix="/run/a.sock")),
    )
    assert worker.told()["doors"] == [
        {"host": "127.0.0.1", "port": 80, "unix": "", "tls": False, "proxied": False},
        {"host": "::1", "port": 443, "unix": "", "tls": True, "proxied": False},
        {"host": "192.0.2.1", "port": 81, "unix": "", "tls": False, "proxied": True},
        {"host": "", "port": 0, "unix": "/run/a.sock", "tls": False, "proxied": True},
    ]


def test_it_answers_itself(worker: Worker) -> None:
    class Asked:
        def __init__(self) -> None:
            self.exchange = an_exchange()
            self.said: list[Response] = []

        def answer(self, response: Response) -> None:
            self.said.append(response)

    worker.told()
    asked = Asked()
    asked.exchange.drill = worker.drilling.take(b"t")
    worker.drilling.asked(cast("Stream", asked), b"{}")
    (answer,) = asked.said
    assert answer.status == 200
    assert json.loads(answer.body or b"") == {"drill": "7"}


def test_where_it_cannot_be_told_that_is_said(worker: Worker) -> None:
    (worker.folder / FOLDER).write_text("no folder")
    with pytest.raises(OSError, match="Not a directory"):
        worker.told()
    assert [name for name, _ in worker.events.told] == ["drills_not_taken"]
    assert msgspec.json.encode(worker.events.told)
