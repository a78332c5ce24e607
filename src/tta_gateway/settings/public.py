"""The gateway's own service and the routes to it: a line for each feature that serves clients.

They are there as long as control is, which needs `admin`.  Most specific wins, as among all routes;
an operator's route that nothing tells apart from one of them is refused, because one of the two
would never be reached.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from tta_gateway.features.access import public as access
from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.callers.bound import RouteCallers
from tta_gateway.features.escalation import public as escalation
from tta_gateway.features.identity import accounts_public as accounts
from tta_gateway.features.identity import external_public as external
from tta_gateway.features.identity import factors_public as factors
from tta_gateway.features.identity import oauth_public as oauth
from tta_gateway.features.identity import public as identity
from tta_gateway.features.openapi import public as openapi
from tta_gateway.features.realtime import public as realtime
from tta_gateway.features.registration import public as registration
from tta_gateway.features.safety import public as moderation
from tta_gateway.kernel.own import OWN, endpoint
from tta_gateway.kernel.route import Rewrite, Route, Service
from tta_gateway.routing.conflict import conflicts
from tta_gateway.settings.delegated import DelegatedConfig
from tta_gateway.settings.own_limits import GROUPS
from tta_gateway.settings.ratelimit import status_routes
from tta_gateway.settings.registration import is_on
from tta_gateway.settings.tree import Settings


def _says_whose(settings: Settings) -> bool:
    """Tell whether a route, or a rule of a kind of channels, says whose data it has."""
    channels = settings.realtime.channels.values() if settings.realtime is not None else ()
    rules = (
        rule for one in channels for rule in (one.subscribe, one.publish, one.presence, one.history)
    )
    asked = [one.access for one in (*settings.routes, *rules) if one is not None]
    return any(one is not None and (one.owner or one.owner_from) is not None for one in asked)


def _delegated(settings: Settings) -> tuple[DelegatedConfig, ...]:
    issuing = settings.identity.issuing
    return () if issuing is None else issuing.delegated


def _has_providers(settings: Settings) -> bool:
    issuing = settings.identity.issuing
    return issuing is not None and bool(issuing.providers)


def _keeps_all_accounts(settings: Settings) -> bool:
    return settings.identity.issuing is not None and not _delegated(settings)


def _registers(settings: Settings) -> bool:
    """Tell whether people register, here or at the service that keeps accounts."""
    issuing = settings.identity.issuing
    return issuing is not None and (issuing.registration != "off" or bool(issuing.delegated))


def _asking(route: Route, permission: str) -> Route:
    asks = msgspec.msgpack.encode(RouteAccess(default=permission))
    return msgspec.structs.replace(route, features={"access": msgspec.Raw(asks)})


# By the key of the feature: whether it is on, and what it serves then.
PUBLIC: Final[dict[str, tuple[Callable[[Settings], bool], tuple[Route, ...]]]] = {
    "openapi": (lambda settings: settings.openapi.enabled, openapi.ROUTES),
    "oauth": (lambda settings: settings.identity.issuing is not None, oauth.ROUTES),
    "identity": (
        lambda settings: settings.identity.issuing is not None,
        (*identity.ROUTES, *factors.ROUTES, *accounts.ROUTES),
    ),
    "passwords": (_keeps_all_accounts, accounts.ALONE),
    "accounts": (_registers, accounts.OPEN),
    "delegated": (lambda settings: bool(_delegated(settings)), identity.DELEGATED),
    "external": (_has_providers, external.ROUTES),
    "access": (_says_whose, access.ROUTES),
    "realtime": (
        lambda settings: settings.realtime is not None,
        tuple(_asking(one, realtime.SERVES) for one in realtime.ROUTES),
    ),
}
# By the same key: what an operator writes who does not want them.
OFF: Final[dict[str, str]] = {
    "openapi": "`openapi: {enabled: false}`",
    "identity": "no `identity: {issuing: …}`",
    "passwords": "no `identity: {issuing: …}`",
    "accounts": "neither `registration` nor `delegated` in `identity: {issuing: …}`",
    "oauth": "no `identity: {issuing: …}`",
    "delegated": "no `identity: {issuing: {delegated: …}}`",
    "external": "no `identity: {issuing: {providers: …}}`",
    "access": "no `access: {owner: …}` of any route or kind of channels",
    "realtime": "no `realtime: …`",
    "registration": "no `registration: …`",
    "ratelimit": "`ratelimit: {status: off}`",
    "safety": "`safety: {moderations: false}`",
}
# The same of what internal listeners serve to services.
INTERNAL: Final[dict[str, tuple[Callable[[Settings], bool], tuple[Route, ...]]]] = {
    "registration": (
        lambda settings: is_on(settings.registration),
        registration.ROUTES,
    ),
}
_ALL: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


def own_services(settings: Settings) -> tuple[Service, ...]:
    """Return the gateway's own service, if it is there."""
    if settings.admin is None:
        return ()
    return (Service(name=OWN, endpoints=(endpoint(settings.state_dir),)),)


