"""Newer snapshots, as a worker takes them."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.kernel.route import Service
from tta_gateway.node.child import LAST
from tta_gateway.node.updates import Updates
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import (
    CHANGE,
    LIVE,
    WHOLE,
    Live,
    Parts,
    change,
    encoded,
    parted,
)


def parts(version: int, *services: Service) -> Parts:
    return parted(
        Snapshot(version=version, state_dir=".", listeners=(), services=services, routes=())
    )


def snapshot(version: int) -> bytes:
    return encoded(parts(version))


class Worker:
    """A worker that applies what it gets; `fault` is what it answers instead, once."""

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.events: list[str] = []
        self.told: list[str] = []
        self.log = cast("Any", self)
        self.fault: Exception | None = None

    async def apply(self, parts: Parts) -> None:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.applied.append(parts.version)
        self.last = parts

    def event(self, name: str, *, error: str = "", **_: object) -> None:
        self.events.append(name)
        self.told.append(error)


class Slow(Worker):
    """A worker that takes a turn of the loop before its first fault."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    async def apply(self, parts: Parts) -> None:
        await asyncio.sleep(0)
        await super().apply(parts)


class Channel:
    """Both ends of a worker's channel."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)

    def give(self, data: bytes, kind: bytes = WHOLE) -> None:
        fd = os.memfd_create("snapshot")
        os.write(fd, data)
        socket.send_fds(self.ours, [kind], [fd])
        os.close(fd)

    def said(self) -> list[bytes]:
        words = []
        try:
            while word := self.ours.recv(64):
                words.append(word)
        except BlockingIOError:
            return words
        return words

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def updates_of(
    worker: Worker, channel: Channel, other: Callable[[bytes, list[int]], bool] | None = None
) -> Updates:
    """What a worker takes that has the first version."""
    made = partial(Updates, worker, channel.theirs, parts(1), orphaned=signal.SIGQUIT)
    return made() if other is None else made(other=other)


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel()
    yield made
    made.close()


def test_a_snapshot_is_applied_and_that_is_said(loop: FakeLoop, channel: Channel) -> None:
    worker = Worker()
    channel.give(snapshot(2))
    updates_of(worker, channel).hear()
    loop.run_ready()
    assert (worker.applied, channel.said()) == ([2], [b"applied 2"])


def test_of_those_that_come_meanwhile_the_last_is_applied(loop: FakeLoop, channel: Channel) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    for version in (2, 3, 4):
        channel.give(snapshot(version))
        updates.hear()
    loop.run_ready()
    assert worker.applied == [4]
    updates.take(WHOLE, snapshot(5))
    loop.run_ready()
    assert worker.applied == [4, 5]


@pytest.mark.parametrize("fault", [OSError("no such folder"), RuntimeError("a fault of ours")])
def test_what_cannot_be_applied_is_said_and_the_next_can_be(
    loop: FakeLoop, channel: Channel, fault: Exception
) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    worker.fault = fault
    updates.take(WHOLE, snapshot(2))
    loop.run_ready()
    assert (len(worker.events), channel.said()) == (1, [])
    updates.take(WHOLE, snapshot(3))
    loop.run_ready()
    assert worker.applied == [3]


@pytest.mark.parametrize("fault", [OSError("no such folder"), RuntimeError("a fault of ours")])
def test_what_has_come_meanwhile_is_applied_though_the_one_before_cannot_be(
    loop: FakeLoop, channel: Channel, fault: Exception
) -> None:
    worker = Slow(fault)
    updates = updates_of(worker, channel)
    updates.take(WHOLE, snapshot(2))
    loop.turn()
    updates.take(WHOLE, snapshot(3))
    loop.run_ready()
    assert (worker.applied, channel.said()) == ([3], [b"applied 3"])


def test_a_fault_of_ours_is_told_without_its_text(loop: FakeLoop, channel: Channel) -> None:
    worker = Worker()
    worker.fault = KeyError("a secret")
    updates_of(worker, channel).take(WHOLE, snapshot(2))
    loop.run_ready()
    assert worker.events == ["snapshot_not_applied"]
    assert worker.told[0].startswith("KeyError at ")
    assert "secret" not in worker.told[0]


@pytest.mark.parametrize("kind", [WHOLE, CHANGE])
def test_garbage_is_no_snapshot_and_all_of_it_is_asked_for(
    loop: FakeLoop, channel: Channel, kind: bytes
) -> None:
    worker = Worker()
    updates_of(worker, channel).take(kind, b"\xff")
    loop.run_ready()
    assert (worker.applied, worker.events) == ([], ["snapshot_not_read"])
    assert channel.said() == [b"behind 1"]


def test_a_change_leads_from_what_is_here(loop: FakeLoop, channel: Channel) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    after = parts(2, Service(name="players", endpoints=()))
    channel.give(encoded(change(parts(1), after)), CHANGE)
    updates.hear()
    loop.run_ready()
    assert (worker.last, channel.said()) == (after, [b"applied 2"])


def test_a_change_leads_on_from_one_that_is_not_applied_yet(
    loop: FakeLoop, channel: Channel
) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    for version in (2, 3):
        updates.take(CHANGE, encoded(change(parts(version - 1), parts(version))))
    loop.run_ready()
    assert (worker.applied, channel.said()) == ([3], [b"applied 3"])


def test_a_change_that_leads_from_elsewhere_is_not_applied_and_all_is_asked_for(
    loop: FakeLoop, channel: Channel
) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    updates.take(CHANGE, encoded(change(parts(2), parts(3))))
    loop.run_ready()
    assert (worker.applied, channel.said()) == ([], [b"behind 1"])
    updates.take(WHOLE, snapshot(3))
    loop.run_ready()
    assert (worker.applied, channel.said()) == ([3], [b"applied 3"])


def test_words_about_something_else_are_somebody_else_s(channel: Channel) -> None:
    heard: list[tuple[bytes, int]] = []

    def other(word: bytes, fds: list[int]) -> bool:
        heard.append((word, len(fds)))
        for fd in fds:
            os.close(fd)
        return True

    channel.give(b"anything", b"cover 3")
    updates_of(Worker(), channel, other=other).hear()
    assert heard == [(b"cover 3", 1)]


class Watching(FakeLoop):
    """A loop that notes when it is told to look no more."""

    stopped = 0

    def remove_reader(self, _: int) -> None:
        """Look no more."""
        self.stopped += 1


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that this process sends."""
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *told: made.append(told))
    return made


