"""When a worker lets clients in, without a socket."""

import asyncio
import errno
import os
from collections.abc import Callable
from typing import Any, Final, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.doors import Doors, Watchman

FULL: Final = OSError(errno.EMFILE, "no descriptor is left")


class Sockets:
    """A loop, a listening socket and its servers, which keep what is done to them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failures: list[OSError] = []

    def dup(self) -> "Sockets":
        if self.failures:
            raise self.failures.pop()
        return self

    async def create_server(self, _: object, **more: object) -> "Sockets":
        assert more["sock"] is self
        self.lines.append("open")
        return self

    def close(self) -> None:
        self.lines.append("close")


def run(work: Any) -> None:  # noqa: ANN401 - a coroutine
    asyncio.run(work)


@pytest.fixture
def sockets() -> Sockets:
    return Sockets()


@pytest.fixture
def doors(sockets: Sockets) -> Doors:
    anything = cast("Any", sockets)
    made = Doors(anything, [anything, anything], [asyncio.Protocol, asyncio.Protocol])
    run(made.open())
    assert sockets.lines == ["open", "open"]
    sockets.lines.clear()
    return made


def test_doors_that_are_shut_can_be_opened_again(doors: Doors, sockets: Sockets) -> None:
    seen = []
    doors.shut()
    seen.append(doors.are_shut)
    run(doors.open_again())
    seen.append(doors.are_shut)
    assert seen == [True, False]
    assert sockets.lines == ["close", "close", "open", "open"]


def test_doors_that_are_open_are_not_opened_twice(doors: Doors, sockets: Sockets) -> None:
    run(doors.open_again())
    assert sockets.lines == []


def test_doors_that_are_closed_stay_closed(doors: Doors, sockets: Sockets) -> None:
    doors.close()
    assert sockets.lines == ["close"] * 4  # the servers, and the sockets themselves
    run(doors.open_again())
    assert (doors.are_shut, len(sockets.lines)) == (False, 4)


def test_where_one_door_cannot_be_opened_all_stay_shut(doors: Doors, sockets: Sockets) -> None:
    doors.shut()
    sockets.failures = [FULL]
    run(doors.open_again())
    assert doors.are_shut


def test_a_door_that_cannot_be_opened_at_the_start_is_told(doors: Doors, sockets: Sockets) -> None:
    doors.shut()
    sockets.failures = [FULL]
    with pytest.raises(OSError, match="no descriptor is left"):
        run(doors.open())


class Night:
    """A watchman on his round, and what comes of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.clock = FakeClock()
        self.lines: list[str] = []
        self.idle = 0
        self.are_shut = False
        anything = cast("Any", self)
        self.watchman = Watchman(
            anything, anything, clock=self.clock.monotonic, log=anything, spawn=self._open
        )

    def _open(self) -> None:
        self.lines.append("open")
        self.are_shut = False

    def shut(self) -> None:
        self.are_shut = True

    def event(self, name: str) -> None:
        self.lines.append(name)

    def make_room(self, _: float) -> bool:
        self.lines.append("make room")
        self.idle -= 1
        return self.idle >= 0

    def look(self, *, left: int, failure: OSError = FULL) -> list[str]:
        """Look where so many descriptors are left; return what he does."""
        had: list[int] = []

        def take(*_: object) -> int:
            if len(had) == left:
                raise failure
            had.append(len(had))
            return had[-1]

        give: Callable[[int], None] = had.remove
        with self.monkeypatch.context() as patch:
            patch.setattr(os, "open", take)
            patch.setattr(os, "close", give)
            self.watchman.tick()
        assert had == []
        lines, self.lines = self.lines, []
        return lines


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Night:
    return Night(monkeypatch)


def test_while_descriptors_are_left_nothing_is_done(night: Night) -> None:
    assert night.look(left=4) == []


def test_without_them_the_doors_are_shut_and_it_is_said(night: Night) -> None:
    assert night.look(left=3) == ["descriptors_exhausted", "make room"]
    assert night.are_shut


def test_a_folder_that_may_not_be_read_is_no_want_of_descriptors(night: Night) -> None:
    assert night.look(left=0, failure=PermissionError(errno.EACCES, "not yours")) == []


def test_the_machine_s_want_is_one_too(night: Night) -> None:
    assert night.look(left=0, failure=OSError(errno.ENFILE, "none is left"))[0] == (
        "descriptors_exhausted"
    )


def test_it_is_said_once_a_minute(night: Night) -> None:
    night.look(left=0)
    night.clock.advance(59.0)
    assert night.look(left=0) == ["make room"]
    night.clock.advance(1.0)
    assert night.look(left=0) == ["descriptors_exhausted", "make room"]


def test_a_few_guests_give_way_at_each_look(night: Night) -> None:
    night.idle = 20
    assert night.look(left=0).count("make room") == 16
    assert night.look(left=0).count("make room") == 5


def test_when_there_are_some_again_the_doors_are_opened(night: Night) -> None:
    night.look(left=0)
    assert night.look(left=4) == ["open"]
    assert night.look(left=4) == []
