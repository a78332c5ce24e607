"""What the shield costs a request while nobody attacks, and while somebody else does.

    python bench/shield.py

Prints the CPU time in microseconds, median of the rounds, less that of calls that do nothing.  It
may be 0.5 µs while nobody attacks.
"""

import argparse
import statistics
import time
from typing import Final

from exchanges import exchange

from tta_gateway.features.shield.bound import ShieldBound
from tta_gateway.features.shield.policy import ShieldAct, ShieldMark
from tta_gateway.features.shield.ward import Ward
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route
from tta_gateway.support.build import form
from tta_gateway.support.metrics import Registry

BAR: Final = 0.5  # µs


class Nothing:
    """What does nothing, as often."""

    def on_request(self, _: Exchange) -> None:
        """Do nothing."""

    def on_finish(self, _: Exchange) -> None:
        """Do nothing."""


def batch(steps: list[object], one: Exchange, *, times: int) -> float:
    """Return the CPU time of all steps of a request in microseconds, mean over many."""
    mark, act = steps
    asks = mark.on_request, act.on_request  # type: ignore[attr-defined]
    ends = (mark.on_finish,)  # type: ignore[attr-defined]
    begun = time.process_time()
    for _ in range(times):
        for step in (*asks, *ends):
            step(one)
    return (time.process_time() - begun) / times * 1e6


def median(ward: Ward, *, known: bool, rounds: int, times: int) -> float:
    """Return what it costs a request, in microseconds."""
    route = Route(name="a", path="/a", service="players", auth="optional")
    steps: list[object] = [ShieldMark(ward).for_route(route), ShieldAct(ward).for_route(route)]
    idle: list[object] = [Nothing(), Nothing()]
    one, figures = exchange(known=known), []
    for _ in range(rounds):
        figures.append(batch(steps, one, times=times) - batch(idle, one, times=times))
        ward.anonymous.clear()
    return statistics.median(figures)


def main() -> None:
    """Print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=20_000)
    options = parser.parse_args()
    ward = Ward(
        registry=Registry(), clock=lambda: 1000.0, chance=lambda: 0.0, wall=lambda: 1_700_000_000.0
    )
    ward.adopt(ShieldBound())
    print(f"the gateway's path: {form()}")
    dearest = 0.0
    for state in ("in peace", "under attack by others"):
        for who, known in (("nobody", False), ("somebody", True)):
            spent = median(ward, known=known, rounds=options.rounds, times=options.times)
            print(f"of {who}, {state}: {spent:.2f} µs")
            if state == "in peace":
                dearest = max(dearest, spent)
        for number in range(500):
            ward.note(f"198.51.100.{number % 250}", 2, 200.0)
    print(f"dearest in peace: {dearest:.2f} µs, {'met' if dearest <= BAR else 'not met'}: {BAR} µs")


if __name__ == "__main__":
    main()
