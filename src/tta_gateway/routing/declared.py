"""Declared routes: what instances of services may say of where requests go, and what comes of it.

The operator's own routes win.  Then come those of services that register, the older first; then
those of registries, by the registry's name and by the service's.  Nothing in that depends on who
has heard of what when, so that all nodes come to the same.  How many there may be is bounded, and
what that leaves out is what comes last in the same order.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, cast

import msgspec

from tta_gateway.kernel.registered import REGISTRATION, Allowed, Claim, Declared, Refused
from tta_gateway.kernel.route import Route
from tta_gateway.routing.conflict import Owners
from tta_gateway.routing.template import TemplateError, parse

MOST: Final = 100
"""Routes that an instance may declare."""
MOST_OF_SERVICE: Final = 200
"""Routes that all instances of a service may declare: those of two versions side by side."""
MOST_IN_ALL: Final = 5000
"""Routes that all services may have together."""
SLICE: Final = 250
"""Routes that are looked at between two pauses of `settling`."""
_SERVICE_FULL: Final = (
    f"it and what follows are more than the {MOST_OF_SERVICE} routes that the instances of a "
    "service may declare: declare fewer, for example with `{rest:path}`"
)
_ALL_FULL: Final = (
    f"it and what follows are more than the {MOST_IN_ALL} routes that all services may declare: "
    "have services declare fewer, for example with `{rest:path}`"
)
_STRICT: Final = ("none", "optional", "required")
_ALL: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a route cannot be had: how it is written, where it is, or whom it lets in.

    `guarded` asks for a token where none is believed, `open` lets in more than is allowed.
    """

    kind: Literal["written", "place", "guarded", "open"]
    reason: str


def covers(prefix: str, path: str) -> bool:
    """Tell whether a path stands at a prefix or below it, by whole segments."""
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def objection(routes: Sequence[Declared], allowed: Allowed | None) -> Objection | None:
    """Return the first thing that is wrong with what an instance declares, or None.

    `allowed` is what it may declare; None: that has been looked at.
    """
    if len(routes) > MOST:
        reason = f"there are {len(routes)} routes, and an instance may declare {MOST}"
        return Objection("written", reason)
    for one in routes:
        found = _of_one(one, allowed)
        if found is not None:
            return found
    return None


@lru_cache(maxsize=16384)  # every change of any of it has all looked at again
def _of_one(one: Declared, allowed: Allowed | None) -> Objection | None:
    fault = one.fault or _fault(one.path)
    if fault:
        return Objection("written", f"`{one.path}`: {fault}")
    if allowed is not None and not any(covers(prefix, one.path) for prefix in allowed.routes):
        return Objection("place", f"`{one.path}` is below none of its prefixes")
    return None if allowed is None else _whom(one, allowed)


def _whom(one: Declared, allowed: Allowed) -> Objection | None:
    """Return what is wrong with whom a route lets in."""
    if one.auth != "none" and not allowed.believed:
        reason = (
            f"`{one.path}` asks for an access token (`auth: {one.auth}`), and the gateway believes "
            "none: have the operator write `identity: {issuers: […]}`"
        )
        return Objection("guarded", reason)
    if one.auth != "required" and not allowed.auth_none:
        whom = "everybody" if one.auth == "none" else "whoever shows no token"
        reason = (
            f"`{one.path}` would let {whom} in (`auth: {one.auth}`), and the operator has not "
            "allowed that (`auth_none: true`)"
        )
        return Objection("open", reason)
    return None


