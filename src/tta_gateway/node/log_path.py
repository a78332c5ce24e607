"""The path of the access log: whether lines can be added to it, asked before it is accepted.

By a process that may be ended, and with a deadline: no worker, and not the supervisor, ever waits
for the disk that it is on.
"""

import threading
from typing import Final

import msgspec

from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import LineFile

PATIENCE: Final = 5.0  # seconds, for a disk
KEY: Final = ("access_log", "path")


def path_of(snapshot: Snapshot) -> str:
    """Return the file that a snapshot has lines added to, nothing where there is none."""
    raw = snapshot.features.get("access_log")
    access = AccessLogBound() if raw is None else msgspec.msgpack.decode(raw, type=AccessLogBound)
    return access.path if access.enabled and access.path != "-" else ""


def complaint(path: str, patience: float = PATIENCE) -> str:
    """Return why no lines can be added to a file, in words; nothing if they can."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(_tried(path)), daemon=True)
    thread.start()
    thread.join(patience)
    if found:
        return found[0]
    return (
        f"`{path}` has not opened within {patience:g} s: it is on a disk that hangs, or a pipe "
        "that nobody reads; name another, or `-` for standard output"
    )


def _tried(path: str) -> str:
    try:
        LineFile(path).close()
    except OSError as error:
        return (
            f"`{path}` cannot be written: {error.strerror}; let the gateway's user write there, "
            "or name another, or `-` for standard output"
        )
    return ""
