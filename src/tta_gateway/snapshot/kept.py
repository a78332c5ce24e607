"""The kept snapshot: the last accepted one, in the state folder, sealed.

With it a gateway serves although its configuration can no longer be compiled.  The supervisor only
moves the sealed bytes: what it takes to make and to read them stands in snapshot/sealed.py.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "snapshot.kept"


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, encoded, and the same sealed for the disk."""

    data: bytes
    sealed: bytes


def keep(sealed: bytes, state: Path, name: str = NAME) -> None:
    """Write it in one step, so that there is always a whole one; OSError if it cannot be."""
    beside = state / f"{name}.new"
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(sealed)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(state / name)
