"""The overload experiment: `python bench/overload.py` asks for up to ten times what can be done.

A service of known capacity stands behind one worker; requests come at random, whatever becomes of
those before (an open loop), in the mix crisis 1, therapeutic 12, standard 47, background 40 %.  The
load goes from half of the capacity to ten times that and back.  Then again with a service that
answers at once and a worker that has little CPU time: half of what it is asked is more than it can.
Its clients' connections are there already, as they mostly are; with `--ready 0` they come with the
load, and to take in one costs a worker as much as some requests.
Prints and keeps goodput and p99 of each class over time, and draws them (bench/overload.svg).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import answer
import machine
import paced
import process
import report
from open_loop import CLASSES
from process import BenchError, Daemon
from products import BENCH, filled

SERVERS: Final = 40
TAKES: Final = 0.1
CAPACITY: Final = SERVERS / TAKES
PHASES: Final = ((0.5, 10), (1, 10), (2, 10), (5, 20), (0.5, 20), (10, 20), (0.5, 20))
_RESTS: Final = 5.0  # seconds, until nobody is turned away any more for what was tried
# So many others are busy on the worker's core all the time: it has a sixth of that.  More, and what
# load and service can do on theirs would be found instead of what the worker can.
BUSY: Final = 5
READY: Final = 6000
_FINER: Final = (1.6, 1.25, 1.1)
_SOON: Final = 500.0  # milliseconds
METHOD: Final = """\
One worker of the shipped command with its defaults (no access log); the service works at {servers}
requests at once, each for {takes:.0f} ms, and queues the rest, so that it answers
{capacity:.0f} a second.  Service and load share the other core{where}.
Goodput is answers of 200 within ten seconds.  Times are from when a request was due, waiting for a
connection included.
"""


@dataclass(slots=True)
class Second:
    """What became of the requests of one class that were due in one second."""

    offered: int = 0
    answered: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    def add(self, status: int, took: float) -> None:
        """Count one."""
        self.offered += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.answered += 1
            self.took.append(took)

    def merge(self, other: "Second") -> None:
        """Count all of another."""
        self.offered += other.offered
        self.answered += other.answered
        self.took += other.took
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count

    @property
    def share(self) -> float:
        """Return the share that was answered."""
        return self.answered / self.offered if self.offered else 1.0

    def p99(self) -> float:
        """Return in how many milliseconds 99 of a hundred were answered."""
        ordered = sorted(self.took)
        return 1000 * ordered[int(0.99 * (len(ordered) - 1))] if ordered else 0.0


class Result:
    """A run: by class and second."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read what the load has written."""
        self.seconds: dict[tuple[str, int], Second] = {}
        late = []
        for at, traffic, status, took, behind in map(str.split, lines):
            key = (traffic, int(float(at)))
            self.seconds.setdefault(key, Second()).add(int(status), float(took))
            late.append(float(behind))
        self.length = max((second for _, second in self.seconds), default=0) + 1
        self.late = sorted(late)[int(0.99 * (len(late) - 1))] if late else 0.0
        """seconds: 99 of a hundred requests were sent at most so much later than due"""

    def of(self, traffic: str | None, begin: int, end: int) -> Second:
        """Return the seconds from one to another, of a class or of all, as one."""
        whole = Second()
        for (name, second), one in self.seconds.items():
            if begin <= second < end and traffic in (None, name):
                whole.merge(one)
        return whole


