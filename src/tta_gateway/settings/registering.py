"""Registering: what must agree so that services can register, and nobody else comes in there."""

from collections.abc import Iterator
from typing import Final, TypeAlias

from tta_gateway.kernel.own import OWN
from tta_gateway.routing.template import TemplateError, parse
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest

Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]
_INSIDE: Final = "internal"


def complaints(tree: Mapping) -> Complaints:
    """Complain about tokens, listeners and services that do not fit together."""
    registration = _mapping(tree.get("registration"))
    tokens, callers = _list(registration.get("tokens")), _list(registration.get("callers"))
    yield from _tokens(tree, tokens, callers)
    listeners = _list(tree.get("listen"))
    inside = [at for at, one in enumerate(listeners) if _mapping(one).get("internal") is True]
    if tokens and not inside:
        yield (
            ("registration", "tokens"),
            "nobody could show one: write a listener for services, "
            "`listen: [{address: 127.0.0.1:8083, internal: true}, …]`",
        )
    routes = [one for one in _list(tree.get("routes")) if _mapping(one).get("internal") is True]
    for at in inside if not tokens and not callers and not routes else ():
        yield (
            ("listen", at, "internal"),
            "nothing would be served here: write `registration: {tokens: […]}` or routes that are "
            "`internal`, or take it out",
        )
    if inside and len(inside) == len(listeners):
        yield ("listen",), "no client could connect: write a listener that is not `internal` too"


def _tokens(tree: Mapping, tokens: list[Value], callers: list[Value]) -> Complaints:
    services = _mapping(tree.get("services"))
    if (tokens or callers) and tree.get("admin") == "off":
        yield (
            ("registration", "tokens" if tokens else "callers"),
            "registrations are taken by the process that `admin: off` leaves out: write an address "
            "for `admin`",
        )
    claimed = set[str]()
    for path, claimant in _claims(tokens, callers):
        claimed.add(claimant)
        if claimant not in services:
            yield path, f"there is no service `{claimant}`: {nearest(claimant, services)}"
    for name, service in services.items():
        if (
            isinstance(service, dict)
            and service.get("endpoints") in (None, [])
            and service.get("discover") is None
            and name not in claimed
        ):
            yield (
                ("services", name, "endpoints"),
                "is missing: write where it answers, one URL or more, or `discover`, or let it "
                "register (`registration`)",
            )


def _claims(tokens: list[Value], callers: list[Value]) -> Iterator[tuple[Path, str]]:
    """Yield each service that somebody may register, and where that stands."""
    for key, claims in (("tokens", tokens), ("callers", callers)):
        for at, claim in enumerate(claims):
            for place, name in enumerate(_list(_mapping(claim).get("services"))):
                if isinstance(name, str):
                    yield ("registration", key, at, "services", place), name


def leads_inside(route: Mapping) -> Complaints:
    """Complain about a route by which clients could reach what is for services alone."""
    if route.get("service") != OWN:
        return
    seen = _seen(route)
    try:
        first = parse(seen)[0]
    except TemplateError:
        return  # it is complained about elsewhere
    text = first.literal.decode()
    if first.name or "%" in text or text.lower() == _INSIDE:
        yield (
            ("path",),
            f"would let clients reach what `{OWN}` serves to services alone: the path that it sees "
            f"must begin with a literal segment other than `{_INSIDE}`, such as `/api`",
        )


def _seen(route: Mapping) -> str:
    """Return the template of the path that the service sees."""
    rewrite = _mapping(route.get("rewrite"))
    path, prefix = route.get("path"), rewrite.get("strip_prefix")
    target = rewrite.get("path")
    if isinstance(target, str):
        return target
    if not isinstance(path, str):
        return "/"
    return (path.removeprefix(prefix) or "/") if isinstance(prefix, str) else path


def _mapping(value: Value) -> Mapping:
    return value if isinstance(value, dict) else {}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
