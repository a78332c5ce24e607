"""What a decision of access costs: one route's rule, on the exchanges of callers of each kind.

    python bench/access.py

Prints the CPU time of a decision in microseconds, median of the rounds, less that of a call that
decides nothing; a hundred thousand relations of care are known.  No decision may take 2 µs.  Then
how long a worker's loop is held where all of them are new: by each of the sections that they come
in, the longest.
"""

import argparse
import asyncio
import inspect
import statistics
import time
from collections.abc import Callable
from typing import Final, cast

import msgspec

from tta_gateway.features.access.algorithm import Ties
from tta_gateway.features.access.bound import (
    ASKED,
    AccessBound,
    Held,
    OwnerFrom,
    RouteAccess,
    section_of,
)
from tta_gateway.features.access.policy import (
    Access,
    AskingAccess,
    BoundAccess,
    Circle,
    Look,
    book_of,
)
from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.node.sections import Sections
from tta_gateway.node.ties import LiveTies
from tta_gateway.pipeline.plan import bind
from tta_gateway.support.build import form
from tta_gateway.support.clock import Stamp, SystemClock
from tta_gateway.support.log import EventLog, LineFile
from tta_gateway.support.metrics import Registry

CARERS: Final = 1000
PEOPLE: Final = 100  # of each
BAR: Final = 2.0  # µs
RULE: Final = RouteAccess(
    permissions={"GET": "progress:read"},
    owner="player_id",
    clinical=True,
    default="notes:write",
    level=2,
    fresh=900.0,
)
KINDS: Final[dict[str, tuple[str, ...]]] = {  # role, subject, whose data, scopes
    "one's own": ("player", "p7", "p7"),
    "of whom one cares for": ("therapist", "t7", "p7-7"),
    "through broken glass": ("therapist", "t7", "p-glass"),
    "one's own, by a program": ("player", "p7", "p7", "progress:read story openid"),
    "that a program was not let do (403)": ("player", "p7", "p7", "openid"),
    "somebody else's (404)": ("player", "p7", "p8"),
    "nobody's patient (404)": ("therapist", "t7", "p8"),
    "without the permission (403)": ("admin", "a7", "p7"),
}


def rule() -> Callable[[Exchange], Response | None]:
    """Return what decides on one route, with all who care for somebody."""
    ties = Ties()
    forever = float("inf")
    ties.care_for(
        (),
        {
            f"t{carer}": {f"p{carer}-{person}": forever for person in range(PEOPLE)}
            for carer in range(CARERS)
        },
    )
    ties.break_glass({"t7": {"p-glass": forever}})
    access = Access(
        book_of(AccessBound()),
        Circle(ties, lambda _: None),
        wall=SystemClock().wall,
        registry=Registry(),
    )
    raw = msgspec.Raw(msgspec.msgpack.encode(RULE))
    bound = access.for_route(Route(name="a", path="/{player_id}", features={"access": raw}))
    assert isinstance(bound, BoundAccess)  # the route has a rule
    return bound.on_request


class Sessions:
    """A service that has said that everything is p7's."""

    def of(self, _: Route) -> Look:
        """Return what asks it; nobody does, once it is known."""
        return self

    def mark(self, exchange: Exchange) -> bytes:
        """Return what else the answer hangs on, as one of `node/owner_lookups.py` does."""
        return exchange.request.host or b""

    async def ask(self, _: Exchange, __: bytes) -> tuple[int, bytes]:
        """Say that it is theirs."""
        return 200, b""


def asked_rule() -> Callable[[Exchange], object]:
    """Return what decides on a route whose service has been asked whose something is."""
    access = Access(book_of(AccessBound()), wall=SystemClock().wall, registry=Registry())
    access.lookups = Sessions()
    asked = OwnerFrom(path="/api/v1/sessions/{session_id}/messages")
    raw = msgspec.Raw(
        msgspec.msgpack.encode(RouteAccess(default="sessions:read", owner=ASKED, owner_from=asked))
    )
    path = "/api/v1/sessions/{session_id}/{rest:path}"
    bound = access.for_route(Route(name="a", path=path, features={"access": raw}))
    assert isinstance(bound, AskingAccess)  # the route asks
    return bound.on_request


