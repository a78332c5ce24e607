"""Long turns: this process keeps its share of the cores, but whoever wakes interrupts it.

And it interrupts nobody who runs when it wakes itself (SCHED_BATCH, sched(7)): where a worker is
interrupted, what gives way to all (support/giving_way.py) may be given its core for a tick of the
clock, milliseconds, because the system's arithmetic of shares knows no order among those who wait.

Linux (6.12 and later) has a task say how long its turns are (sched_setattr(2), `sched_runtime`),
and lets one with shorter turns that wakes run at once, where it would wait for milliseconds.
So a worker need not wait for control, and control does no less: a lower priority would take its
leases and checks away where the machine is full.  They are no longer than that takes, because where
all cores are busy a task with long turns waits longer for its next.  Where there is no such thing,
nothing changes.
"""

import ctypes
import os
import platform
import struct
import sys
from typing import Final

LONG: Final = 10_000_000  # nanoseconds; usual are about three million
ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr`: size, policy, flags, nice, priority, runtime, deadline, period."""
_PATIENT: Final = 3  # SCHED_BATCH
_SET: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""the number of the call: the C library has no function for it yet"""


def take_long_turns() -> bool:
    """Take them from now on, all threads that are made later, too; False if nothing has changed.

    Of a process that is to give way (support/giving_way.py), this must come first: once it does,
    the system says yes and changes nothing.
    """
    return take_turns(0, LONG)


def take_turns(task: int, length: int) -> bool:
    """Have a task (0: the one that asks) take turns of so many nanoseconds, in that class."""
    number = _SET.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, task)
    asked = ATTRIBUTES.pack(ATTRIBUTES.size, _PATIENT, 0, nice, 0, length, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, task, asked, 0) == 0)
