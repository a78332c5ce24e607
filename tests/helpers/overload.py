"""The parts of the overload experiment (bench/), for a short one: a service of known capacity, and
a load that no answer slows down.
"""

import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.helpers.gateway import free_port
from tests.helpers.slow import connects, wait_until

_BENCH: Final = Path(__file__).parents[2] / "bench"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it was due since the beginning, its class, its status, and its time."""

    at: float
    traffic: str
    status: int
    took: float


@contextlib.contextmanager
def service_of(*, servers: int, takes: float) -> Iterator[int]:
    """Run a service that works at so many requests at once; give its port."""
    with changing_service(servers=servers, takes=takes, otherwise=takes) as (port, _):
        yield port


@contextlib.contextmanager
def changing_service(
    *, servers: int, takes: float, otherwise: float
) -> Iterator[tuple[int, Callable[[], None]]]:
    """Run one; give its port, and what has it take the other time from then on, and back."""
    port = free_port()
    script = str(_BENCH / "capacity.py")
    numbers = [str(one) for one in (port, servers, takes, otherwise)]
    with subprocess.Popen([sys.executable, script, *numbers]) as process:
        try:
            assert wait_until(lambda: connects(port))
            yield port, lambda: process.send_signal(signal.SIGUSR1)
        finally:
            process.kill()


def load(port: int, phases: Sequence[tuple[float, float]]) -> list[Asked]:
    """Ask at these rates for these times; return what became of every request."""
    told = [f"{rate}:{seconds}" for rate, seconds in phases]
    command = [sys.executable, str(_BENCH / "open_loop.py"), str(port), *told]
    with tempfile.TemporaryFile("w+") as file:
        subprocess.run(command, stdout=file, check=True, timeout=120)
        file.seek(0)
        read = [line.split() for line in file]
    broken = [words for words in read if len(words) != len(Asked.__slots__) + 1]
    assert broken == []
    return [
        Asked(float(at), traffic, int(status), float(took)) for at, traffic, status, took, _ in read
    ]
