"""Step-up: the routes that ask for a second factor though nothing is written beside them.

Where the operator has written `identity.issuing.second_factor.step_up`: clinical content, and what
only administrative roles reach, by the roles that a route names or by its permissions.  What is
clinical asks that of nobody for what is their own: a person in need has to reach it without a
device at hand.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tta_gateway.features.access import config as access
from tta_gateway.features.access.algorithm import split
from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.access.table import ROLES
from tta_gateway.kernel.route import Route
from tta_gateway.settings.second_factor import StepUpConfig
from tta_gateway.settings.tree import Settings

ADMINISTRATIVE: Final = frozenset(("admin", "auditor", "moderator"))
_LEVEL: Final = 2
_KEY: Final = "access"
Held = Mapping[str, Iterable[str]]
"""By role: what it holds."""


def stepped_up(routes: Iterable[Route], settings: Settings) -> tuple[Route, ...]:
    """Return the routes, those that ask for a second factor with that written."""
    issuing = settings.identity.issuing
    asked = None if issuing is None else issuing.second_factor.step_up
    if asked is None:
        return tuple(routes)
    held = access.compile(settings.access).roles or ROLES
    return tuple(_route(one, asked, held) for one in routes)


def _route(route: Route, asked: StepUpConfig, held: Held) -> Route:
    raw = route.features.get(_KEY)
    if raw is None or route.auth == "none":  # a service, by its certificate: it has no factor
        return route
    found = msgspec.msgpack.decode(raw, type=RouteAccess)
    made = raised(found, asked, held)
    if made is found:
        return route
    features = {**route.features, _KEY: msgspec.Raw(msgspec.msgpack.encode(made))}
    return msgspec.structs.replace(route, features=features)


def raised(found: RouteAccess, asked: StepUpConfig, held: Held) -> RouteAccess:
    """Return what a route asks, with a second factor if it is one that should and says nothing."""
    if found.level or found.fresh or not (found.clinical or _is_administrative(found, held)):
        return found
    return msgspec.structs.replace(
        found, level=_LEVEL, fresh=asked.fresh or 0.0, spares_owner=found.clinical
    )


def _is_administrative(found: RouteAccess, held: Held) -> bool:
    """Tell whether nobody gets in who has no administrative role."""
    if found.roles:
        return ADMINISTRATIVE.issuperset(found.roles)
    named = {one for one in (found.default, *found.permissions.values()) if one}
    return bool(named) and all(_is_theirs(one, held) for one in named)


def _is_theirs(permission: str, held: Held) -> bool:
    holders = {role for role, some in held.items() if permission in {split(one)[0] for one in some}}
    return bool(holders) and ADMINISTRATIVE.issuperset(holders)