def own_routes(settings: Settings) -> tuple[Route, ...]:
    """Return the routes to what the gateway itself serves."""
    return (
        *_sockets(settings),
        *_moderations(settings),
        *escalation.ROUTES,
        *(route for _, route in _owned(settings)),
        *(route for _, route in _inside(settings)),
        *_limits(settings),
    )


def _sockets(settings: Settings) -> tuple[Route, ...]:
    """Return the routes to the hub: by sockets, and by the ways round where these are not let."""
    if settings.realtime is None:
        return ()
    pages = tuple(origin for origin in settings.cors.origins if origin != "*")
    ways = (*realtime.SOCKETS, *realtime.STREAMS)
    return tuple(msgspec.structs.replace(one, origins=pages) for one in ways)


def _moderations(settings: Settings) -> tuple[Route, ...]:
    """Return the route on which workers say what they make of a text."""
    if not settings.safety.moderations:
        return ()
    return tuple(_asking(one, moderation.ASKS) for one in moderation.ROUTES)


def _limits(settings: Settings) -> tuple[Route, ...]:
    """Return the route that tells callers of their limits: workers answer there themselves."""
    believes = bool(settings.identity.issuers) or settings.identity.issuing is not None
    named = settings.ratelimit.own
    are_own = settings.admin is not None and any(getattr(named, group) for group in GROUPS)
    return status_routes(settings.ratelimit, settings.routes, believes=believes, own=are_own)


def _inside(settings: Settings) -> list[tuple[str, Route]]:
    """Return those for services, likewise; what is behind them hears which service calls."""
    if settings.admin is None:
        return []
    told = {"callers": msgspec.Raw(msgspec.msgpack.encode(RouteCallers(optional=True)))}
    proved = settings.registration.callers != ()
    return [
        (key, msgspec.structs.replace(route, features=told) if proved else route)
        for key, (is_there, routes) in INTERNAL.items()
        if is_there(settings)
        for route in routes
    ]


def _owned(settings: Settings) -> list[tuple[str, Route]]:
    """Return those for clients, each with the key of its feature."""
    if settings.admin is None:
        return []
    on = ((key, routes) for key, (is_there, routes) in PUBLIC.items() if is_there(settings))
    return [(key, route) for key, routes in on for route in routes]


def forwarded(settings: Settings) -> tuple[Route, ...]:
    """Return the routes that lead to the service that keeps accounts, as far as they are its own.

    Whoever has forgotten a password shows no token; one that is shown is replaced like any other.
    """
    if settings.admin is None or not _delegated(settings):
        return ()
    first = _delegated(settings)[0]
    return tuple(
        Route(
            name=f"POST {path}",
            path=path,
            methods=("POST",),
            service=first.service,
            auth="optional",
            rewrite=Rewrite(path=target) if target != path else Rewrite(),
        )
        for path, target in (
            (identity.RESET_REQUEST, first.reset_request),
            (identity.RESET, first.reset),
        )
    )


def shadows(routes: Sequence[Route], settings: Settings) -> Iterator[tuple[int, str]]:
    """Yield each of the operator's routes that takes what one of the gateway's own does, and why.

    One that names no methods would lose some of its requests: it counts as if it named all.
    """
    owned = [
        *_owned(settings),
        *_inside(settings),
        *(("delegated", route) for route in forwarded(settings)),
        *(("ratelimit", route) for route in _limits(settings)),
        *(("safety", route) for route in _moderations(settings)),
        *(("escalation", route) for route in escalation.ROUTES),
    ]
    spelt = [one if one.methods else msgspec.structs.replace(one, methods=_ALL) for one in routes]
    count = len(spelt)
    for one, other, _ in conflicts([*spelt, *(route for _, route in owned)]):
        if one < count <= other:
            key, route = owned[other - count]
            ways = (
                f"choose another path, or write {OFF[key]}" if key in OFF else "choose another path"
            )
            yield one, f"takes {route.name}, which the gateway answers itself: {ways}"
