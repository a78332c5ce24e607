"""Hang-ups, over pipes: the end of a pipe's reader is an end of the peer too."""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from tta_gateway.edge.hangup import Hangups


class Loop:
    """A loop as far as it is asked to look at a descriptor; the test turns it."""

    def __init__(self) -> None:
        self.looks: dict[int, Callable[[], None]] = {}

    def add_reader(self, fd: int, call: Callable[[], None]) -> None:
        self.looks[fd] = call

    def remove_reader(self, fd: int) -> None:
        del self.looks[fd]

    def turn(self) -> None:
        for look in list(self.looks.values()):
            look()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def hangups(loop: Loop) -> Iterator[Hangups]:
    made = Hangups(cast("asyncio.AbstractEventLoop", loop))
    made.start()
    yield made
    made.stop()
    assert loop.looks == {}


class Pipe:
    """A pipe whose reader can go; `told` is how often that has been heard."""

    def __init__(self) -> None:
        self._reader, self.fd = os.pipe()
        self.told = 0

    def hear(self) -> None:
        self.told += 1

    def reader_goes(self) -> None:
        os.close(self._reader)

    def close(self) -> None:
        os.close(self.fd)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def test_nothing_is_told_while_the_peer_is_there(hangups: Hangups, loop: Loop, pipe: Pipe) -> None:
    hangups.watch(pipe.fd, pipe.hear)
    loop.turn()
    assert pipe.told == 0


def test_a_peer_that_goes_is_told_once(hangups: Hangups, loop: Loop, pipe: Pipe) -> None:
    hangups.watch(pipe.fd, pipe.hear)
    pipe.reader_goes()
    loop.turn()
    loop.turn()
    assert pipe.told == 1


def test_a_peer_that_is_watched_twice_is_told_once(
    hangups: Hangups, loop: Loop, pipe: Pipe
) -> None:
    hangups.watch(pipe.fd, pipe.hear)
    hangups.watch(pipe.fd, pipe.hear)
    pipe.reader_goes()
    loop.turn()
    assert pipe.told == 1


def test_a_peer_that_is_forgotten_may_go(hangups: Hangups, loop: Loop, pipe: Pipe) -> None:
    hangups.watch(pipe.fd, pipe.hear)
    hangups.forget(pipe.fd, pipe.hear)
    pipe.reader_goes()
    loop.turn()
    assert pipe.told == 0


def test_one_that_was_never_watched_can_be_forgotten(hangups: Hangups, pipe: Pipe) -> None:
    hangups.forget(pipe.fd, pipe.hear)


def test_a_number_that_somebody_else_has_by_now_stays_watched(
    hangups: Hangups, loop: Loop, pipe: Pipe
) -> None:
    before = Pipe()
    hangups.watch(pipe.fd, before.hear)
    hangups.watch(pipe.fd, pipe.hear)
    hangups.forget(pipe.fd, before.hear)
    pipe.reader_goes()
    loop.turn()
    assert (before.told, pipe.told) == (0, 1)


def test_one_that_has_been_closed_can_be_forgotten(
    hangups: Hangups, loop: Loop, pipe: Pipe
) -> None:
    hangups.watch(pipe.fd, pipe.hear)
    pipe.close()
    hangups.forget(pipe.fd, pipe.hear)
    loop.turn()
    assert pipe.told == 0