class Stage:
    """Service and gateway, started."""

    def __init__(
        self, stack: ExitStack, folder: Path, *, servers: int, takes: float, ready: int = 0
    ) -> None:
        """Start both, the gateway on the first core and the service on the second.

        So many connections of clients stand ready before a load begins.
        """
        self.port, upstream, probe, admin = process.free_ports(4)
        self._stack, self._folder = stack, folder
        service = [sys.executable, str(BENCH / "capacity.py"), str(upstream)]
        started = self._start("service", [*service, str(servers), str(takes)], core=1)
        self.apart = paced.elsewhere(started.pid)
        self._ready = ready
        values = {"port": self.port, "upstream_port": upstream, "probe_port": probe}
        words = {name: str(value) for name, value in values.items()}
        words |= {"admin_port": str(admin), "folder": str(folder)}
        text = filled((BENCH / "overload.yaml").read_text(), values=words, variant="bare")
        (folder / "gateway.yaml").write_text(text)
        run = [sys.executable, "-m", "tta_gateway", "run", "-c", str(folder / "gateway.yaml")]
        self.gateway = self._start("gateway", run, core=0)
        process.await_ready(
            self.gateway,
            self._answers,
            folder=folder / "gateway",
            seconds=40,
        )

    def _start(self, name: str, command: Sequence[str], *, core: int) -> Daemon:
        home = self._folder / name
        home.mkdir()
        at = process.two_cores()[core]
        daemon = process.start(command, core=at, folder=home, environment={})
        self._stack.callback(process.stop, daemon)
        return daemon

    def _answers(self) -> bool:
        try:
            return answer.ask(self.port, target="/crisis")[0].status == 200
        except (OSError, answer.BrokenAnswerError):
            return False

    def starve(self, busy: int) -> None:
        """Leave the worker a part of its core: so many others are busy there all the time.

        Each is in a session of its own, and has as much as the gateway whether or not the kernel
        shares by sessions.
        """
        for number in range(busy):
            self._start(f"busy-{number}", [sys.executable, "-c", "while True: pass"], core=0)

    def load(self, phases: Iterable[tuple[float, float]]) -> Result:
        """Ask at these rates for these times, one after the other."""
        asked = [f"{rate}:{seconds}" for rate, seconds in phases]
        command = [sys.executable, str(BENCH / "open_loop.py"), str(self.port), *asked]
        command += ["--ready", str(self._ready)] + ["--apart"] * self.apart
        pinned = [process.find_program("taskset"), "-c", str(process.two_cores()[1]), *command]
        told = self._folder / "load.txt"
        with told.open("w") as file:
            done = subprocess.run(  # noqa: S603 - our own
                pinned, stdout=file, stderr=subprocess.PIPE, text=True, check=False
            )
        if done.returncode:
            raise BenchError(f"the load failed: {done.stderr[-300:]}")
        return Result(told.read_text().splitlines())


