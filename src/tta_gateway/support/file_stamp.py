"""Stamps of files: what tells that one has been written, or replaced by another."""

import contextlib
from pathlib import Path

FileStamp = tuple[int, int, int]


def stamp_of(file: Path) -> FileStamp | None:
    """Return what changes when a file is written or replaced; None while there is none."""
    with contextlib.suppress(OSError):
        found = file.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None
