"""Fuzz the parsers.

    python -m tests.fuzz.run --inputs 10000000
    python -m tests.fuzz.run --seconds 20 --target server_codec
    python -m tests.fuzz.run --replay tests/fuzz/found/server_codec-001.json

The same seed, number of inputs and processes give the same inputs.  A failure is written to
tests/fuzz/found, where `test_regressions.py` replays it ever after.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final

from tests.fuzz import (
    chunked,
    client_codec,
    client_protocol,
    proxy_protocol,
    seeds,
    server_codec,
    service_answers,
    socket_codec,
    target,
    token,
)
from tests.fuzz.contract import Pieces, Target, Violation
from tests.fuzz.mutator import Mutator

TARGETS: Final = {
    each.TARGET.name: each.TARGET
    for each in (
        server_codec,
        client_codec,
        chunked,
        target,
        proxy_protocol,
        token,
        socket_codec,
        client_protocol,
        socket_codec,
        service_answers,
    )
}
_PROCESSES: Final = 2
_SLICE: Final = 250  # inputs for a target before the next one has its turn
_SHARES: Final = sum(each.share for each in TARGETS.values())
_MOST_FAILURES: Final = 20
_SHAPES: Final = 20_000
# CPU time that no input may take: work must be linear in what arrives, with this much for each
# byte and piece (several times what is usual), and a pause for the machine.
_PAUSE: Final = 0.03
_A_BYTE: Final = 4e-6
_A_PIECE: Final = 60e-6
_HANGS: Final = 60  # seconds without an end to one slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one process has to do."""

    names: tuple[str, ...]
    inputs: int
    seconds: float | None
    seed: int
    speaks: bool = False


