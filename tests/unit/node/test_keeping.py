"""The accepted snapshot on its way to the disk, which may hang."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tta_gateway.node.keeping import Keeping
from tta_gateway.snapshot import kept

PATIENCE = 5.0  # seconds, for a thread on a busy machine


class Disk:
    """A disk that hangs until the test lets it go on."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reached = threading.Event()
        self.free = threading.Event()
        self.fault: OSError | None = None

    def keep(self, sealed: bytes, _: Path, __: str) -> None:
        self.reached.set()
        assert self.free.wait(PATIENCE)
        if self.fault is not None:
            raise self.fault
        self.written.append(sealed)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk()
    monkeypatch.setattr(kept, "keep", made.keep)
    yield made
    made.free.set()


def test_what_is_kept_stands_in_the_folder(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.keep(b"sealed")
    keeping.wait(PATIENCE)
    assert (tmp_path / kept.NAME).read_bytes() == b"sealed"
    assert keeping.take_error() is None


def test_it_may_have_another_name(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path, "found.kept")
    keeping.keep(b"sealed")
    keeping.wait(PATIENCE)
    assert [file.name for file in tmp_path.iterdir()] == ["found.kept"]


def test_the_newest_stands_there_in_the_end(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    for number in range(20):
        keeping.keep(b"%d" % number)
    keeping.wait(PATIENCE)
    assert (tmp_path / kept.NAME).read_bytes() == b"19"


def test_nobody_waits_for_a_disk_that_hangs(disk: Disk, tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.keep(b"sealed")
    assert disk.reached.wait(PATIENCE)
    keeping.wait(0.01)
    assert disk.written == []


def test_of_those_that_come_meanwhile_only_the_last_follows(disk: Disk, tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.keep(b"first")
    assert disk.reached.wait(PATIENCE)
    for sealed in (b"second", b"third", b"fourth"):
        keeping.keep(sealed)
    disk.free.set()
    keeping.wait(PATIENCE)
    assert disk.written == [b"first", b"fourth"]


def test_the_next_is_written_when_all_before_it_was(disk: Disk, tmp_path: Path) -> None:
    disk.free.set()
    keeping = Keeping(tmp_path)
    for sealed in (b"first", b"second"):
        keeping.keep(sealed)
        keeping.wait(PATIENCE)
    assert disk.written == [b"first", b"second"]


def test_why_it_could_not_be_written_is_told_once(disk: Disk, tmp_path: Path) -> None:
    disk.fault = OSError(28, "No space left on device")
    disk.free.set()
    keeping = Keeping(tmp_path)
    keeping.keep(b"sealed")
    keeping.wait(PATIENCE)
    assert (keeping.take_error(), keeping.take_error()) == (disk.fault, None)


def test_a_disk_that_was_full_gets_the_next(disk: Disk, tmp_path: Path) -> None:
    disk.fault = OSError(28, "No space left on device")
    disk.free.set()
    keeping = Keeping(tmp_path)
    keeping.keep(b"first")
    keeping.wait(PATIENCE)
    disk.fault = None
    keeping.keep(b"second")
    keeping.wait(PATIENCE)
    assert disk.written == [b"second"]


def test_where_nothing_was_asked_for_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.wait(PATIENCE)
    assert (keeping.take_error(), list(tmp_path.iterdir())) == (None, [])
