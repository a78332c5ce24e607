"""Declared routes: what instances of services may say of where requests go, and what comes of it.

The operator's own routes win.  Then come those of services that register, the older first; then
those of registries, by the registry's name and by the service's.  Nothing in that depends on who
has heard of what when, so that all nodes come to the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from tta_gateway.kernel.registered import REGISTRATION, Allowed, Claim, Declared, Refused
from tta_gateway.kernel.route import Route
from tta_gateway.routing.conflict import conflicts
from tta_gateway.routing.template import TemplateError, parse

MOST: Final = 100
"""Routes that an instance may declare."""
_ALL: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a route cannot be had: how it is written, where it is, or whom it lets in.

    `guarded` asks for what is not built yet, `open` for more than is allowed.
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


def _of_one(one: Declared, allowed: Allowed | None) -> Objection | None:
    fault = one.fault or _fault(one.path)
    if fault:
        return Objection("written", f"`{one.path}`: {fault}")
    if allowed is not None and not any(covers(prefix, one.path) for prefix in allowed.routes):
        return Objection("place", f"`{one.path}` is below none of its prefixes")
    if one.auth != "none":
        reason = (
            f"`{one.path}` asks for `auth: {one.auth}`, which is not built yet: write `auth: none` "
            "if anybody may call it"
        )
        return Objection("guarded", reason)
    if allowed is not None and not allowed.auth_none:
        reason = f"`{one.path}` would let everybody in, and the operator has not allowed that"
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
    told: dict[Refused, None] = {}
    said: dict[tuple[str, str, Declared], None] = {}
    for claim in sorted(claims, key=_rank):
        for declared, reason in _looked_at(claim):
            if reason:
                told[_refused(claim.source, claim.service, declared, reason)] = None
            else:
                said[claim.source, claim.service, declared] = None
    keys = list(dict.fromkeys((service, declared) for _, service, declared in said))
    wanted = [route_of(service, declared, likes.get(service)) for service, declared in keys]
    losers = dict(_losers(operators, wanted))
    lost = {keys[at]: reason for at, reason in losers.items()}
    had = []
    for source, service, declared in said:
        owned = lost.get((service, declared), "")
        if owned:
            told[_refused(source, service, declared, owned)] = None
        else:
            had.append((source, service, declared.name))
    routes = tuple(route for at, route in enumerate(wanted) if at not in losers)
    return Settled(routes, tuple(had), tuple(told))


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


def _refused(source: str, service: str, declared: Declared, reason: str) -> Refused:
    return Refused(source=source, service=service, route=declared.name, reason=reason)


def _losers(operators: Sequence[Route], wanted: Sequence[Route]) -> Iterable[tuple[int, str]]:
    """Return which of those that are wanted cannot be had, and why: the first of two has it."""
    count = len(operators)
    lost: dict[int, str] = {}
    for one, other, _ in conflicts([*_spelt(operators), *_spelt(wanted)]):
        if other >= count and one not in lost and other not in lost:
            owner = _operator(operators[one]) if one < count else _service(wanted[one - count])
            lost[other] = f"`{wanted[other - count].name}` belongs to {owner}"
    return [(at - count, reason) for at, reason in lost.items()]


def taken(
    service: str,
    routes: Sequence[Declared],
    held: Iterable[tuple[str, Declared]],
    operators: Sequence[Route],
) -> tuple[str, str]:
    """Return a route that an instance of a service cannot have, and who has it; else nothing.

    `held` is what other services declare: what instances of the same service do is no conflict.
    """
    if not routes:
        return "", ""
    known = [*operators, *(route_of(other, declared) for other, declared in held)]
    wanted = [route_of(service, declared) for declared in routes]
    for first, second, _ in conflicts([*_spelt(known), *_spelt(wanted)]):
        if first < len(known) <= second:
            of_operator = first < len(operators)
            owner = _operator(known[first]) if of_operator else _service(known[first])
            return wanted[second - len(known)].name, owner
    return "", ""


def _operator(route: Route) -> str:
    return f"the operator, by the route `{route.name}`"


def _service(route: Route) -> str:
    return f"the service `{route.service}`"


def route_of(service: str, declared: Declared, like: Route | None = None) -> Route:
    """Return the route that is declared; whom it lets in has been looked at."""
    return msgspec.structs.replace(
        like or Route(name="", path="", service=service),
        name=declared.name,
        path=declared.path,
        methods=declared.methods,
        auth="none",
    )


def _spelt(routes: Iterable[Route]) -> list[Route]:
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