@dataclass(slots=True)
class Report:
    """What one process has done."""

    inputs: Counter[str] = field(default_factory=Counter)
    cpu: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Add what another process has done."""
        self.inputs += other.inputs
        self.cpu += other.cpu
        self.shapes += other.shapes
        self.failures += other.failures


class Run:
    """One target in one process: its inputs, and what has been seen of them."""

    def __init__(self, target: Target, seed: int, report: Report) -> None:
        self._target = target
        self._mutator = Mutator(target.seeds(), target.tokens, Random(f"{seed}/{target.name}"))
        self._shapes: set[Hashable] = set()
        self._report = report
        self._failed: set[str] = set()

    def go_on(self, inputs: int) -> None:
        """Check so many more inputs."""
        signal.alarm(_HANGS)
        begun = time.process_time()
        for _ in range(inputs):
            pieces = self._mutator.next()
            shape = self._check(pieces)
            if shape not in self._shapes and len(self._shapes) < _SHAPES:
                self._shapes.add(shape)
                self._mutator.keep(b"".join(pieces))
        signal.alarm(0)
        name = self._target.name
        self._report.inputs[name] += inputs
        self._report.cpu[name] += int((time.process_time() - begun) * 1e6)
        self._report.shapes[name] = len(self._shapes)

    def _check(self, pieces: Pieces) -> Hashable:
        try:
            return timed(self._target, pieces)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we are looking for
            self._fail(pieces, error)
            return None

    def _fail(self, pieces: Pieces, error: Exception) -> None:
        """Write a failure down, unless one like it has been."""
        what = f"{type(error).__name__}: {error}"
        kind = f"{type(error).__name__} {str(error).partition(':')[0]}"
        if kind in self._failed or len(self._failed) >= _MOST_FAILURES:
            self._report.failures.append("")
            return
        self._failed.add(kind)
        path = seeds.keep(self._target.name, pieces, what)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        message = f"{what[:600]}\n  python -m tests.fuzz.run --replay {shown}"
        print(message, file=sys.stderr, flush=True)
        self._report.failures.append(message)


def timed(target: Target, pieces: Pieces) -> Hashable:
    """Check one input, and that it took no more than its length allows."""
    size = sum(len(piece) for piece in pieces)
    allowed = _PAUSE + size * _A_BYTE + len(pieces) * _A_PIECE
    begun = time.thread_time()
    shape = target.check(pieces)
    spent = time.thread_time() - begun
    if spent > allowed:
        spent = min(_spent(target, pieces) for _ in range(3))
        if spent > allowed:
            raise Violation(f"time is linear: {spent:.3f} s for {size} bytes, {len(pieces)} pieces")
    return shape


def _spent(target: Target, pieces: Pieces) -> float:
    """Return what the parser takes without its witnesses, which may be slow."""
    begun = time.thread_time()
    target.alone(pieces)
    return time.thread_time() - begun


def work(job: Job) -> Report:
    """Take the targets in turns until the inputs or the seconds are used up."""
    signal.signal(signal.SIGALRM, _hung)
    report = Report()
    runs = [Run(TARGETS[name], job.seed, report) for name in job.names]
    turns = _turns(job, runs)
    begun = said = time.monotonic()
    while job.seconds is None or time.monotonic() - begun < job.seconds:
        turn = next(turns, None)
        if turn is None:
            break
        run, inputs = turn
        run.go_on(inputs)
        if job.speaks and time.monotonic() - said > 30:
            said = time.monotonic()
            print(f"  {report.inputs.total():,} inputs in one process", file=sys.stderr, flush=True)
    return report


def _turns(job: Job, runs: list[Run]) -> Iterator[tuple[Run, int]]:
    """Give every target its share, a slice at a time."""
    left = job.inputs
    while True:
        for name, run in zip(job.names, runs, strict=True):
            slices = TARGETS[name].share if len(runs) > 1 else 1
            for _ in range(slices):
                if left <= 0:
                    return
                yield run, min(_SLICE, left)
                left -= _SLICE


def _hung(_signal: int, _frame: FrameType | None) -> None:
    raise Violation("time is bounded: a slice did not end")


def replay(path: Path) -> int:
    """Check a failure that was written down again, with caches cold and warm."""
    name, pieces = seeds.read(path)
    try:
        timed(TARGETS[name], pieces)
        timed(TARGETS[name], pieces)
    except Exception as error:  # noqa: BLE001 - the failure is what is asked for
        print(f"{path.name}: {type(error).__name__}: {error}")
        return 1
    print(f"{path.name}: good")
    return 0


def fuzz(names: tuple[str, ...], *, inputs: int, seconds: float | None, seed: int) -> Report:
    """Share the work among processes."""
    jobs = [
        Job(
            names=names,
            inputs=inputs * (number + 1) // _PROCESSES - inputs * number // _PROCESSES,
            seconds=seconds,
            seed=seed * _PROCESSES + number,
            speaks=number == 0,
        )
        for number in range(_PROCESSES)
    ]
    report = Report()
    with ProcessPoolExecutor(_PROCESSES) as pool:
        for done in pool.map(work, jobs):
            report.add(done)
    return report


def main(arguments: list[str]) -> int:
    """Fuzz, and say what came of it; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, help="how many, all targets together")
    parser.add_argument("--seconds", type=float, help="how long, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    parser.add_argument("--replay", type=Path, help="check this failure again, and nothing else")
    asked = parser.parse_args(arguments)
    if asked.replay is not None:
        return replay(asked.replay)
    names = (asked.target,) if asked.target else tuple(TARGETS)
    inputs = asked.inputs if asked.inputs is not None else 10**12 if asked.seconds else 1_000_000
    begun = time.monotonic()
    report = fuzz(names, inputs=inputs, seconds=asked.seconds, seed=asked.seed)
    spent = time.monotonic() - begun
    for name in names:
        cost = report.cpu[name] / max(1, report.inputs[name])
        shapes = report.shapes[name]
        print(f"{name:<14}{report.inputs[name]:>12,} inputs{cost:>8.1f} µs each, {shapes:,} shapes")
    total = report.inputs.total()
    print(f"{total / spent:,.0f} inputs/s in {spent:,.0f} s on {_PROCESSES} processes")
    print(f"{total} inputs, {len(report.failures)} failures")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
