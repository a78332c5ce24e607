"""The lock: one gateway a state folder, as long as its supervisor lives.

What stands in the folder is the gateway's alone, and so the folder is.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

NAME: Final = "gateway.lock"
_OURS: Final = (
    *("gateway.lock", "admin.", "control.", "supervisor.", "snapshot.", "valkey", "limits"),
    *("sessions", "tethers", "found.kept", "gateway.sqlite3"),
    *("journal", "keys.db", "encryption.key", "guard.", "at_risk", "drills"),
)
"""With what the names of all that a gateway keeps in its folder begin."""


def take(folder: Path) -> int:
    """Return a descriptor that holds the folder until it is closed; OSError if another has it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _shut(folder)
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


def _shut(folder: Path) -> None:
    """Let nobody else into a folder that was there; OSError if everybody may write into it.

    One that holds other things too stays as it is: they may be meant for others (`/var`, a log).
    """
    found = folder.stat()
    is_mine = found.st_uid == os.geteuid()
    if is_mine and all(one.name.startswith(_OURS) for one in folder.iterdir()):
        folder.chmod(0o700)
    elif found.st_mode & stat.S_IWOTH:
        reason = "everybody may write into this folder: take one of the gateway's own (chmod 700)"
        raise OSError(errno.EPERM, reason, str(folder))
