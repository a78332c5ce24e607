"""Journals for tests: a disk that can be told to fail, and a folder that is written and read."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.journal.disk import SystemDisk
from tta_gateway.support.journal.reader import Reader, Record, Trouble
from tta_gateway.support.journal.slot import Entry, Slot

RING: Final = Ring([bytes(range(32))])
NOW: Final = 1_790_000_000.0


class FailingDisk:
    """The file system, of which single calls fail as long as they are told to."""

    def __init__(self) -> None:
        self._disk = SystemDisk()
        self.failing: dict[str, int] = {}
        """by call, the error number"""
        self.writes_before: int | None = None
        """bytes that are still written before a write fails"""
        self.calls: list[str] = []

    def create(self, path: str) -> int:
        self._note("create")
        return self._disk.create(path)

    def write(self, fd: int, data: bytes, at: int) -> None:
        if self.writes_before is not None:
            self._disk.write(fd, data[: self.writes_before], at)
        self._note("write")
        self._disk.write(fd, data, at)

    def sync(self, fd: int) -> None:
        self._note("sync")
        self._disk.sync(fd)

    def sync_folder(self, path: str) -> None:
        self._note("sync_folder")
        self._disk.sync_folder(path)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        number = self.failing.get(call)
        if number is not None:
            raise OSError(number, "fails in this test")

    def fill(self) -> None:
        """Have no room for another file; what is there can be written."""
        self.failing["create"] = errno.ENOSPC


class Stage:
    """A folder with one writer at a time, and a reader that keeps its marks."""

    def __init__(self, folder: Path, keys: Ring = RING) -> None:
        self.folder = folder
        self.disk = FailingDisk()
        self.told: list[str] = []
        self.clock = FakeClock(wall=0.0)
        self.keys = keys
        self.troubles: list[Trouble] = []
        self.reader = Reader(folder, keys, trouble=self.troubles.append)
        self.marks: dict[str, int] = {}

    def slot(self, number: int = 0) -> Slot:
        made = Slot(
            self.folder,
            number,
            keys=self.keys,
            disk=self.disk,
            clock=self.clock,
            trouble=self._trouble,
        )
        made.open()
        return made

    def _trouble(self, what: str, why: str) -> None:
        assert why
        self.told.append(what)

    def take(self) -> list[bytes]:
        """Take over all that is new."""
        return [one.payload for one in self.take_records()]

    def take_records(self) -> list[Record]:
        taken: list[Record] = []
        while records := self.reader.read(self.marks):
            for one in records:
                self.marks[one.segment] = one.end
            taken += records
        return taken

    def files(self) -> list[str]:
        return sorted(str(one.relative_to(self.folder)) for one in self.folder.rglob("*.journal"))


def entries(*payloads: bytes, urgent: bool = True) -> list[Entry]:
    return [Entry(NOW, payload, urgent) for payload in payloads]


def damage(path: Path, at: int, change: Callable[[int], int] = lambda byte: byte ^ 0xFF) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] = change(data[at])
    path.write_bytes(data)
