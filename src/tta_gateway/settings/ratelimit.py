"""Limits of routes as operators write them, what must agree about them, and what they become."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Final, Protocol, TypeAlias

import msgspec
from pydantic import PlainSerializer

from tta_gateway.features.ratelimit.bound import Limit, Of, RateLimitBound, RouteLimits
from tta_gateway.features.ratelimit.config import (
    Place,
    RateLimitConfig,
    RouteLimitConfig,
    compile_route,
)
from tta_gateway.kernel.route import Auth, Respond, Route
from tta_gateway.settings.channel import rules
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Items

Tree: TypeAlias = Mapping[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]
_decode: Final = msgspec.msgpack.Decoder(RouteLimits).decode


def _long(value: object) -> object:
    """Write out one name, or `off`."""
    if value == "off":
        return []
    if isinstance(value, str):
        return [{"use": value}]
    raise ValueError(
        "must be a limit, the name of one of `ratelimit.limits`, a list of these, or `off`"
    )


def _listed(value: object) -> object:
    """Write out one limit, and names in a list."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [{"use": one} if isinstance(one, str) else one for one in value]
    return value


class _Listed(Shorthand):
    """A limit alone stands for a list of one; a name for a limit of that name."""

    __slots__ = ()

    def _written(self, value: object) -> object:
        return _listed(value if isinstance(value, dict | list) else self.long(value))


def _text(limits: tuple[RouteLimitConfig, ...]) -> object:
    """Return the shortest way to write them."""
    if not limits:
        return "off"
    return [one.model_dump(mode="json", exclude_unset=True) for one in limits]


RouteLimitsWritten: TypeAlias = Annotated[
    Items[RouteLimitConfig],
    _Listed(_long, {"title": "name of a limit, or `off`", "type": "string"}),
    PlainSerializer(_text),
]


class RouteLimitsOf(Protocol):
    """A route as the operator has written it."""

    @property
    def rate_limit(self) -> tuple[RouteLimitConfig, ...] | None:
        """Its limits."""


def limited(
    route: Route,
    written: tuple[RouteLimitConfig, ...] | None,
    config: RateLimitConfig,
    *,
    of: Sequence[Of] = ("requests", "messages", "concurrent"),
) -> Route:
    """Return a route with its limits, as far as they are `of` these."""
    place = Place(route.name, route.service)
    limits = tuple(one for one in compile_route(written, config, place) if one.of in of)
    if not limits:
        return route
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteLimits(limits=limits)))
    return msgspec.structs.replace(route, features={**route.features, "ratelimit": raw})


def compile(config: RateLimitConfig, routes: Iterable[Route]) -> RateLimitBound:
    """Return what a worker needs of all limits of these routes.

    Of one that costs more on one route than on another the dearest stands there: what is said of
    it at run time must be enough for all.
    """
    found: dict[str, Limit] = {}
    for route in routes:
        raw = route.features.get("ratelimit")
        for limit in () if raw is None else _decode(raw).limits:
            known = found.setdefault(limit.id, limit)
            if limit.cost > known.cost:
                found[limit.id] = limit
    return RateLimitBound(
        limits=tuple(found.values()),
        keys=config.keys,
        tenant=config.tenant,
        client=config.client,
    )


def status_routes(
    config: RateLimitConfig, routes: Iterable[RouteLimitsOf], *, believes: bool, own: bool
) -> tuple[Route, ...]:
    """Return the route where callers hear of their limits; workers answer there themselves.

    `own` is whether the gateway's own endpoints have limits.
    """
    are_there = own or any(
        one.rate_limit or (one.rate_limit is None and config.default) for one in routes
    )
    if config.status == "off" or not are_there:
        return ()
    auth: Auth = "optional" if believes else "none"
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteLimits(status=True)))
    return (
        Route(
            name=f"GET {config.status}",
            path=config.status,
            methods=("GET",),
            auth=auth,
            respond=Respond(status=404),
            upgrade=(),
            features={"ratelimit": raw},
        ),
    )


def complaints(tree: Tree) -> Complaints:
    """Complain about names of limits that there are not, and about what cannot be kept."""
    config = _mapping(tree.get("ratelimit"))
    named = _mapping(config.get("limits"))
    default = config.get("default")
    for at, name in enumerate(default if isinstance(default, list) else ()):
        yield from _known(("ratelimit", "default", at), name, named)
    routes = tree.get("routes")
    for at, route in enumerate(routes if isinstance(routes, list) else ()):
        found = _mapping(route)
        leads = found.get("service") is not None or found.get("split") is not None
        path: Path = ("routes", at, "rate_limit")
        yield from complaints_of(path, found.get("rate_limit"), named, leads=leads)
    for where, rule in rules(tree):
        leads = rule.get("service") is not None
        place: Path = (*where, "rate_limit")
        yield from complaints_of(place, rule.get("rate_limit"), named, leads=leads)


def complaints_of(path: Path, written: Value, named: Tree, *, leads: bool = True) -> Complaints:
    """Complain about limits that stand there; `leads` is whether a service is asked."""
    several = written if isinstance(written, list) else [written]
    for at, one in enumerate(several):
        where: Path = (*path, at) if isinstance(written, list) else path
        limit: Tree = {"use": one} if isinstance(one, str) else _mapping(one)
        name = limit.get("use")
        if isinstance(name, str) and name != "off":
            yield from _known(where, name, named)
            yield from _dear((*where, "cost"), limit.get("cost"), _mapping(named.get(name)))
        shared = _mapping(named.get(name)) if isinstance(name, str) else limit
        for key, is_so in (
            ("adaptive", shared.get("adaptive") is True),
            ("key", "service" in _texts(shared.get("key"))),
        ):
            if is_so and not leads:
                yield where, f"`{key}` is about the route's service, and it has none: take it out"


def _dear(path: Path, cost: Value, shared: Tree) -> Complaints:
    most = [shared.get(key) for key in ("burst", "requests", "messages", "concurrent")]
    counts = [one for one in most if isinstance(one, int)]
    if isinstance(cost, int) and counts and cost > counts[0]:
        yield path, f"is more than there ever is ({counts[0]}): nobody would get through"


def _known(path: Path, name: Value, named: Tree) -> Complaints:
    if isinstance(name, str) and name not in named:
        yield path, f"there is no limit `{name}` in `ratelimit.limits`: {nearest(name, named)}"


def _texts(value: Value) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _mapping(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}