def _fault(path: str) -> str:
    if "%" in path:
        return "a path is declared without escapes"
    try:
        parse(path)
    except TemplateError as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What comes of all claims: the routes, in order, which of them who has, and what is refused.

    `had` holds source, service and the route's name.
    """

    routes: tuple[Route, ...]
    had: tuple[tuple[str, str, str], ...]
    refused: tuple[Refused, ...]


def settled(
    claims: Iterable[Claim], operators: Sequence[Route], likes: Mapping[str, Route]
) -> Settled:
    """Return the routes that come of the claims, beside those of the operator.

    By service, `likes` are what its routes are like: as the operator's own, if they said no more.
    A route that several instances of a service declare is one.
    """
    steps = settling(claims, operators, likes)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return cast("Settled", done.value)


def settling(
    claims: Iterable[Claim], operators: Sequence[Route], likes: Mapping[str, Route]
) -> Generator[None, None, Settled]:
    """Come to the same as `settled`, with pauses in which others may have a turn."""
    refusals = _Refusals()
    said = yield from _said(claims, refusals)
    keys = list(dict.fromkeys((service, declared) for _, service, declared in said))
    routes, lost = yield from _awarded(operators, keys, likes)
    had = []
    for at, (source, service, declared) in enumerate(said, start=1):
        reason = lost.get((service, declared), "")
        if reason:
            refusals.add(source, service, declared, reason)
        else:
            had.append((source, service, declared.name))
        if at % SLICE == 0:
            yield
    return Settled(tuple(routes), tuple(had), tuple(refusals.told))


class _Refusals:
    """What is refused, each once; and what there is no room for, once for each who tells of it."""

    def __init__(self) -> None:
        self.told: dict[Refused, None] = {}
        self._full: set[tuple[str, str, str]] = set()

    def add(self, source: str, service: str, declared: Declared, reason: str) -> None:
        """Take one."""
        if reason in (_SERVICE_FULL, _ALL_FULL):
            if (source, service, reason) in self._full:
                return
            self._full.add((source, service, reason))
        refused = Refused(source=source, service=service, route=declared.name, reason=reason)
        self.told[refused] = None


def _said(
    claims: Iterable[Claim], refusals: _Refusals
) -> Generator[None, None, dict[tuple[str, str, Declared], None]]:
    """Return what is said and may be, by source and service, in the order of who comes first."""
    said: dict[tuple[str, str, Declared], None] = {}
    known: dict[str, set[Declared]] = {}
    seen: set[tuple[str, str, tuple[Declared, ...], Allowed | None]] = set()
    looked = 0
    for claim in sorted(claims, key=_rank):
        looked += len(claim.routes)
        if looked >= SLICE:
            looked = 0
            yield
        same = claim.source, claim.service, claim.routes, claim.allowed
        if same in seen:
            continue  # instances of a service mostly say the same
        seen.add(same)
        of_service = known.setdefault(claim.service, set())
        for declared, against in _looked_at(claim):
            reason = against
            if declared in of_service or len(of_service) < MOST_OF_SERVICE:
                of_service.add(declared)
            else:
                reason = _SERVICE_FULL
            if reason:
                refusals.add(claim.source, claim.service, declared, reason)
            else:
                said[claim.source, claim.service, declared] = None
    return said


def _rank(one: Claim) -> tuple[bool, str, float, str, str]:
    return one.source != REGISTRATION, one.source, one.since, one.service, one.id


def _looked_at(claim: Claim) -> list[tuple[Declared, str]]:
    """Return each route of a claim, and why it cannot be had; empty if it can."""
    whole = objection(claim.routes, None) if len(claim.routes) > MOST else None
    if whole is not None:
        return [(claim.routes[0], whole.reason)]
    found = []
    for one in claim.routes:
        against = _of_one(one, claim.allowed)
        found.append((one, "" if against is None else against.reason))
    return found


def _awarded(
    operators: Sequence[Route],
    keys: Sequence[tuple[str, Declared]],
    likes: Mapping[str, Route],
) -> Generator[None, None, tuple[list[Route], dict[tuple[str, Declared], str]]]:
    """Return the routes that come of what services declare, and what is refused, and why.

    Who wants a route that another has gets none of it.  What the same service has already, an
    older version of it maybe, is no conflict: it gets the methods that are missing, and of what the
    two say of whom it lets in, the stricter counts.
    """
    count = len(operators)
    owners = Owners()
    had: list[Route] = []
    place: dict[int, int] = {}  # in `had`, by owner
    lost: dict[tuple[str, Declared], str] = {}
    for at, theirs in enumerate(spelt(operators)):
        owners.add(theirs, at)
    for at, (service, declared) in enumerate(keys):
        if at % SLICE == SLICE - 1:
            yield
        route = route_of(service, declared, likes.get(service))
        (ours,) = spelt([route])
        owned = owners.of(ours)
        others = [one for one in owned.values() if one < count or keys[one - count][0] != service]
        missing = tuple(one for one in ours.methods if one not in owned)
        if others:
            owner = _owner(others[0], operators, keys)
            lost[service, declared] = f"`{route.name}` belongs to {owner}"
        elif missing and len(had) >= MOST_IN_ALL:
            lost[service, declared] = _ALL_FULL
        elif missing:
            owners.add(ours, count + at)
            whole = missing == ours.methods or not route.methods
            place[count + at] = len(had)
            had.append(route if whole else msgspec.structs.replace(route, methods=missing))
        for one in () if others else set(owned.values()):
            had[place[one]] = _stricter(had[place[one]], declared)
    return had, lost


def _owner(one: int, operators: Sequence[Route], keys: Sequence[tuple[str, Declared]]) -> str:
    count = len(operators)
    return by_operator(operators[one]) if one < count else by_service(keys[one - count][0])


def _stricter(route: Route, other: Declared) -> Route:
    """Return a route as it is where another instance of its service says this of it."""
    if _STRICT.index(route.auth) >= _STRICT.index(other.auth):
        return route
    return msgspec.structs.replace(route, auth=other.auth)


def by_operator(route: Route) -> str:
    """Return who has a route of the configuration, in words."""
    return f"the operator, by the route `{route.name}`"


def by_service(name: str) -> str:
    """Return who has a route that is declared, in words."""
    return f"the service `{name}`"


def route_of(service: str, declared: Declared, like: Route | None = None) -> Route:
    """Return the route that is declared: what may be declared has been looked at."""
    return msgspec.structs.replace(
        like or Route(name="", path="", service=service),
        name=declared.name,
        path=declared.path,
        methods=declared.methods,
        auth=declared.auth,
    )


def spelt(routes: Iterable[Route]) -> list[Route]:
    """Return routes that are for clients, and where they name no methods, all of them."""
    return [
        Route(
            name=one.name,
            path=one.path,
            host=one.host,
            methods=one.methods or _ALL,
            conditions=one.conditions,
            trailing_slash=one.trailing_slash,
        )
        for one in routes
    ]