def known() -> Exchange:
    """Return an exchange about something whose owner is known by then."""
    made = exchange("player", "p7", "p7")
    made.request = RequestHead(1, b"GET", b"/api/v1/sessions/01890a5d-ac96-774b/progress")
    made.params = {"session_id": "01890a5d-ac96-774b", "rest": "progress"}
    return made


def exchange(role: str, subject: str, person: str, scopes: str = "") -> Exchange:
    """Return an exchange of somebody, or a program for them, who asks for somebody's data."""
    made = Exchange(
        RequestHead(1, b"GET", b"/"),
        origin=cast("Origin", None),
        peer=Peer("127.0.0.1", port=1, scheme=b"http", trusted=False),
        plan=bind([], None, forward=nothing),
        started=0.0,
    )
    made.params = {"player_id": person}
    made.principal = Principal(
        subject=subject,
        issuer="a",
        roles=frozenset((role,)),
        level=2,
        authenticated=SystemClock().wall(),
        scopes=frozenset(scopes.split()),
        is_narrow=bool(scopes),
    )
    return made


def nothing(_: Exchange) -> None:
    """Decide nothing."""


def micros(call: Callable[[Exchange], object], of: Exchange, *, times: int) -> float:
    """Return the CPU time of one call in microseconds, mean over many."""
    begun = time.process_time()
    for _ in range(times):
        call(of)
    return (time.process_time() - begun) / times * 1e6


def asked(rounds: int, times: int) -> tuple[float, str]:
    """Return what a decision costs where the service has been asked, and how that varies."""
    decide, one = asked_rule(), known()
    assert asyncio.run(_settled(decide(one))) is None  # it is p7's
    found = [
        micros(decide, one, times=times) - micros(nothing, one, times=times) for _ in range(rounds)
    ]
    return statistics.median(found), f"{min(found):.2f}-{max(found):.2f}"


async def _settled(waiting: object) -> object:
    return await waiting if inspect.isawaitable(waiting) else waiting


def held() -> float:
    """Return for how many seconds the longest of the sections holds the loop that takes it up."""
    by_section: dict[str, dict[str, dict[str, float]]] = {}
    for carer in range(CARERS):
        name = f"t{carer}"
        people = {f"p{carer}-{person}": float("inf") for person in range(PEOPLE)}
        by_section.setdefault(section_of(name), {})[name] = people
    live = {
        name: msgspec.Raw(msgspec.msgpack.encode(Held(until=until)))
        for name, until in by_section.items()
    }
    ties = LiveTies(Sections(EventLog(LineFile("/dev/null"), Stamp(SystemClock().wall))), {})
    longest = 0.0
    for name in ties.changed(live):
        begun = time.perf_counter()
        ties.adopt((name,), live)
        longest = max(longest, time.perf_counter() - begun)
    return longest


def main() -> None:
    """Print what each kind costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--times", type=int, default=100_000)
    options = parser.parse_args()
    decide = rule()
    print(f"the gateway's path: {form()}")
    dearest = 0.0
    for kind, whom in KINDS.items():
        one = exchange(*whom)
        figures = [
            micros(decide, one, times=options.times) - micros(nothing, one, times=options.times)
            for _ in range(options.rounds)
        ]
        median = statistics.median(figures)
        dearest = max(dearest, median)
        print(f"{kind}: {median:.2f} µs ({min(figures):.2f}-{max(figures):.2f})")
    cost, spread = asked(options.rounds, options.times)
    dearest = max(dearest, cost)
    print(f"one's own, as its service has said: {cost:.2f} µs ({spread})")
    longest = statistics.median(held() for _ in range(options.rounds))
    print(f"a section of {CARERS * PEOPLE} new relations: {longest * 1000:.2f} ms")
    print(f"dearest: {dearest:.2f} µs, {'met' if dearest <= BAR else 'not met'}: {BAR} µs")


if __name__ == "__main__":
    main()
