"""Routes with more than one service: by weight, by a header, or for a copy, as operators write it.

And what must agree about them beyond one value, for settings/rules.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from pydantic import Field

from tta_gateway.features.mirror.bound import MirrorBound
from tta_gateway.features.mirror.policy import SAFE
from tta_gateway.features.split.bound import Canary, SplitBound
from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.kernel.route import Key, Service
from tta_gateway.routing.template import TemplateError, names
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.fitness import Share
from tta_gateway.settings.key import KeyConfig, compiled
from tta_gateway.settings.nearest import nearest
from tta_gateway.support.config import Config, FieldName, FieldValue, Items

_MIRROR: Final = MirrorBound(service="")
_LOAD_BOUND: Final = Service(name="", endpoints=()).load_bound
Complaints: TypeAlias = Iterator[tuple[Path, str]]
Tree: TypeAlias = Mapping[str, Value]


class PartConfig(Config):
    """One of the services of a split."""

    service: str
    """Its name."""

    weight: Annotated[int, Field(ge=0, le=100_000)] = 1
    """How much it takes, beside the others; 0: nothing."""


class SplitConfig(Config):
    """Services that share a route's requests; one that cannot be asked is passed over."""

    services: Annotated[Items[PartConfig], Field(min_length=1)]
    """The services, each with its weight."""

    sticky: KeyConfig | None = None
    """What of a request stays with one service; left out, each request is drawn for."""


class CanaryConfig(Config):
    """A service for those who ask for it."""

    header: FieldName
    """The header field that leads there."""

    value: FieldValue | None = None
    """The value that it must have; left out, any."""

    service: str
    """The service."""


class MirrorConfig(Config):
    """A service that gets copies of requests, and whose answers nobody gets."""

    service: str
    """The service."""

    share: Annotated[Share, Field(gt=0)] = _MIRROR.share
    """The share of the requests that are copied, of GET, HEAD and OPTIONS without a body."""

    in_flight: Annotated[int, Field(ge=1, le=10_000)] = _MIRROR.in_flight
    """Copies under way in one worker; what is beyond them is left out."""


# --- compiled ------------------------------------------------------------------------------------


class Ends:
    """What stands at a route's end: its service and those beside it, without what is looked after.

    `resting` are the services in maintenance.  `service` is empty if the route has none; where all
    of a split are in maintenance it is the first of them.
    """

    def __init__(
        self,
        service: str | None,
        split: SplitConfig | None,
        canary: CanaryConfig | None,
        mirror: MirrorConfig | None,
        resting: frozenset[str],
    ) -> None:
        """Sort out who takes part."""
        parts = split.services if split is not None else ()
        awake = tuple((one.service, one.weight) for one in parts if one.service not in resting)
        self.parts = awake if any(weight for _, weight in awake) else ()
        heaviest = max(self.parts, key=lambda part: part[1])[0] if self.parts else ""
        wanted = [one.service for one in parts if one.weight]
        self.service = service or heaviest or (wanted[0] if wanted else "")
        self.sticky = split.sticky if split is not None and self.parts else None
        self.canary = canary if canary is not None and canary.service not in resting else None
        self.mirror = mirror if mirror is not None and mirror.service not in resting else None

    @property
    def all_parts(self) -> tuple[tuple[str, int], ...]:
        """Return every service with its weight, where there is more than one; or nothing."""
        beside = [one.service for one in (self.canary, self.mirror) if one is not None]
        main = self.parts or ((self.service, 1),)
        found = {**dict.fromkeys(beside, 0), **dict(main)}
        return tuple(found.items()) if self.parts or beside else ()

    def features(self, keys: Mapping[str, Key]) -> dict[str, msgspec.Raw]:
        """Return the parts of the features; `keys` are what sticks to services' endpoints."""
        found: dict[str, msgspec.Raw] = {}
        reached = {self.service, *(name for name, _ in self.parts)}
        canary = None
        if self.canary is not None:
            canary = Canary(**dict(self.canary))
            reached.add(canary.service)
        if self.parts or canary is not None:
            sticky = compiled(self.sticky) if self.sticky is not None else None
            found["split"] = _raw(SplitBound(parts=self.parts, sticky=sticky, canary=canary))
        own = {name: keys[name] for name in sorted(reached) if name in keys}
        if own:
            found["sticky"] = _raw(StickyBound(keys=own))
        if self.mirror is not None:
            found["mirror"] = _raw(MirrorBound(**dict(self.mirror)))
        return found


def _raw(bound: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(bound))


# --- rules ---------------------------------------------------------------------------------------


