"""Files that are looked at from a thread.  One that hangs does so until the test lets it go."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tta_gateway.node.looking import EACH, HURRIED, PATIENCE, Looking
from tta_gateway.support.file_stamp import FileStamp, stamp_of

ONE, OTHER, THIRD = Path("one"), Path("other"), Path("third")
PATIENT = 5.0  # seconds, for a thread on a busy machine
NEXT = EACH + 0.01


class Disk:
    """Files that are looked at; those that hang say nothing."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events = Events()
        self.looks: list[Path] = []
        self.hanging: dict[Path, threading.Event] = {}
        self.reached = threading.Event()
        self.looking = Looking(
            clock=self.clock.monotonic, log=cast("Any", self.events), look=self._look
        )
        self.looking.watch([ONE, OTHER, ONE])

    def _look(self, file: Path) -> FileStamp | None:
        self.looks.append(file)
        if file in self.hanging:
            self.reached.set()
            assert self.hanging[file].wait(PATIENT)
        return (1, 1, len(self.looks))

    def hangs(self, file: Path) -> None:
        self.hanging[file] = threading.Event()

    def round(self, *, after: float = NEXT, hurry: bool = False) -> None:
        """Time passes, and all are looked at that do not hang."""
        self.clock.advance(after)
        self.looking.tick(hurry=hurry)
        self.looking.wait(PATIENT)
        self.looking.tick(hurry=hurry)

    def gets_stuck(self) -> None:
        """A round begins that comes to a file that hangs, and stays there."""
        self.clock.advance(NEXT)
        self.looking.tick(hurry=False)
        assert self.reached.wait(PATIENT)

    def let_go(self) -> None:
        for one in self.hanging.values():
            one.set()
        for thread in [one for one in threading.enumerate() if one.name == "looking"]:
            thread.join(PATIENT)


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.let_go()


def test_each_file_is_looked_at_once_in_a_round(disk: Disk) -> None:
    assert disk.looking.stamp(ONE) is None
    disk.round()
    assert disk.looks == [ONE, OTHER]
    assert (disk.looking.stamp(ONE), disk.looking.stamp(OTHER)) == ((1, 1, 1), (1, 1, 2))
    assert not disk.looking.is_under_way


def test_rounds_come_about_once_a_second_and_more_often_in_a_hurry(disk: Disk) -> None:
    for after in (NEXT, 0.1, EACH - 0.2, 0.2):
        disk.round(after=after)
    assert len(disk.looks) == 4
    disk.round(after=HURRIED + 0.01, hurry=True)
    assert len(disk.looks) == 6


def test_files_that_nobody_wants_any_more_are_forgotten(disk: Disk) -> None:
    disk.round()
    disk.looking.watch([OTHER, THIRD])
    disk.round()
    assert disk.looks == [ONE, OTHER, OTHER, THIRD]
    assert disk.looking.stamp(ONE) is None
    disk.looking.watch([])
    disk.round()
    assert len(disk.looks) == 4


def test_one_that_hangs_holds_up_nobody_and_the_others_are_looked_at(disk: Disk) -> None:
    """Red with `self._look` called from `tick`: the loop of the supervisor would hang with it."""
    disk.hangs(ONE)
    disk.gets_stuck()
    disk.looking.tick(hurry=False)
    assert (disk.looking.is_under_way, disk.looking.stamp(OTHER)) == (True, None)
    disk.clock.advance(PATIENCE + 0.1)
    disk.looking.tick(hurry=False)
    disk.looking.wait(PATIENT)
    assert disk.looking.stamp(OTHER) is not None
    for _ in range(3):
        disk.round()
    assert disk.looks == [ONE] + [OTHER] * 4
    assert disk.events.told == [("file_hangs", {"file": "one"})]


def test_one_that_answers_after_all_is_looked_at_again(disk: Disk) -> None:
    disk.hangs(ONE)
    disk.gets_stuck()
    disk.clock.advance(PATIENCE + 0.1)
    disk.looking.tick(hurry=False)
    disk.let_go()
    disk.hanging.clear()
    assert disk.looking.stamp(ONE) is not None
    before = len(disk.looks)
    disk.round()
    assert disk.looks[before:] == [ONE, OTHER]


def test_where_all_hang_nothing_more_is_begun(disk: Disk) -> None:
    disk.looking.watch([ONE])
    disk.hangs(ONE)
    disk.gets_stuck()
    disk.clock.advance(PATIENCE + 0.1)
    for _ in range(3):
        disk.clock.advance(NEXT)
        disk.looking.tick(hurry=False)
    assert (disk.looks, disk.looking.is_under_way) == ([ONE], False)


def test_where_no_thread_is_to_be_had_it_is_tried_again(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        disk.round()
    assert disk.looks == []
    disk.round()
    assert disk.looks == [ONE, OTHER]


def test_real_files_are_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a")
    looking = Looking(clock=FakeClock().monotonic, log=cast("Any", None))
    looking.watch([file])
    looking.tick(hurry=False)
    looking.wait(PATIENT)
    assert looking.stamp(file) == stamp_of(file)
