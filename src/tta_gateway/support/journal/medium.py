"""What a folder stands on: a journal in memory is none."""

import os
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def is_in_memory(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Tell whether what is written there is gone with the machine's power.

    False where that cannot be found out.  The folder need not be there yet.
    """
    while not folder.exists():
        folder = folder.parent
    try:
        text = mounts.read_text(errors="replace")
        return kind_of(folder.stat().st_dev, text) in _IN_MEMORY
    except OSError:
        return False


def kind_of(device: int, mounts: str) -> str:
    """Return the type of the file system on a device, of what proc(5) says of mounts; else ""."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 3 and fields[2] == wanted and "-" in fields:
            return (fields[fields.index("-") + 1 :] or [""])[0]
    return ""