def test_who_has_lost_its_supervisor_ends_as_it_was_said_and_listens_no_more(
    channel: Channel, sent: list[tuple[int, int]]
) -> None:
    channel.ours.close()
    with Watching() as loop:
        updates_of(Worker(), channel).hear()
    assert cast("Watching", loop).stopped == 1
    assert sent == [(os.getpid(), signal.SIGQUIT)]


def test_whether_another_follows_is_known(channel: Channel) -> None:
    updates = updates_of(Worker(), channel)
    before = updates.is_last
    channel.ours.send(LAST)
    updates.hear()
    assert (before, updates.is_last) == (False, True)


def test_where_nothing_has_come_nothing_is_heard(
    channel: Channel, sent: list[tuple[int, int]]
) -> None:
    updates = updates_of(Worker(), channel)
    assert not channel.theirs.getblocking()  # else it would wait: recv_fds takes no flags (3.11)
    updates.hear()
    updates.hear_all()
    assert (updates.is_last, channel.said(), sent) == (False, [], [])


def test_all_that_has_come_can_be_heard_at_once(loop: FakeLoop, channel: Channel) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    for version in (2, 3):
        channel.give(snapshot(version))
    channel.ours.send(LAST)
    updates.hear_all()
    loop.run_ready()
    assert (worker.applied, updates.is_last) == ([3], True)


def test_what_came_before_the_end_is_heard_and_the_end_is_not_told_again(
    channel: Channel, sent: list[tuple[int, int]]
) -> None:
    updates = updates_of(Worker(), channel)
    channel.ours.send(LAST)
    channel.ours.close()
    updates.hear_all()
    assert (updates.is_last, sent) == (True, [])


def test_a_snapshot_for_which_there_was_no_descriptor_left_is_asked_for(
    loop: FakeLoop, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker()
    updates = updates_of(worker, channel)
    channel.give(snapshot(2))
    with monkeypatch.context() as patch:
        patch.setattr(socket, "recv_fds", lambda *_: (WHOLE, [], socket.MSG_CTRUNC, None))
        updates.hear()
    assert channel.said() == [b"behind 1"]
    updates.hear()
    loop.run_ready()
    assert worker.applied == [2]


def test_what_control_finds_out_is_applied_like_a_change(channel: Channel) -> None:
    worker = Worker()
    with FakeLoop() as loop:
        updates = updates_of(worker, channel)
        channel.give(encoded(Live(sections={"a": msgspec.Raw(b"\x05")})), LIVE)
        updates.hear()
        channel.give(encoded(change(parts(1), parts(2))), CHANGE)
        updates.hear()
        loop.turn()
    assert (worker.last.version, bytes(worker.last.live["a"])) == (2, b"\x05")
