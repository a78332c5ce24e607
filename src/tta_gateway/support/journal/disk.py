"""The disk: the calls that it may refuse, so that a test can have them refused."""

import fcntl
import os
from typing import Protocol


class Disk(Protocol):
    """What a writer asks of a file system; each raises OSError if it could not be done."""

    def create(self, path: str) -> int:
        """Make a file that is not there yet, readable by its owner alone; return a descriptor."""

    def write(self, fd: int, data: bytes, at: int) -> None:
        """Write all of the data there."""

    def sync(self, fd: int) -> None:
        """Return when what has been written is on the medium."""

    def sync_folder(self, path: str) -> None:
        """Return when names that were made or taken away in a folder are."""


class SystemDisk:
    """The file system itself."""

    def create(self, path: str) -> int:
        """Make a file that is not there yet, readable by its owner alone; return a descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, data: bytes, at: int) -> None:
        """Write all of the data there."""
        view = memoryview(data)
        while len(view):
            written = os.pwrite(fd, view, at)
            view = view[written:]
            at += written

    def sync(self, fd: int) -> None:
        """Return when what has been written is on the medium."""
        os.fdatasync(fd)

    def sync_folder(self, path: str) -> None:
        """Return when names that were made or taken away in a folder are."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def lock(fd: int) -> bool:
    """Take a file for this process; False if another has it.  The kernel unlocks for the dead."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
