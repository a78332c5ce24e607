"""Leases and claims: who may say what, which routes come of it, and who is there still.

Of two registrations that claim one route the older one has it; between nodes that have heard of
them at the same moment, the names decide, so that all nodes come to the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from tta_gateway.features.registration.bound import Token
from tta_gateway.features.registration.record import Declared, Registration
from tta_gateway.kernel.route import Route
from tta_gateway.routing.conflict import conflicts
from tta_gateway.routing.template import TemplateError, parse

_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LONGEST_ID: Final = 128
_MOST_ROUTES: Final = 100
_BEATS: Final = 3  # signs of life in a lease


def renew_after(lease: float) -> float:
    """Return after how many seconds a lease should be renewed."""
    return lease / _BEATS


def is_id(text: str) -> bool:
    """Tell whether the text may name an instance."""
    return 0 < len(text) <= _LONGEST_ID and _LETTERS.issuperset(text)


def covers(prefix: str, path: str) -> bool:
    """Tell whether a path stands at a prefix or below it, by whole segments."""
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def unclaimed(token: Token, routes: Iterable[Declared]) -> str:
    """Return the first path that the token may not claim; empty if it may claim all."""
    for one in routes:
        if not any(covers(prefix, one.path) for prefix in token.routes):
            return one.path
    return ""


def complaint(routes: Sequence[Declared]) -> str:
    """Return what is wrong with the paths that are declared; empty if nothing is."""
    if len(routes) > _MOST_ROUTES:
        return f"there are {len(routes)} routes, and an instance may declare {_MOST_ROUTES}"
    for one in routes:
        if "%" in one.path:
            return f"`{one.path}`: a path is declared without escapes"
        try:
            parse(one.path)
        except TemplateError as error:
            return f"`{one.path}`: {error}"
    return ""


def claimed(
    registrations: Iterable[Registration],
    operators: Sequence[Route],
    likes: Mapping[str, Route],
) -> tuple[Route, ...]:
    """Return the routes that come of the registrations, beside those of the operator.

    By service, `likes` are what its routes are like: as the operator's own, if they said no more.

    The operator's win.  A route that several instances of a service declare is one.
    """
    wanted = _wanted(registrations, likes)
    lost = set()
    count = len(operators)
    for one, other, _ in conflicts([*_spelt(operators), *_spelt(wanted)]):
        if other >= count and one not in lost:
            lost.add(other)
    return tuple(route for at, route in enumerate(wanted, start=count) if at not in lost)


def taken(
    one: Registration, others: Iterable[Registration], operators: Sequence[Route]
) -> tuple[str, str]:
    """Return a route that the registration cannot have, and who has it; empty if it can have all.

    Routes of instances of the same service are no conflict; empty: it is the operator's.
    """
    if not one.routes:
        return "", ""
    wanted = [route_of(one.service, declared) for declared in one.routes]
    held = [(service, route_of(service, declared)) for service, declared in held_by(others, one)]
    known = [*(("", route) for route in operators), *held]
    routes = [*_spelt([route for _, route in known]), *_spelt(wanted)]
    for first, second, _ in conflicts(routes):
        if first < len(known) <= second:
            owner, route = known[first]
            return routes[second].name, f"the service `{owner}`" if owner else _operator(route)
    return "", ""


def held_by(others: Iterable[Registration], but_for: Registration) -> list[tuple[str, Declared]]:
    """Return what other services declare, each route once, however many instances do.

    Conflicts are looked for in every pair of equals: of two hundred that would be twenty thousand.
    """
    found = {
        (other.service, declared): None
        for other in others
        if other.service != but_for.service
        for declared in other.routes
    }
    return list(found)


def _operator(route: Route) -> str:
    return f"the operator, by the route `{route.name}`"


def _wanted(registrations: Iterable[Registration], likes: Mapping[str, Route]) -> list[Route]:
    """Return what is wanted, each route once, by who has said so first."""
    found: dict[tuple[str, Declared], Route] = {}
    for one in sorted(registrations, key=_age):
        for declared in one.routes:
            route = route_of(one.service, declared, likes.get(one.service))
            found.setdefault((one.service, declared), route)
    return list(found.values())


def _age(one: Registration) -> tuple[float, str]:
    return one.since, one.name


def route_of(service: str, declared: Declared, like: Route | None = None) -> Route:
    """Return the route that is declared."""
    methods = ",".join(declared.methods)
    return msgspec.structs.replace(
        like or Route(name="", path="", service=service),
        name=f"{methods} {declared.path}" if methods else declared.path,
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


_ALL: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


class Known:
    """Who is there, as one node sees it: what the store says, and who is missed there.

    A store that comes back has forgotten whose lease ran out while nobody could renew it, and a new
    one knows nobody.  Whoever was known before is given a whole lease to say something.
    """

    def __init__(self, known: Iterable[Registration] = ()) -> None:
        """Begin with what a control before this one knew."""
        self.all = {one.name: one for one in known}
        self._missed: dict[str, float] = {}  # until when each is waited for

    def shaken(self, now: float) -> None:
        """Take note that the store has been away, or is another: nobody known is gone for that."""
        for name, one in self.all.items():
            self._missed[name] = now + one.lease

    def told(self, found: Iterable[Registration], now: float) -> bool:
        """Take what the store holds; tell whether that changes anything."""
        there = {one.name: one for one in found}
        for name in there:
            self._missed.pop(name, None)
        self._missed = {name: until for name, until in self._missed.items() if until > now}
        kept = {name: self.all[name] for name in self._missed if name in self.all}
        return self._take({**kept, **there})

    def passed(self, now: float) -> bool:
        """Let those go that were waited for in vain; tell whether there were any."""
        over = [name for name, until in self._missed.items() if until <= now]
        for name in over:
            del self._missed[name]
        return self._take({name: one for name, one in self.all.items() if name not in over})

    def left(self, name: str) -> None:
        """Wait for this one no longer: it has said that it leaves."""
        self._missed.pop(name, None)

    def _take(self, now_known: dict[str, Registration]) -> bool:
        changed = now_known != self.all
        self.all = now_known
        return changed

    def of(self, service: str) -> list[Registration]:
        """Return the instances of a service."""
        return [one for one in self.all.values() if one.service == service]