def main() -> int:
    """Measure, print, draw, and write the section."""
    options = _options()
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        about = machine.description(folder)
        stage = Stage(stack, folder, servers=options.servers, takes=options.takes)
        capacity = options.servers / options.takes
        phases = [(times * capacity, seconds * options.stretch) for times, seconds in PHASES]
        result = stage.load(phases)
        spans = list(_spans(options.stretch))
        parts = [
            METHOD.format(
                servers=options.servers,
                takes=1000 * options.takes,
                capacity=capacity,
                where=_APART if stage.apart else "",
            ),
            report.facts(about),
            report.table(_HEAD, rows=list(_rows(result, spans, capacity))),
            report.table(("bar", "result"), rows=list(_bars(result, spans, capacity))),
            _late(result),
        ]
    report.say("\n\n".join(parts))
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        try:
            starved = _starved(stack, folder, ready=options.ready, busy=options.busy)
        except BenchError as error:  # the rest has been measured
            starved = [f"The worker's own time was not measured: {error}"]
    report.say("\n\n".join(starved))
    parts += starved
    if options.stretch >= 1 or options.write:
        (BENCH / "overload.svg").write_text(drawing(result, spans, capacity))
        report.save("overload", "\n\n".join(["## Overload", *parts, "![](overload.svg)"]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--takes", type=float, default=TAKES)
    parser.add_argument("--stretch", type=float, default=1.0, help="of each phase")
    parser.add_argument("--ready", type=int, default=READY, help="connections, where it has little")
    parser.add_argument("--busy", type=int, default=BUSY, help="others on the worker's core then")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md all the same")
    return parser.parse_args()


# --- what is told --------------------------------------------------------------------------------

_HEAD: Final = (
    "load",
    "seconds",
    "goodput / capacity",
    *(f"{one}: share, p99 ms" for one in CLASSES),
)
_APART: Final = ", and never\nwait for another process (SCHED_RR): they stand for other machines"
Span = tuple[float, int, int]


def _spans(stretch: float) -> Iterator[Span]:
    """Yield each phase: the load, and from which second to which."""
    at = 0.0
    for times, seconds in PHASES:
        yield times, int(at), int(at + seconds * stretch)
        at += seconds * stretch


def _rows(result: Result, spans: Iterable[Span], capacity: float) -> Iterator[list[str]]:
    for times, begin, end in spans:
        whole = result.of(None, begin, end)
        cells = [result.of(one, begin, end) for one in CLASSES]
        good = whole.answered / max(1, end - begin) / capacity
        told = [f"{100 * one.share:.1f} %, {one.p99():.0f}" for one in cells]
        yield [f"{times:g}x", f"{begin}-{end}", f"{good:.2f}", *told]


def _bars(result: Result, spans: Sequence[Span], capacity: float) -> Iterator[tuple[str, str]]:
    """Yield what was to be shown, and what was."""
    calm, five, ten = spans[0], spans[3], spans[5]
    for name in ("crisis", "therapeutic"):
        unloaded = result.of(name, *calm[1:]).p99()
        found = result.of(name, *five[1:])
        yield (f"at 5x: {name} >= 95 % answered", _met(found.share >= 0.95, f"{found.share:.1%}"))
        told = f"{found.p99():.0f} ms beside {unloaded:.0f} ms"
        yield (f"at 5x: {name}, p99 <= 2 x unloaded", _met(found.p99() <= 2 * unloaded, told))
    good = result.of(None, *five[1:]).answered / (five[2] - five[1]) / capacity
    yield ("at 5x: goodput >= 80 % of the capacity", _met(good >= 0.8, f"{good:.1%}"))
    yield ("normal again <= 10 s after", _recovered(result, (spans[4], spans[6])))
    crisis = result.of("crisis", *ten[1:])
    yield ("at 10x: crisis >= 99 % answered", _met(crisis.share >= 0.99, f"{crisis.share:.1%}"))
    left = capacity * (ten[2] - ten[1]) - crisis.answered
    rest = result.of("therapeutic", *ten[1:]).answered / left
    yield (
        "at 10x: therapeutic >= 90 % of what is left of the capacity",
        _met(rest >= 0.9, f"{rest:.1%}"),
    )


def _recovered(result: Result, spans: Sequence[Span]) -> str:
    """Tell after how many seconds everything that is asked is answered again."""
    worst = 0
    for _, begin, end in spans:
        seconds = [result.of(None, one, one + 1) for one in range(begin, end)]
        bad = [at for at, one in enumerate(seconds) if one.share < 0.99]
        worst = max([worst, *(at + 1 for at in bad)])
    return _met(worst <= 10, f"{worst} s")


def _met(met: bool, told: str) -> str:
    return f"{'met' if met else 'not met'}: {told}"


# --- the worker's own time -----------------------------------------------------------------------


def _starved(stack: ExitStack, folder: Path, *, ready: int, busy: int) -> list[str]:
    """Return what becomes of twice what a worker can do."""
    stage = Stage(stack, folder, servers=1, takes=0.0, ready=ready)
    stage.starve(busy)
    found = _most(stage)
    time.sleep(_RESTS)
    result = stage.load([(0.5 * found, 5), (2 * found, 14), (0.5 * found, 12)])
    spans = [(0.5, 0, 5), (2.0, 5, 19), (0.5, 19, 31)]
    bars = []
    for name in ("crisis", "therapeutic"):
        share = result.of(name, 5, 19).share
        bars.append((f"at 2x: {name} >= 90 % answered", _met(share >= 0.9, f"{share:.1%}")))
    bars.append(("normal again <= 10 s after", _recovered(result, spans[2:])))
    words = (
        f"The worker's own time: {busy} others are busy on its core, and the service answers at "
        f"once; {ready} connections of clients stand ready. It answers {found:.0f} a second at "
        "most, without turning anybody away."
    )
    return [
        words,
        report.table(_HEAD, rows=list(_rows(result, spans, found))),
        report.table(("bar", "result"), rows=bars),
        _late(result),
    ]


def _late(result: Result) -> str:
    """Say how late the load itself was: what it had no time for is not the gateway's doing."""
    return f"99 of 100 requests were sent within {1000 * result.late:.1f} ms of when they were due."


def _most(stage: Stage) -> float:
    """Return the largest rate at which nobody is turned away, within 10 %."""
    best = 400.0
    if not _bears(stage, best):
        raise BenchError("the worker answers hardly anything: is the machine busy?")
    for step in _FINER:
        while best < 40_000 and _bears(stage, best * step):
            best *= step
    return best


def _bears(stage: Stage, rate: float) -> bool:
    """Tell whether everybody who asks at this rate is answered, and soon."""
    whole = stage.load([(rate, 4)]).of(None, 1, 4)
    time.sleep(1.0)  # of what was too much nothing is left
    return whole.share >= 0.98 and whole.p99() <= _SOON


# --- the plot ------------------------------------------------------------------------------------

_COLOURS: Final = {
    "crisis": "#c62828",
    "therapeutic": "#1565c0",
    "standard": "#2e7d32",
    "background": "#757575",
}
_WIDTH: Final = 860
_HEIGHT: Final = 220
_LEFT: Final = 60


def drawing(result: Result, spans: Iterable[Span], capacity: float) -> str:
    """Return goodput and p99 over time as SVG."""
    good = {
        name: [result.of(name, at, at + 1).answered / capacity for at in range(result.length)]
        for name in CLASSES
    }
    late = {
        name: [min(1.0, result.of(name, at, at + 1).p99() / 1000) for at in range(result.length)]
        for name in CLASSES
    }
    bands = "".join(_band(span, result.length) for span in spans)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 20}" '
        f'height="{2 * _HEIGHT + 130}" font-family="sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        f"{bands}"
        f"{_panel(good, 40, 'goodput / capacity')}{_panel(late, _HEIGHT + 90, 'p99, seconds')}"
        f"{_legend()}</svg>\n"
    )


