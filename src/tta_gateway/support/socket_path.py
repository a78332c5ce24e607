"""Paths of unix sockets, however long.

A socket's own path has room for 107 bytes; through the descriptor of its folder it is short.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LONGEST: Final = 107  # bytes: sun_path holds 108, the last of them NUL (unix(7))


@contextmanager
def short(path: str) -> Iterator[str]:
    """Yield a path to bind or connect to: it itself, or one that is good as long as this lasts."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    long = Path(path)
    folder = os.open(long.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{long.name}"
    finally:
        os.close(folder)
