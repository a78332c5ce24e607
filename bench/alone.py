"""Whether a measurement had the machine for itself: what time others took of it meanwhile."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cpu

_IDLE: Final = (3, 4)  # idle and iowait, in the first line of /proc/stat (proc(5))
_GUESTS: Final = 8  # from here on what is counted above already
_LOOK: Final = 0.5  # seconds
_CORES: Final = os.cpu_count() or 1


class Alone:
    """Watches from its beginning on; the roots are the processes that belong to the measurement."""

    def __init__(self, roots: Sequence[int]) -> None:
        """Begin."""
        self._roots = roots
        self._ours, self._all, self._at = self._used(), _busy(), time.perf_counter()

    def others(self) -> float:
        """Return the share of the machine that all other processes have had since."""
        taken = (_busy() - self._all) - (self._used() - self._ours)
        return max(0.0, taken / (time.perf_counter() - self._at) / _CORES)

    def _used(self) -> float:
        return time.process_time() + sum(cpu.cpu_seconds(one) for one in self._roots)


async def quiet(roots: Sequence[int], *, share: float, patience: float) -> None:
    """Wait until others have next to nothing to do, or for so long."""
    until = time.perf_counter() + patience
    while time.perf_counter() < until:
        alone = Alone(roots)
        await asyncio.sleep(_LOOK)
        if alone.others() <= share:
            return


def _busy() -> float:
    """Return the seconds that all cores have been busy, or taken away by the host."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    ticks = [int(field) for field in fields[:_GUESTS]]
    return sum(one for at, one in enumerate(ticks) if at not in _IDLE) / cpu.TICKS_PER_SECOND
