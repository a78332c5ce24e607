"""The loop of a supervisor, turned by hand."""

import selectors
import signal
import socket
from typing import Any, cast

import pytest

from tests.helpers.house import Done, House, Told, compiled
from tta_gateway.node.signals import Signals


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGTERM, {"supervisor": ["stop"]}),
        (signal.SIGINT, {"supervisor": ["stop"]}),
        (signal.SIGHUP, {"reload": ["ask"]}),
        (signal.SIGUSR1, {"logs": ["reopen"]}),
        (signal.SIGUSR2, {"upgrade": ["ask"]}),
        (
            signal.SIGCHLD,
            {name: ["reap"] for name in ("supervisor", "reload", "beside", "upgrade")},
        ),
    ],
)
def test_a_signal_goes_to_whom_it_is_for(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    told: dict[str, list[str]],
) -> None:
    node = house.node()
    parts = {name: Told() for name in ("supervisor", "reload", "upgrade", "logs", "beside")}
    with monkeypatch.context() as patch:
        for name, part in parts.items():
            patch.setattr(node.ledger if name == "logs" else node.turns, name, part)
        node.turns._take(bytes([number]))
    assert {name: part.told for name, part in parts.items() if part.told} == told


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_a_node_that_ends_reads_nothing_and_becomes_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    node = house.serving()
    node.turns._take(bytes([signal.SIGTERM]))
    parts = {name: Told() for name in ("reload", "upgrade")}
    with monkeypatch.context() as patch:
        for name, part in parts.items():
            patch.setattr(node.turns, name, part)
        node.turns._take(bytes([number]))
    assert [part.told for part in parts.values()] == [[], []]


def test_a_node_that_ends_still_opens_its_logs_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = house.serving()
    node.turns._take(bytes([signal.SIGTERM]))
    logs = Told()
    with monkeypatch.context() as patch:
        patch.setattr(node.ledger, "logs", logs)
        node.turns._take(bytes([signal.SIGUSR1]))
    assert logs.told == ["reopen"]


def test_what_has_been_compiled_when_a_node_ends_is_not_adopted(house: House) -> None:
    node = house.serving()
    node.reload._compiling = cast("Any", Done(compiled(house)))
    node.turns._take(bytes([signal.SIGTERM]))
    node.turns._take(bytes([signal.SIGCHLD]))
    node.turns._tick()
    assert node.reload.snapshot.version == 1


class Sent:
    """Signals that come all at once, when somebody looks for them."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = bytes(numbers)
        self._reader, self._writer = socket.socketpair()
        self._writer.send(b"x")
        self.fd = self._reader.fileno()

    def come(self) -> bytes:
        self._reader.recv(1)
        return self._numbers

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def test_it_turns_until_all_processes_have_ended(house: House) -> None:
    node = house.serving()
    for process in house.processes:
        process.returncode = 0
    sent = Sent(signal.SIGTERM, signal.SIGCHLD)
    code = node.run(cast("Signals", sent))
    sent.close()
    assert (code, node.ledger.logs._thread.is_alive()) == (0, False)


def test_a_file_that_is_being_written_is_looked_at_again_soon(house: House) -> None:
    node = house.serving()
    before = node.turns._patience()
    (house.folder / "gateway.yaml").write_text("a")
    node.reload.tick()
    assert (before > 0.1, node.turns._patience()) == (True, 0.1)


class Log:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, **fields: Any) -> None:  # noqa: ANN401 - whatever is told
        self.told.append((name, fields))


@pytest.mark.parametrize("keep", [False, True])
def test_a_fault_of_ours_is_told_and_ends_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    """Red without the `except` in node/turns.py, _hear: the node would end."""

    def fail() -> None:
        raise LookupError("what a person wrote")

    node, log = house.node(), Log()
    monkeypatch.setattr(node.ledger, "log", log)
    ours, theirs = socket.socketpair()
    with ours, theirs, selectors.DefaultSelector() as selector:
        selector.register(ours, selectors.EVENT_READ, fail)
        theirs.send(b"a")
        for key, _ in selector.select(1.0):
            node.turns._hear(key, selector, keep=keep)
        assert (ours in selector.get_map()) is keep
        if not keep:
            node.turns._hear(key, selector, keep=False)  # it has gone in this turn already
    name, fields = log.told[0]
    assert (name, fields["error"]) == ("turn_failed", "LookupError")
    assert "what a person wrote" not in str(fields)
    assert any("test_turns.py" in one for one in fields["where"])
