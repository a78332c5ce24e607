"""What a product costs: CPU time and memory of its whole process tree, read from /proc."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """One process as /proc/<pid>/stat shows it (proc(5))."""

    pid: int
    parent: int
    session: int
    ticks: int
    """user + system, of itself and of the children that it has buried"""
    started: int
    """since boot; with the pid, it names a process for ever"""


def tree(root: int) -> tuple[Stat, ...]:
    """Every living process that descends from `root` or is in the session that `root` leads."""
    everything = tuple(_all_processes())
    members = {stat.pid for stat in everything if stat.pid == root or stat.session == root}
    found = 0
    while found != len(members):
        found = len(members)
        members |= {stat.pid for stat in everything if stat.parent in members}
    return tuple(stat for stat in everything if stat.pid in members)


def cpu_seconds(root: int) -> float:
    """User and system time that the tree has used so far."""
    return sum(stat.ticks for stat in tree(root)) / TICKS_PER_SECOND


def resident_bytes(root: int) -> int:
    """VmRSS of the tree, added up; pages that two processes share count twice."""
    return sum(_resident(stat.pid) for stat in tree(root))


def is_alive(process: Stat) -> bool:
    """Tell whether it is still there: the same process, not another one with its number."""
    now = _stat(process.pid)
    return now is not None and now.started == process.started


def _all_processes() -> Iterator[Stat]:
    for entry in PROC.iterdir():
        stat = _stat(int(entry.name)) if entry.name.isdecimal() else None
        if stat is not None:
            yield stat


def _stat(pid: int) -> Stat | None:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold spaces and brackets itself: count from the last one.
    state, *fields = text.rpartition(")")[2].split()
    if state in "ZX":
        return None
    numbers = [int(field) for field in fields[:19]]
    return Stat(pid, numbers[0], numbers[2], sum(numbers[10:14]), numbers[18])


def _resident(pid: int) -> int:
    try:
        status = (PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
