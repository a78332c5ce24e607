"""Slow heads, slow bodies and slow readers, by slowhttptest, with the shield on and people beside.

    python -m bench.slow_attacks [--rounds 3]

Starts the shipped command with one worker for each attack of each round, and a service in a process
of its own.  Prints how long people wait before and meanwhile (p99 may be twice as much: the median
of the rounds), how much memory the worker takes (50 MB at most), and what the shield has seen.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Final

from tests.helpers.http_service import services
from tests.helpers.slow_attacks import ATTACKER, KINDS, MIB, Kind, Told, attacked, patient
from tta_gateway.support.build import form

TIMES: Final = 2.0
MEMORY: Final = 50 * MIB


def main() -> None:
    """Attack, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"the gateway's path: {form()}")
    for name, kind in KINDS.items():
        times, is_well = [], True
        for _ in range(options.rounds):
            told = _attacked(kind)
            times.append(_times(told))
            is_well = is_well and _is_well(told)
            print(f"{name}: {_shown(told)}")
        median = statistics.median(times)
        is_met = is_well and median < TIMES
        print(f"{name}: {'met' if is_met else 'not met'}: {median:.2f} times, the median\n")


def _attacked(kind: Kind) -> Told:
    with (
        tempfile.TemporaryDirectory() as folder,
        services(1) as (service,),
        patient(Path(folder), service) as node,
    ):
        return attacked(node, kind, calm=5.0)


def _times(told: Told) -> float:
    return told.meanwhile.quantile(0.99) / told.before.quantile(0.99)


def _shown(told: Told) -> str:
    before, meanwhile = told.before.quantile(0.99), told.meanwhile.quantile(0.99)
    asked = sum(told.outcomes.values())
    return (
        f"{told.outcomes[200]} of {asked} answered, p99 {before * 1e3:.1f} ms before and"
        f" {meanwhile * 1e3:.1f} meanwhile ({_times(told):.2f} times),"
        f" {told.grown / MIB:.1f} MiB more, {told.slow:.0f} slow seen, {told.cut:.0f} cut,"
        f" kept out: {', '.join(told.blocked) or 'nobody'}"
    )


def _is_well(told: Told) -> bool:
    return (
        told.grown < MEMORY
        and not told.blames()
        and set(told.outcomes) == {200}
        and ATTACKER in told.blocked
    )


if __name__ == "__main__":
    main()
