"""Slow heads, slow bodies and slow readers, by slowhttptest, with the shield on and people beside.

    python -m bench.slow_attacks [--rounds 3]

Starts the shipped command with one worker for each attack of each round, and a service in a process
of its own.  Prints how long people wait before and meanwhile (p99 may be twice as much), how much
memory the worker takes (50 MB at most), and what the shield has seen.
"""

import argparse
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
        for _ in range(options.rounds):
            told = _attacked(kind)
            print(f"{name}: {_shown(told)}: {'met' if _is_met(told) else 'not met'}")


def _attacked(kind: Kind) -> Told:
    with (
        tempfile.TemporaryDirectory() as folder,
        services(1) as (service,),
        patient(Path(folder), service) as node,
    ):
        return attacked(node, kind, calm=5.0)


def _shown(told: Told) -> str:
    before, meanwhile = told.before.quantile(0.99), told.meanwhile.quantile(0.99)
    asked = sum(told.outcomes.values())
    return (
        f"{told.outcomes[200]} of {asked} answered, p99 {before * 1e3:.1f} ms before and"
        f" {meanwhile * 1e3:.1f} meanwhile ({meanwhile / before:.2f} times),"
        f" {told.grown / MIB:.1f} MiB more, {told.slow:.0f} slow seen, {told.cut:.0f} cut,"
        f" kept out: {', '.join(told.blocked) or 'nobody'}"
    )


def _is_met(told: Told) -> bool:
    before, meanwhile = told.before.quantile(0.99), told.meanwhile.quantile(0.99)
    return (
        meanwhile < TIMES * before
        and told.grown < MEMORY
        and not told.blames()
        and set(told.outcomes) == {200}
        and ATTACKER in told.blocked
    )


if __name__ == "__main__":
    main()
