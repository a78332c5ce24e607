"""What admission costs a request while nothing is short: its class, the way in, and the way out.

    python bench/admission.py

Prints the CPU time in microseconds of all six steps, with the calls themselves, median of the
rounds.  It may be 2 µs in all.
"""

import argparse
import statistics
import time
from typing import Final

from exchanges import exchange

from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.admission.rooms import Rooms
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route
from tta_gateway.support.build import form
from tta_gateway.support.metrics import Registry

BAR: Final = 2.0  # µs


class Clock:
    """A clock that moves on only between the batches."""

    def __init__(self) -> None:
        """Begin."""
        self.now = 1000.0

    def read(self) -> float:
        """Return the time."""
        return self.now


def batch(steps: list[object], one: Exchange, *, times: int) -> float:
    """Return the CPU time of all steps of a request in microseconds, mean over many."""
    first, second = steps
    asks = first.on_request, second.on_request  # type: ignore[attr-defined]
    answers = second.on_response, first.on_response  # type: ignore[attr-defined]
    ends = second.on_finish, first.on_finish  # type: ignore[attr-defined]
    begun = time.process_time()
    for _ in range(times):
        for step in (*asks, *answers, *ends):
            step(one)
    return (time.process_time() - begun) / times * 1e6


def main() -> None:
    """Print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=20_000)
    options = parser.parse_args()
    clock, route = Clock(), Route(name="a", path="/a", service="players")
    rooms = Rooms(registry=Registry(), clock=clock.read, chance=lambda: 0.0)
    rooms.adopt(AdmissionBound(enabled=True))
    steps: list[object] = [TrafficClass(rooms).for_route(route), Gate(rooms).for_route(route)]
    print(f"the gateway's path: {form()}")
    dearest = 0.0
    for kind, known in (("nobody", False), ("somebody", True)):
        one, figures = exchange(known=known), []
        for _ in range(options.rounds):
            one.first_byte_at = clock.now + 0.05
            figures.append(batch(steps, one, times=options.times))
            clock.now += 0.2
            rooms.tick(busy=0.0, lag=0.0)
        median = statistics.median(figures)
        dearest = max(dearest, median)
        print(f"of {kind}: {median:.2f} µs ({min(figures):.2f}-{max(figures):.2f})")
    print(f"dearest: {dearest:.2f} µs, {'met' if dearest <= BAR else 'not met'}: {BAR} µs")


if __name__ == "__main__":
    main()
