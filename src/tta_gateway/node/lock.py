"""The lock: one gateway a state folder, as long as its supervisor lives."""

import fcntl
import os
from pathlib import Path
from typing import Final

NAME: Final = "gateway.lock"


def take(folder: Path) -> int:
    """Return a descriptor that holds the folder until it is closed; OSError if another has it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / NAME
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
        os.close(fd)
        reason = f"another gateway uses this folder (process {holder or 'unknown'})"
        raise OSError(error.errno, reason, str(folder)) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
