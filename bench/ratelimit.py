"""What a limit costs a request: the policy's steps on exchanges of many callers.

    python bench/ratelimit.py

Prints the CPU time of a request's steps (decide, say what is left, end) in microseconds, median of
the rounds, less that of calls that decide nothing.  Each request is of another caller of thousands,
so that caches are as cold as they are.  One limit on the fast path may take 2 µs.  Then what it
costs to tell the others: for each key, on both sides; and how much memory a key takes.
"""

import argparse
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Final, cast

import msgspec

from tta_gateway.features.ratelimit.bound import Limit, RateLimitBound, RouteLimits
from tta_gateway.features.ratelimit.policy import BoundRateLimit, Keeping, RateLimit
from tta_gateway.features.ratelimit.tally import Tally
from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import Refusal, RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.pipeline.plan import bind
from tta_gateway.support.build import form
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry

PEOPLE: Final = 5000
BAR: Final = 2.0  # µs
RATE: Final = Limit(
    id="r", name="per-user", handle="r", amount=10**6, per=60.0, burst=10**6, key=("user",)
)
QUOTA: Final = msgspec.structs.replace(RATE, id="q", name="daily", handle="q", quota=True)
SEATS: Final = msgspec.structs.replace(
    RATE, id="s", name="sockets", handle="s", of="concurrent", per=0.0
)
BOTH: Final = msgspec.structs.replace(RATE, id="b", handle="b", key=("user", "address"))
SPENT: Final = msgspec.structs.replace(RATE, id="x", handle="x", amount=1, burst=1, per=86_400.0)
KINDS: Final[dict[str, tuple[Limit, ...]]] = {
    "a rate": (RATE,),
    "a quota": (QUOTA,),
    "seats": (SEATS,),
    "a rate by two keys": (BOTH,),
    "a rate and a quota": (RATE, QUOTA),
}


def rule(*limits: Limit) -> BoundRateLimit:
    """Return what decides on one route."""
    clock = SystemClock()
    tally = Tally(monotonic=clock.monotonic, wall=clock.wall, chance=random.random)
    keeping = Keeping(RateLimitBound(limits=limits), tally, registry=Registry())
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteLimits(limits=limits)))
    found = RateLimit(keeping).for_route(Route(name="a", path="/", features={"ratelimit": raw}))
    if not isinstance(found, BoundRateLimit):
        raise TypeError("the route has limits")
    return found


def exchanges() -> list[Exchange]:
    """Return requests of many people, each with its answer on the way."""
    made = []
    for number in range(PEOPLE):
        exchange = Exchange(
            RequestHead(1, b"GET", b"/"),
            origin=cast("Origin", None),
            peer=Peer(
                f"10.0.{number // 250}.{number % 250}", port=1, scheme=b"http", trusted=False
            ),
            plan=bind([], None, forward=lambda _: None),
            started=0.0,
        )
        exchange.principal = Principal(subject=f"player-{number:08d}", issuer="a")
        exchange.response = Response(200)
        made.append(exchange)
    random.shuffle(made)
    return made


class Nothing:
    """Steps that decide nothing."""

    def on_request(self, _: Exchange) -> None:
        """Let it through."""

    def on_response(self, _: Exchange) -> None:
        """Say nothing."""

    def on_finish(self, _: Exchange) -> None:
        """Do nothing."""


def micros(rule: "BoundRateLimit | Nothing", of: list[Exchange]) -> float:
    """Return the CPU time of all steps of one request in microseconds, mean over many."""
    request, response, finish = rule.on_request, rule.on_response, rule.on_finish
    fields: list[tuple[bytes, bytes]] = []
    begun = time.process_time()
    for exchange in of:
        request(exchange)
        response(exchange)
        finish(exchange)
    took = time.process_time() - begun
    for exchange in of:
        exchange.limited = None
        if exchange.response is not None:
            exchange.response.fields = fields.copy()
    return took / len(of) * 1e6


def refusing(of: list[Exchange]) -> Callable[[], float]:
    """Return what measures refusals: everybody has spent all."""
    spent = rule(SPENT)
    for exchange in of:
        spent.on_request(exchange)
        exchange.limited = None

    def measured() -> float:
        begun = time.process_time()
        for exchange in of:
            if not isinstance(spent.on_request(exchange), Refusal):
                raise TypeError("it is spent")
        return (time.process_time() - begun) / len(of) * 1e6

    return measured


def telling(of: list[Exchange]) -> tuple[float, float]:
    """Return the µs that it takes to tell of one key, and to hear of it."""
    mine, theirs = rule(RATE), rule(RATE)
    for exchange in of:
        mine.on_request(exchange)
        exchange.limited = None
    table, other = mine._rules[0].table, theirs._rules[0].table  # noqa: SLF001 - a bench
    begun = time.process_time()
    told = [(entry.key, table.measure.tell(entry)) for entry in table.owed(PEOPLE)]
    packed = msgspec.msgpack.encode(told)
    between = time.process_time()
    heard = msgspec.msgpack.decode(packed, type=list[tuple[str, tuple[float, float, float, float]]])
    for key, one in heard:
        other.measure.hear(other.entry(key, 0.0), one, 1)
    ended = time.process_time()
    return (between - begun) / len(of) * 1e6, (ended - between) / len(of) * 1e6


def memory(keys: int = 20_000) -> float:
    """Return the bytes that one key takes, with its name."""
    table = rule(RATE)._rules[0].table  # noqa: SLF001 - a bench
    tracemalloc.start()
    for number in range(keys):
        table.measure.spend(table.entry(f"player-{number:08d}", 0.0), 1, 0.0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / keys


def main() -> None:
    """Print what each kind costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    of = exchanges()
    print(f"the gateway's path: {form()}")
    plain = 0.0
    for kind, limits in KINDS.items():
        one = rule(*limits)
        micros(one, of)
        figures = [micros(one, of) - micros(Nothing(), of) for _ in range(options.rounds)]
        median = statistics.median(figures)
        plain = plain or median
        print(f"{kind}: {median:.2f} µs ({min(figures):.2f}-{max(figures):.2f})")
    refused = refusing(of)
    print(f"a refusal: {statistics.median(refused() for _ in range(options.rounds)):.2f} µs")
    tell, hear = (
        statistics.median(one) for one in zip(*(telling(of) for _ in range(9)), strict=True)
    )
    print(f"to tell neighbours of a key: {tell:.2f} µs, to hear of it: {hear:.2f} µs")
    print(f"a key: {memory():.0f} bytes")
    print(f"a rate: {plain:.2f} µs, {'met' if plain <= BAR else 'not met'}: {BAR} µs")


if __name__ == "__main__":
    main()
