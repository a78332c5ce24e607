"""Callers: services that are known by their certificates, as operators write them."""

from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema

from tta_gateway.features.access.config import RoleName
from tta_gateway.features.callers.bound import CallersBound, RouteCallers
from tta_gateway.settings import access
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Items
from tta_gateway.support.spiffe import spiffe_id
from tta_gateway.support.withdrawal import called

Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]
_SCHEMA: Final = {"title": "SPIFFE id", "type": "string"}
SpiffeId: TypeAlias = Annotated[str, AfterValidator(spiffe_id), WithJsonSchema(_SCHEMA)]


class CallerConfig(Config):
    """A service that is known by its certificate."""

    id: SpiffeId
    """What its certificate says: `spiffe://domain/service`."""

    roles: Items[RoleName] = ()
    """The roles that it calls in; most services need none."""


def _distinct(services: tuple[CallerConfig, ...]) -> tuple[CallerConfig, ...]:
    seen = set[str]()
    for one in services:
        if one.id in seen:
            raise ValueError(f"names `{one.id}` twice: keep one of them")
        seen.add(one.id)
    return services


_Entry: TypeAlias = Annotated[CallerConfig, Shorthand(lambda value: {"id": value}, _SCHEMA)]
KnownCallers: TypeAlias = Annotated[Items[_Entry], AfterValidator(_distinct)]
Callers: TypeAlias = Annotated[Items[SpiffeId], Field(min_length=1)]


Withdrawn: TypeAlias = Items[
    Annotated[
        str,
        AfterValidator(called),
        WithJsonSchema({"title": "serial number or SHA-256 fingerprint", "type": "string"}),
    ]
]


def compile(services: tuple[CallerConfig, ...], withdrawn: tuple[str, ...] = ()) -> CallersBound:
    """Return them as workers need them, and which certificates count no more."""
    return CallersBound(services={one.id: one.roles for one in services}, withdrawn=withdrawn)


def compile_route(callers: tuple[str, ...]) -> RouteCallers:
    """Return which services may call a route, likewise."""
    return RouteCallers(ids=callers)


def complaints(tree: Mapping) -> Complaints:
    """Complain about services that nobody knows, or that could not connect."""
    known = set(_ids(tree))
    proves = any(_proves(one) for one in _list(tree.get("listen")))
    inside = any(_mapping(one).get("internal") is True for one in _list(tree.get("listen")))
    for at, route in enumerate(_list(tree.get("routes"))):
        for path, sentence in _of_route(_mapping(route), known, proves=proves, inside=inside):
            yield ("routes", at, *path), sentence
    yield from _roles(tree)
    for at, one in enumerate(_list(_mapping(tree.get("registration")).get("callers"))):
        name = _mapping(one).get("id")
        place: Path = ("registration", "callers", at, "id")
        if isinstance(name, str) and name not in known and _is_id(name):
            yield place, _unknown(name, known)
        elif not proves:
            yield place, _NOWHERE


def _roles(tree: Mapping) -> Complaints:
    """Complain about roles that there are not."""
    there = access.roles(tree)
    for at, one in enumerate(_list(_mapping(tree.get("identity")).get("services"))):
        for place, role in enumerate(_list(_mapping(one).get("roles"))):
            if isinstance(role, str) and role not in there:
                path: Path = ("identity", "services", at, "roles", place)
                yield path, f"there is no role `{role}`: {nearest(role, there)}"


_NOWHERE: Final = (
    "no service could show a certificate: write a listener that asks for them, "
    "`{address: …, internal: true, tls: {certificates: …, client_ca: …}}`"
)


def _of_route(route: Mapping, known: set[str], *, proves: bool, inside: bool) -> Complaints:
    callers = route.get("callers")
    if route.get("internal") is True and not inside:
        yield (
            ("internal",),
            "no service could reach it: write a listener for them, "
            "`listen: [{address: 127.0.0.1:8083, internal: true}, …]`",
        )
    if callers is None:
        return
    if route.get("internal") is not True:
        yield (
            ("callers",),
            "services show certificates at internal listeners alone: write `internal: true` too",
        )
    elif not proves:
        yield ("callers",), _NOWHERE
    for at, name in enumerate(_list(callers)):
        if isinstance(name, str) and name not in known and _is_id(name):
            yield ("callers", at), _unknown(name, known)


def _unknown(name: str, known: set[str]) -> str:
    return f"`{name}` is not in `identity.services`: {nearest(name, known)}"


def _is_id(name: str) -> bool:
    try:
        spiffe_id(name)
    except ValueError:
        return False
    return True


def _ids(tree: Mapping) -> Iterator[str]:
    for one in _list(_mapping(tree.get("identity")).get("services")):
        name = one.get("id") if isinstance(one, dict) else one
        if isinstance(name, str):
            yield name


def _proves(listener: Value) -> bool:
    """Tell whether services show certificates at a listener."""
    one = _mapping(listener)
    return one.get("internal") is True and _mapping(one.get("tls")).get("client_ca") is not None


def _mapping(value: Value) -> Mapping:
    return value if isinstance(value, dict) else {}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