def _band(span: Span, length: int) -> str:
    times, begin, end = span
    x, width = _LEFT + _WIDTH * begin / length, _WIDTH * (end - begin) / length
    shade = "#f3f3f3" if times >= 1 else "#ffffff"
    return (
        f'<rect x="{x:.1f}" y="40" width="{width:.1f}" height="{2 * _HEIGHT + 50}" '
        f'fill="{shade}"/><text x="{x + 4:.1f}" y="54">{times:g}x</text>\n'
    )


def _panel(lines: dict[str, list[float]], top: int, title: str) -> str:
    drawn = [f'<text x="4" y="{top + 12}">1</text><text x="4" y="{top + _HEIGHT}">0</text>']
    drawn.append(f'<text x="{_LEFT}" y="{top - 6 + _HEIGHT + 24}">{title}</text>')
    drawn.append(
        f'<path d="M{_LEFT} {top}V{top + _HEIGHT}H{_LEFT + _WIDTH}" fill="none" stroke="#999"/>'
    )
    for name, values in lines.items():
        points = " ".join(
            f"{_LEFT + _WIDTH * at / max(1, len(values) - 1):.1f},"
            f"{top + _HEIGHT * (1 - min(1.0, value)):.1f}"
            for at, value in enumerate(values)
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[name]}"/>')
    return "\n".join(drawn) + "\n"


def _legend() -> str:
    return "".join(
        f'<text x="{_LEFT + 120 * at}" y="24" fill="{colour}">{name}</text>\n'
        for at, (name, colour) in enumerate(_COLOURS.items())
    )


if __name__ == "__main__":
    process.run(main)
