"""Limits of the gateway's own endpoints: there without a word, and the operator's to change.

They keep one caller from having all of control to himself.  They are wide: a clinic shares an
address, and so do all clients of a balancer that names none.  Who guesses is kept back by the
lock-out, long before any of these; who is in a crisis is let past those that look at names.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec

from tta_gateway.features.identity import accounts_public as accounts
from tta_gateway.features.identity import external_public as external
from tta_gateway.features.identity import factors_public as factors
from tta_gateway.features.identity import oauth_public as oauth
from tta_gateway.features.identity import public as identity
from tta_gateway.features.ratelimit.bound import RouteLimits
from tta_gateway.features.ratelimit.config import (
    Place,
    RateLimitConfig,
    RouteLimitConfig,
    compile_route,
)
from tta_gateway.features.realtime import public as realtime
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Route
from tta_gateway.settings.ratelimit import Complaints, RouteLimitsWritten, Tree, complaints_of
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config

Group: TypeAlias = Literal["login", "token", "registration", "reset", "account", "open"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
_MINUTE: Final = 60.0
# Whatever is not here is of the callers' own account where they have to show who they are, or open.
_OF_SERVICES: Final = frozenset(route.path for route in realtime.ROUTES)
_OF: Final[Mapping[Group, frozenset[str]]] = {
    "login": frozenset(
        (
            identity.LOGIN,
            factors.VERIFY,
            factors.CHALLENGE,
            oauth.AUTHORIZE,
            oauth.LOGIN,
            external.BEGIN,
            external.CALLBACK,
        )
    ),
    "token": frozenset(
        (identity.REFRESH, identity.LOGOUT, oauth.TOKEN, oauth.REVOKE, oauth.INTROSPECT)
    ),
    "registration": frozenset((identity.REGISTER,)),
    "reset": frozenset((accounts.REDEEM, identity.RESET, identity.RESET_REQUEST)),
}


def _each(requests: int, burst: int, key: Literal["address", "user"]) -> RouteLimitsWritten:
    return (RouteLimitConfig(requests=requests, per=_MINUTE, burst=burst, key=(key,)),)


class OwnLimitsConfig(Config):
    """How much of the gateway's own endpoints anybody may ask: those of a kind together.

    Each is a limit, the name of one of `ratelimit.limits`, a list of these, or `off`.
    """

    login: RouteLimitsWritten = _each(1200, 300, "address")
    """Logins, by whatever way, and second factors."""

    token: RouteLimitsWritten = _each(6000, 1500, "address")
    """Whatever renews, ends or looks at tokens: `refresh`, `logout` and `/oauth2/token`."""

    registration: RouteLimitsWritten = _each(120, 60, "address")
    """New accounts."""

    reset: RouteLimitsWritten = _each(120, 60, "address")
    """Passwords that were forgotten."""

    account: RouteLimitsWritten = _each(1200, 300, "user")
    """What somebody does about their own account, sessions, tickets and second factors."""

    open: RouteLimitsWritten = _each(6000, 1500, "address")
    """What everybody may read: keys, descriptions, lists of providers."""


def _long(value: object) -> object:
    if value == "off":
        return dict.fromkeys(GROUPS, "off")
    raise ValueError(f"must be `off`, or say limits of {', '.join(f'`{one}`' for one in GROUPS)}")


class RateLimitSettings(RateLimitConfig):
    """Limits that several routes have together, those of its own endpoints, how they are kept."""

    own: Annotated[OwnLimitsConfig, Shorthand(_long, {"const": "off"})] = OwnLimitsConfig()
    """How much of the gateway's own endpoints anybody may ask, or `off`."""


def group_of(route: Route) -> Group:
    """Return of which kind one of the gateway's own endpoints is."""
    for group, paths in _OF.items():
        if route.path in paths:
            return group
    return "open" if route.auth == "none" else "account"


def limited(routes: Iterable[Route], config: RateLimitSettings) -> tuple[Route, ...]:
    """Return the gateway's own routes with their limits.

    Services have none, who show a token of their own on internal listeners, or hold the permission
    to serve channels; nor has what workers answer themselves, as they do sockets
    (`realtime.rate_limit`).
    """
    limits = {group: _limits(group, config) for group in GROUPS}
    return tuple(_with(route, limits[group_of(route)]) for route in routes)


def _limits(group: Group, config: RateLimitSettings) -> RouteLimits:
    written: tuple[RouteLimitConfig, ...] = getattr(config.own, group)
    place = Place(f"{OWN} {group}", OWN, usual=group)
    return RouteLimits(limits=compile_route(written, config, place), spares=True)


def _with(route: Route, limits: RouteLimits) -> Route:
    if not route.service or route.internal or not limits.limits:
        return route
    if route.socket or route.stream or route.path in _OF_SERVICES:
        return route
    raw = msgspec.Raw(msgspec.msgpack.encode(limits))
    return msgspec.structs.replace(route, features={**route.features, "ratelimit": raw})


def complaints(tree: Tree) -> Complaints:
    """Complain about limits that there are not, or that cannot be kept there."""
    config = tree.get("ratelimit")
    config = config if isinstance(config, dict) else {}
    named, own = config.get("limits"), config.get("own")
    for group, written in (own if isinstance(own, dict) else {}).items():
        path = ("ratelimit", "own", group)
        known = named if isinstance(named, dict) else {}
        yield from complaints_of(path, written, known)
        yield from _messages(path, written, known)


def _messages(
    path: tuple[str, ...], written: object, named: Tree
) -> Iterator[tuple[tuple[str, ...], str]]:
    for each in written if isinstance(written, list) else [written]:
        name = each.get("use") if isinstance(each, dict) else each
        one = named.get(name, each) if isinstance(name, str) else each
        if isinstance(one, dict) and one.get("messages") is not None:
            yield path, "nobody sends messages to the gateway itself: write `requests`"