def check_route(route: Tree, services: Tree) -> Complaints:
    """Complain about what does not agree of a route's services."""
    for path, name in _named(route):
        if name not in services:
            yield path, f"there is no service `{name}`: {nearest(name, services)}"
    yield from _weights(route)
    yield from _key(route)
    yield from _rewritten(route)
    yield from _same_cookie(route, services)
    main = {name for path, name in _named(route) if path[0] == "split"}
    for path, name in _named(route):
        if path[0] != "split" and (name in main or name == route.get("service")):
            yield path, f"`{name}` answers the others too: name another service"


def check_service(name: str, service: Tree, routes: Sequence[Tree]) -> Complaints:
    """Complain about what does not agree of what sticks to a service's endpoints."""
    bound = service.get("load_bound", _LOAD_BOUND)
    if bound != _LOAD_BOUND and service.get("balance") != "consistent_hash":
        yield (
            ("load_bound",),
            "has no effect without `balance: consistent_hash`: take the line out",
        )
    key = _mapping(service.get("sticky"))
    wanted = key.get("name")
    reached = [route for route in routes if name in _services(route)]
    asked = [one for one in reached if one.get("auth") != "none"]
    if key.get("by") == "principal" and reached and not asked:
        yield (
            ("sticky", "by"),
            "goes by who is asking, and no route that leads to it asks: write `auth: required` for "
            "one, or another key",
        )
    if key.get("by") != "path" or not isinstance(wanted, str):
        return
    known = {found for route in routes if name in _services(route) for found in _names(route)}
    if wanted not in known:
        told = nearest(wanted, sorted(known))
        yield ("sticky", "name"), f"`{{{wanted}}}` is in no path that leads to it: {told}"


def _services(route: Tree) -> set[Value]:
    return {
        *([route.get("service")] if isinstance(route.get("service"), str) else []),
        *(name for path, name in _named(route) if path[0] != "mirror"),
    }


def _named(route: Tree) -> Iterator[tuple[Path, str]]:
    """Yield every service beside the route's own, with where it is named."""
    for path, part in _parts(route):
        name = part.get("service")
        if isinstance(name, str):
            yield (*path, "service"), name
    for key in ("canary", "mirror"):
        name = _mapping(route.get(key)).get("service")
        if isinstance(name, str):
            yield (key, "service"), name


def _parts(route: Tree) -> Iterator[tuple[Path, Tree]]:
    services = _mapping(route.get("split")).get("services")
    for index, part in enumerate(services if isinstance(services, list) else ()):
        if isinstance(part, dict):
            yield ("split", "services", index), part


def _weights(route: Tree) -> Complaints:
    parts = list(_parts(route))
    if parts and all(part.get("weight", 1) == 0 for _, part in parts):
        yield ("split",), "leads nowhere, every weight being 0: give one of them a weight"
    seen = set[str]()
    for path, part in parts:
        name = part.get("service")
        if isinstance(name, str) and name in seen:
            yield (*path, "service"), f"names `{name}` twice: keep one of them, with both weights"
        if isinstance(name, str):
            seen.add(name)


def _key(route: Tree) -> Complaints:
    split = route.get("split")
    key = _mapping(_mapping(split).get("sticky"))
    wanted = key.get("name")
    if key.get("by") == "principal" and route.get("auth") == "none":
        yield (
            ("split", "sticky", "by"),
            "goes by who is asking, and the route asks nobody: write `auth: required`, or another "
            "key",
        )
    if key.get("by") == "path" and isinstance(wanted, str) and wanted not in _names(route):
        path, known = route.get("path"), _names(route)
        yield (
            ("split", "sticky", "name"),
            f"`{{{wanted}}}` is not in `{path}`: {nearest(wanted, known)}",
        )


def _rewritten(route: Tree) -> Complaints:
    method = _mapping(route.get("rewrite")).get("method")
    if _mapping(route.get("mirror")) and isinstance(method, str) and method.encode() not in SAFE:
        yield (
            ("mirror",),
            f"would repeat what `rewrite.method: {method}` changes: no such request is mirrored, "
            "take one of them out",
        )


def _same_cookie(route: Tree, services: Tree) -> Complaints:
    """Complain about one cookie of the gateway's own that would say two things."""
    name = _given(_mapping(_mapping(route.get("split")).get("sticky")))
    for _, service in _named(route):
        key = _mapping(_mapping(services.get(service)).get("sticky"))
        if name is not None and _given(key) == name:
            yield (
                ("split", "sticky", "name"),
                f"`{name}` is the cookie for the endpoints of `{service}`: give one another name",
            )


def _given(key: Tree) -> Value:
    """Return the name of a cookie that the gateway gives, None if it gives none."""
    return key.get("name") if key.get("by") == "cookie" and key.get("ttl") is not None else None


def _names(route: Tree) -> tuple[str, ...]:
    path = route.get("path")
    try:
        return names(path) if isinstance(path, str) else ()
    except TemplateError:
        return ()


def _mapping(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}
