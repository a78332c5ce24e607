"""The benchmark beside the peers: `python bench/run.py` measures CPU per request of each product.

All products are started once and stay; they take turns under load.  So a turn meets a product that
has settled, and what it does in the background while idle is not charged to another.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import answer
import cpu
import load
import machine
import process
import report
from answer import Answer, BrokenAnswerError
from figures import Failed, Measured, Outcome, measured
from process import BenchError
from products import UPSTREAM, Product, Running, chosen, launch

FULL_ROUNDS: Final = 7
"""fewer are a try, not a result"""
ROUNDS: Final = 11
SECONDS: Final = 2
READY_SECONDS: Final = 40.0
IDLE_SECONDS: Final = 20.0
LOG_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 0.2
SAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """What all measurements share."""

    upstream: Running
    original: Answer
    core: int
    """of upstream and load"""
    seconds: int
    warm_up: int
    headers: Path = answer.HEADERS_FILE
    """of each request"""


def main() -> int:
    """Measure, print, and write the section; 0 if every product has been measured."""
    options = _options()
    products = chosen(options.only)
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # The peers' workers may be another user's.
        folder.chmod(0o755)
        about = machine.description(folder)
        outcomes = compare(products, options=options, folder=folder, stack=stack)
        _publish(products, outcomes=outcomes, about=about, options=options)
    return 0 if all(measured(outcomes, product.name) for product in products) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each measurement")
    parser.add_argument("--warm-up", type=int, default=1, help="seconds before each measurement")
    parser.add_argument("--only", metavar="A,B", help="names of products; without, all of them")
    parser.add_argument(
        "--write", action="store_true", help="write RESULTS.md even if the run is not a full one"
    )
    return parser.parse_args()


def compare(
    products: Sequence[Product],
    *,
    options: argparse.Namespace,
    folder: Path,
    stack: ExitStack,
    headers: Path = answer.HEADERS_FILE,
) -> list[Outcome]:
    """Return what each product did in each round."""
    own_core, other_core = process.two_cores()
    upstream = launch(UPSTREAM, folder=folder, core=other_core)
    stack.callback(process.stop, upstream.daemon)
    _await_ready(upstream, headers)
    original = answer.ask(upstream.port)[0]
    stage = Stage(upstream, original, other_core, options.seconds, options.warm_up, headers)
    running: list[Running] = []
    outcomes: list[Outcome] = []
    for product in products:
        try:
            running.append(_ready(product, stage=stage, core=own_core, folder=folder, stack=stack))
        except BenchError as error:
            report.note(f"{product.name}: {error}")
            outcomes.append(Failed(product=product.name, round=0, reason=str(error)))
    for number in range(options.rounds):
        for one in rotated(running, by=number):
            outcomes.append(_outcome(one, stage=stage, number=number))
            report.note(_progress(outcomes[-1]))
    return outcomes


def rotated(running: Sequence[Running], *, by: int) -> list[Running]:
    """Return them in their order, begun `by` places later."""
    start = by % len(running) if running else 0
    return [*running[start:], *running[:start]]


def _ready(product: Product, *, stage: Stage, core: int, folder: Path, stack: ExitStack) -> Running:
    report.note(f"starting {product.name}")
    running = launch(product, folder=folder, core=core, upstream_port=stage.upstream.port)
    stack.callback(process.stop, running.daemon)
    _await_ready(running, stage.headers)
    if not process.wait_until_idle(running.daemon, seconds=IDLE_SECONDS):
        raise BenchError(f"still busy {IDLE_SECONDS:.0f} s after its start")
    return running


def _await_ready(running: Running, headers: Path) -> None:
    process.await_ready(
        running.daemon,
        lambda: answer.answers(running.port, headers=headers),
        folder=running.folder,
        seconds=READY_SECONDS,
    )


def _outcome(running: Running, *, stage: Stage, number: int) -> Outcome:
    try:
        return _measure(running, stage=stage, number=number)
    except (BenchError, BrokenAnswerError, OSError) as error:
        return Failed(product=running.product.name, round=number, reason=str(error))


def _measure(running: Running, *, stage: Stage, number: int) -> Measured:
    length = _sampled_length(running, stage=stage)
    start = _log_size(running)
    warm_up = _load(running, stage, stage.warm_up)
    time.sleep(SETTLE_SECONDS)
    # What the warm-up owes to the log is written before the clock starts.
    _await_lines(running, offset=start, count=warm_up.requests)
    offset = _log_size(running)
    forwarded = _requests_at(stage.upstream)
    before = cpu.cpu_seconds(running.daemon.pid)
    seen = _load(running, stage, stage.seconds)
    time.sleep(SETTLE_SECONDS)
    _await_lines(running, offset=offset, count=seen.requests)
    used = cpu.cpu_seconds(running.daemon.pid) - before
    fault = load.fault_of(seen, answer_length=length)
    if fault:
        raise BenchError(fault)
    if _requests_at(stage.upstream) - forwarded < seen.requests:
        raise BenchError("some answers did not come from the service")
    return Measured(
        product=running.product.name,
        round=number,
        cpu=used * 1e6 / seen.requests,
        rate=seen.requests * 1e6 / seen.microseconds,
        busy=used * 1e6 / seen.microseconds,
        p50=seen.p50 / 1000,
        p99=seen.p99 / 1000,
    )


def _load(running: Running, stage: Stage, seconds: int) -> load.Load:
    return load.put_on(running.port, core=stage.core, seconds=seconds, headers=stage.headers)


def _sampled_length(running: Running, *, stage: Stage) -> int:
    samples = answer.ask(running.port, count=SAMPLES, headers=stage.headers)
    for sample in samples:
        changed = answer.difference(stage.original, passed_on=sample)
        if changed:
            raise BenchError(f"not the service's answer: {changed}")
    return samples[0].length


def _await_lines(running: Running, *, offset: int, count: int) -> None:
    """Wait until the access log, from `offset`, has the lines that it promised."""
    path = running.access_log
    if path is None:
        return
    if not process.wait_until(lambda: _lines(path, offset) >= count, seconds=LOG_SECONDS):
        raise BenchError(f"{_lines(path, offset)} lines in the log for {count} requests")


def _log_size(running: Running) -> int:
    path = running.access_log
    return path.stat().st_size if path and path.exists() else 0


def _lines(path: Path, offset: int) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as log:
        log.seek(offset)
        return sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))


def _requests_at(upstream: Running) -> int:
    """Return how many requests the upstream has ever had, as its status page tells."""
    page = answer.ask(upstream.ports["status_port"])[0].body.decode()
    numbers = re.search(r"^ (\d+) (\d+) (\d+) $", page, re.MULTILINE)
    if numbers is None:
        raise BenchError("the service's status page is not what it should be")
    return int(numbers[3])


def _progress(outcome: Outcome) -> str:
    where = f"round {outcome.round + 1} {outcome.product}"
    if isinstance(outcome, Failed):
        return f"{where}: failed: {outcome.reason}"
    return f"{where}: {outcome.cpu:.1f} µs, {outcome.rate:,.0f} requests/s"


def _publish(
    products: tuple[Product, ...],
    *,
    outcomes: Sequence[Outcome],
    about: list[tuple[str, str]],
    options: argparse.Namespace,
) -> None:
    lines = report.peers_table(products, outcomes=outcomes)
    bars = report.bars_table(outcomes)
    failures = report.failures(products, outcomes=outcomes)
    setting = report.facts([*about, *machine.versions(products)])
    report.say("\n\n".join([setting, lines, bars, failures]))
    if not (options.write or (options.only is None and options.rounds >= FULL_ROUNDS)):
        report.note("not a full run: RESULTS.md is left as it is")
        return
    title = "## CPU per request beside the peers"
    parts = [title, report.PEERS_METHOD, setting, lines, bars, failures]
    report.save("peers", "\n\n".join(part.strip() for part in parts))


if __name__ == "__main__":
    process.run(main)
