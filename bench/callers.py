"""What it costs to know which service calls: by its certificate, proved once for a connection.

    python bench/callers.py

Prints the CPU time of a request's look at it in microseconds, median of the rounds, less that of a
call that decides nothing (at most 0.3 µs), and what it takes to prove a connection, once.
"""

import argparse
import datetime as dt
import statistics
import time
from collections.abc import Callable
from typing import Final, cast

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tta_gateway.features.callers.bound import CallersBound, RouteCallers
from tta_gateway.features.callers.policy import Callers, Standing
from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import RequestHead, Response
from tta_gateway.kernel.peer import Peer, Shown, Trust
from tta_gateway.kernel.route import Route
from tta_gateway.pipeline.plan import bind
from tta_gateway.support.authority import Wanted, issue, new_authority, new_key
from tta_gateway.support.build import form
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry
from tta_gateway.support.svid import authorities

BAR: Final = 0.3  # µs
PLAYERS: Final = "spiffe://tta/players"


def chain(now: float) -> tuple[tuple[bytes, ...], bytes]:
    """Return what a service shows, and the authority."""
    signer = new_key()
    root = new_authority(signer, "tta", now=now, lasts=dt.timedelta(days=30))
    leaf = issue(root, signer, key=new_key(), wanted=Wanted(PLAYERS), now=now)
    ders = [x509.load_pem_x509_certificate(one).public_bytes(Encoding.DER) for one in (leaf, root)]
    return tuple(ders), root


def rule(wall: Callable[[], float]) -> Callable[[Exchange], Response | None]:
    """Return what decides on one route."""
    known = CallersBound(services={PLAYERS: ("service",)})
    callers = Callers(known, wall=wall, registry=Registry(), standing=Standing())
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteCallers(ids=(PLAYERS,))))
    bound = callers.for_route(Route(name="a", path="/", features={"callers": raw}))
    if bound is None:
        raise AssertionError("the route has a rule")
    return bound.on_request


def exchange(shown: Shown) -> Exchange:
    """Return an exchange of a service."""
    made = Exchange(
        RequestHead(1, b"GET", b"/"),
        origin=cast("Origin", None),
        peer=Peer("127.0.0.1", port=1, scheme=b"https", trusted=False),
        plan=bind([], None, forward=lambda _: None),
        started=0.0,
    )
    made.peer.shown = shown
    return made


def each(decide: Callable[[Exchange], object], asked: Exchange, times: int) -> float:
    """Return the CPU time of a call, in microseconds."""
    begun = time.process_time()
    for _ in range(times):
        decide(asked)
        asked.extra.clear()
    return (time.process_time() - begun) / times * 1e6


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=100_000)
    arguments = parser.parse_args()
    wall = SystemClock().wall
    ders, root = chain(wall())
    trust = Trust(authorities(root))
    decide, standing = rule(wall), exchange(Shown(ders, trust))

    if decide(standing) is not None or standing.principal is None:
        raise AssertionError("the service is let in")

    def anew(asked: Exchange) -> None:
        asked.peer.shown = Shown(ders, trust)
        decide(asked)

    rounds = range(arguments.rounds)
    idle = [each(lambda _: None, standing, arguments.times) for _ in rounds]
    proved = [each(decide, standing, arguments.times) for _ in rounds]
    first = [each(anew, exchange(Shown(ders, trust)), arguments.times // 100) for _ in rounds]
    cost = statistics.median(proved) - statistics.median(idle)
    print(f"{form()}")
    print(f"a request of a connection that is proved  {cost:6.2f} µs (at most {BAR})")
    print(f"to prove a connection, once               {statistics.median(first):6.1f} µs")


if __name__ == "__main__":
    main()
