"""How long this process has waited for a processor: work that it had, and no time for it."""

import contextlib
import os
from typing import Final

_PATH: Final = "/proc/self/schedstat"
_LINE: Final = 128
_SECOND: Final = 1e-9


class RunQueue:
    """Linux's account of the main thread, which a worker's loop runs in."""

    def __init__(self, path: str = _PATH) -> None:
        """Open it; where there is none, nothing was ever waited."""
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def waited(self) -> float:
        """Return the seconds so far: a few microseconds' work."""
        if self._descriptor < 0:
            return 0.0
        # Its numbers are nanoseconds that it ran, nanoseconds that it waited, and how often it ran
        # (Documentation/scheduler/sched-stats.rst of the kernel).
        try:
            numbers = os.pread(self._descriptor, _LINE, 0).split()
        except OSError:
            return 0.0
        return int(numbers[1]) * _SECOND if len(numbers) > 1 else 0.0
