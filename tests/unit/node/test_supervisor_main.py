"""The supervisor as a program: what becomes a node, and how its end is told."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tta_gateway.node import supervisor_main
from tta_gateway.node.child import file_of
from tta_gateway.node.supervisor_main import TAKEN, become, main
from tta_gateway.snapshot.kept import Compiled

BOTH = msgspec.msgpack.encode(Compiled(data=b"snapshot", sealed=b"sealed"))
MODULE = "tta_gateway.node.supervisor_main"


def test_the_command_becomes_the_supervisor_of_what_it_has_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executed: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: executed.append(command))
    become(BOTH, Path("gateway.yaml"))
    ((interpreter, *_, module, fd, file),) = executed
    assert (interpreter, module, file) == (sys.executable, MODULE, "gateway.yaml")
    assert (os.read(int(fd), 1000), os.get_inheritable(int(fd))) == (BOTH, True)
    os.close(int(fd))


class Nodes:
    """What stands for a node: it notes what it was made of, and is over at once."""

    def __init__(self) -> None:
        self.made: list[tuple[Path, bytes, object]] = []
        self.kept: list[bytes] = []
        self.signals: object = None
        self.fault: OSError | None = None

    def __call__(self, file: Path, data: bytes, *, kept: object = None, **_: object) -> "Nodes":
        if self.fault is not None:
            raise self.fault
        self.made.append((file, data, kept))
        return self

    def keep_for_later(self, sealed: bytes) -> None:
        self.kept.append(sealed)

    def run(self, signals: object) -> int:
        self.signals = signals
        return 7


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    made = Nodes()
    monkeypatch.setattr(supervisor_main, "Node", made)
    monkeypatch.setattr(supervisor_main, "Signals", lambda numbers: ("signals", numbers))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield made
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ended(monkeypatch: pytest.MonkeyPatch, *words: object) -> object:
    """The status, or the reason, with which it ends if it is started with these words."""
    monkeypatch.setattr(sys, "argv", [MODULE, *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_it_begins_with_what_was_compiled_and_ends_as_its_node_does(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended(monkeypatch, file_of(BOTH), "gateway.yaml") == 7
    assert nodes.made == [(Path("gateway.yaml"), b"snapshot", None)]


def test_what_it_begins_with_is_kept_for_later(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(monkeypatch, file_of(BOTH), "gateway.yaml")
    assert nodes.kept == [b"sealed"]


def test_it_takes_every_signal_that_a_node_knows(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(monkeypatch, file_of(BOTH), "gateway.yaml")
    assert nodes.signals == ("signals", TAKEN)


def test_it_goes_on_with_what_was_handed_over(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left:
        snapshot = b"newer"

    left = Left()
    monkeypatch.setattr(supervisor_main, "taken_over", lambda fd: left if fd == 4711 else None)
    ended(monkeypatch, "--resume", 4711, "gateway.yaml")
    assert nodes.made == [(Path("gateway.yaml"), b"newer", left)]


def test_signals_that_have_waited_are_taken(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN)
    ended(monkeypatch, file_of(BOTH), "gateway.yaml")
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert nodes.made


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            OSError(98, "Address already in use", "127.0.0.1:8080"),
            "cannot start: 127.0.0.1:8080: Address already in use",
        ),
        (OSError(24, "Too many open files"), "cannot start: Too many open files"),
        (OSError("no worker"), "cannot start: no worker"),
    ],
)
def test_what_it_cannot_have_is_the_reason_of_its_end(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, fault: OSError, reason: str
) -> None:
    nodes.fault = fault
    assert ended(monkeypatch, file_of(BOTH), "gateway.yaml") == reason


def test_it_takes_what_ends_a_node_what_changes_it_and_what_its_children_do() -> None:
    assert set(TAKEN) == {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGCHLD,
    }
