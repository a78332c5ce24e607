"""What a node does with signals, with nothing bound; the rest is in tests/e2e/test_node.py."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.node import lock, supervisor_main
from tta_gateway.node.supervisor_main import Node, Signals
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, Snapshot


class Listening:
    """Sockets that are not there."""

    def __init__(self, listener: Listener, slots: int) -> None:
        self.url = f"http://{listener.host}:{listener.port}"
        self.slots = slots
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class Told:
    """A part that notes what it is asked."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: self.told.append(" ".join([name, *map(str, given)]))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Node]:
    monkeypatch.setattr(supervisor_main, "Listening", Listening)
    snapshot = Snapshot(
        version=1,
        state_dir=str(tmp_path),
        workers=3,
        listeners=(Listener(host="127.0.0.1", port=8080),),
        services=(),
        routes=(),
    )
    made = Node(tmp_path / "gateway.yaml", encode(snapshot), clock=FakeClock(), out=io.StringIO())
    yield made
    made.supervisor.selector.close()


def test_it_has_as_many_slots_as_it_is_to_have_workers(node: Node) -> None:
    assert len(node.supervisor.slots) == 3


def test_it_says_where_it_is_reached(node: Node) -> None:
    node._introduce()
    assert node._out.getvalue() == "ready: http://127.0.0.1:8080\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("number", "supervisor", "reload"),
    [
        (signal.SIGTERM, ["stop 15"], []),
        (signal.SIGINT, ["stop 2"], []),
        (signal.SIGHUP, [], ["ask"]),
        (signal.SIGUSR1, [f"pass_on {int(signal.SIGUSR1)}"], []),
        (signal.SIGCHLD, ["reap"], ["reap"]),
    ],
)
def test_a_signal_goes_to_whom_it_is_for(
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    supervisor: list[str],
    reload: list[str],
) -> None:
    keeper, reader = Told(), Told()
    with monkeypatch.context() as patch:
        patch.setattr(node, "supervisor", keeper)
        patch.setattr(node, "reload", reader)
        node._take(bytes([number]))
    assert (keeper.told, reader.told) == (supervisor, reload)


def test_the_end_makes_room_for_the_next_gateway(node: Node, tmp_path: Path) -> None:
    node.supervisor.stop(signal.SIGTERM)
    assert not any(one.is_open for one in node._listening)  # type: ignore[attr-defined]
    os.close(lock.take(tmp_path))


def test_its_health_names_the_configuration_and_what_was_refused(node: Node) -> None:
    assert node._health()[1]["configuration"] == 1
    assert "refused" not in node._health()[1]
    node.reload.complaints = ["no"]
    assert node._health()[1]["refused"] == ["no"]


class Events:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def event(self, name: str, **fields: object) -> None:
        self.told.append((name, fields))


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (1 << 20, []),
        (1024, [("descriptors_short", {"limit": 1024, "wanted": 20_000, "per_worker": 896})]),
    ],
)
def test_it_says_once_at_the_start_where_there_is_no_room_for_all_clients(
    node: Node, monkeypatch: pytest.MonkeyPatch, limit: int, told: list[object]
) -> None:
    events = Events()
    monkeypatch.setattr(supervisor_main, "limit", lambda: limit)
    monkeypatch.setattr(node, "log", events)
    node._introduce()
    assert events.told == told


def test_it_says_so_again_with_a_configuration_that_wants_more(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events()
    monkeypatch.setattr(supervisor_main, "limit", lambda: 1024)
    monkeypatch.setattr(node, "log", events)
    wants = ConnectionLimits(per_worker=30_000)
    node._adopt(encode(msgspec.structs.replace(node.snapshot, connections=wants)))
    assert [fields for _, fields in events.told] == [
        {"limit": 1024, "wanted": 30_000, "per_worker": 896}
    ]


def test_signals_that_have_come_are_told_once_each() -> None:
    before = signal.getsignal(signal.SIGUSR2)
    try:
        signals = Signals((signal.SIGUSR2,))
        for _ in range(3):
            signal.raise_signal(signal.SIGUSR2)
        assert signals.come() == bytes([signal.SIGUSR2])
    finally:
        os.close(signal.set_wakeup_fd(-1))
        os.close(signals.fd)
        signal.signal(signal.SIGUSR2, before)
