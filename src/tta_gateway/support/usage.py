"""What a process uses: CPU time and memory, as metrics of the process itself.

Each counts its own, so that the time of workers that have ended stays in the sum.
"""

import os
import time
from typing import Final

from tta_gateway.support.metrics import Metric, Registry

CPU: Final = Metric(
    "tta_gateway_process_cpu_seconds_total",
    "counter",
    "CPU time, user and system, of all processes of a kind that there have been.",
    ("process",),
)
MEMORY: Final = Metric(
    "tta_gateway_process_resident_memory_bytes",
    "gauge",
    "Resident memory of the processes of a kind that there are.",
    ("process",),
)
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_RARELY: Final = 25  # ticks


class Usage:
    """Counts what this process uses; `tick` is called a few times a second."""

    def __init__(self, registry: Registry, kind: str) -> None:
        """Count as a process of this kind."""
        self._cpu = registry.child(CPU, kind)
        self._memory = registry.child(MEMORY, kind)
        self._fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._spent = 0.0
        self._ticks = 0

    def tick(self) -> None:
        """Note the time spent since it was asked last, and now and then the memory."""
        spent = time.process_time()
        self._cpu.add(spent - self._spent)
        self._spent = spent
        if self._ticks % _RARELY == 0:
            self._memory.set(float(int(os.pread(self._fd, 100, 0).split()[1]) * _PAGE))
        self._ticks += 1
