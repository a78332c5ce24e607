"""What a supervisor leaves to the one that it becomes; that it does is in tests/e2e."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tta_gateway.node.child import file_of
from tta_gateway.node.handover import Handover, Kept, encoded, hand_over, taken_over

NOTHING = -1
FILE = Path("gateway.yaml")


def handover(**changes: object) -> Handover:
    """What a node leaves that has nothing open, changed as the test wants."""
    empty = Handover(
        snapshot=b"snapshot",
        slots=2,
        listeners=[],
        probe=[],
        admin=[],
        public=NOTHING,
        commands=NOTHING,
        lock=NOTHING,
        segments=NOTHING,
        segment=0,
        logs=[],
        children=[],
        generation=1,
    )
    return msgspec.structs.replace(empty, **changes)


class Execution:
    """The moment in which a process would become another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.command: list[str] = []
        self.blocked: set[int] = set()
        self.inheritable: list[bool] = []
        self.left: bytes = b""
        self.watched: list[int] = []
        self.fault: OSError | None = None
        monkeypatch.setattr(os, "execv", self._execute)

    def _execute(self, program: str, command: list[str]) -> None:
        assert program == command[0]
        self.command = command
        self.blocked = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        self.inheritable = [os.get_inheritable(fd) for fd in (self.fd, *self.watched)]
        self.left = os.pread(self.fd, 100_000, 0)
        if self.fault is not None:
            raise self.fault
        os.close(self.fd)

    @property
    def fd(self) -> int:
        return int(self.command[self.command.index("--resume") + 1])


@pytest.fixture
def execution(monkeypatch: pytest.MonkeyPatch) -> Iterator[Execution]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield Execution(monkeypatch)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture
def fd() -> Iterator[int]:
    made = os.memfd_create("anything", os.MFD_CLOEXEC)
    yield made
    os.close(made)


def test_it_becomes_the_supervisor_that_goes_on(execution: Execution) -> None:
    hand_over(handover(), FILE)
    interpreter, *_, module, resume, _, file = execution.command
    assert (interpreter, module, resume, file) == (
        sys.executable,
        "tta_gateway.node.supervisor_main",
        "--resume",
        "gateway.yaml",
    )


def test_all_that_is_left_stands_in_the_file(execution: Execution) -> None:
    left = handover(children=[Kept(pid=7, channel=NOTHING, segment=3, slot=1, version=2)])
    hand_over(left, FILE)
    assert msgspec.msgpack.decode(execution.left, type=Handover) == left


def test_the_descriptors_survive(execution: Execution, fd: int) -> None:
    execution.watched = [fd]
    hand_over(handover(lock=fd), FILE)
    assert execution.inheritable == [True, True]


def test_signals_wait_meanwhile(execution: Execution) -> None:
    hand_over(handover(), FILE)
    assert execution.blocked >= {signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}


def test_who_cannot_become_another_goes_on_as_before(execution: Execution) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    execution.fault = OSError(2, "no such file")
    with pytest.raises(OSError, match="no such file"):
        hand_over(handover(), FILE)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(execution.fd)


def test_a_descriptor_that_is_none_cannot_be_left(execution: Execution) -> None:
    with pytest.raises(OSError, match="descriptor"):
        hand_over(handover(segments=10_000), FILE)
    assert execution.command == []


def test_who_takes_over_gets_what_was_left() -> None:
    left = handover(listeners=[[]], generation=7)
    assert taken_over(file_of(msgspec.msgpack.encode(left))) == left


def test_who_takes_over_keeps_the_descriptors_from_its_own_children(fd: int) -> None:
    os.set_inheritable(fd, True)
    taken_over(file_of(msgspec.msgpack.encode(handover(commands=fd))))
    assert not os.get_inheritable(fd)


def test_the_file_is_read_once() -> None:
    file = file_of(msgspec.msgpack.encode(handover()))
    taken_over(file)
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(file)


def test_every_descriptor_is_known() -> None:
    children = [Kept(pid=1, channel=10, segment=0), Kept(pid=2, channel=NOTHING, segment=1)]
    left = handover(
        listeners=[[1, 2], [3]],
        probe=[4],
        admin=[5],
        public=6,
        commands=7,
        lock=8,
        segments=9,
        logs=[11, 12],
        children=children,
    )
    assert sorted(left.descriptors()) == list(range(1, 13))


def test_who_only_reads_it_leaves_the_descriptors_alone(fd: int) -> None:
    os.set_inheritable(fd, True)
    left = handover(commands=fd, lock=10_000)
    assert taken_over(file_of(encoded(left)), only_read=True) == left
    assert os.get_inheritable(fd)


@pytest.mark.parametrize("data", [b"", b"\xc1", msgspec.msgpack.encode({"snapshot": b""})])
@pytest.mark.parametrize("only_read", [False, True])
def test_what_another_version_has_left_is_an_error(data: bytes, only_read: bool) -> None:
    with pytest.raises(msgspec.MsgspecError):
        taken_over(file_of(data), only_read=only_read)


def test_what_a_later_version_leaves_besides_is_no_harm() -> None:
    more = {**msgspec.structs.asdict(handover()), "children": [], "later": 1}
    assert taken_over(file_of(msgspec.msgpack.encode(more)), only_read=True) == handover()


def test_the_stamp_of_the_file_that_was_compiled_is_left() -> None:
    left = handover(stamp=(1, 2, 3))
    assert taken_over(file_of(encoded(left))).stamp == (1, 2, 3)
