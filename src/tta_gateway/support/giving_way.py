"""Giving way: this process runs where others leave it a core, and stops as soon as they want it.

Linux has a class for that (SCHED_IDLE, sched(7)): whoever wakes takes the core at once, and goes to
a core on which nothing else runs as to an idle one.  A low priority alone does neither: who wakes
waits until the turn of the other is over, milliseconds.  Elsewhere, or where that is refused, a low
priority has to do.  Both may be had without privileges.
"""

import os
from contextlib import suppress
from typing import Final

LOW: Final = 10
_LOWEST: Final = 19


def give_way() -> None:
    """Have this process give way to every other, even for good."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):  # not Linux, or a container that forbids it
        step_back(_LOWEST)


def step_back(nice: int = LOW) -> None:
    """Have this process run less often than others, but run."""
    with suppress(OSError):
        os.nice(max(0, nice - os.nice(0)))
