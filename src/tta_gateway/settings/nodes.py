"""Nodes: which routes nobody is served on while it is not known whom other nodes have shut out."""

from collections.abc import Mapping

import msgspec

from tta_gateway.features.access.algorithm import split
from tta_gateway.features.access.bound import CLINICAL, RouteAccess
from tta_gateway.features.nodes.bound import RouteNodes
from tta_gateway.kernel.route import Route
from tta_gateway.settings.route import RouteConfig

_GUARDED = msgspec.Raw(msgspec.msgpack.encode(RouteNodes()))


def guarded(route: Route, config: RouteConfig, held: Mapping[str, tuple[str, ...]]) -> Route:
    """Return the route, guarded where it names a clinical role or has clinical content.

    `held` says what every role holds.
    """
    is_clinical = config.access is not None and config.access.content == "clinical"
    if not is_clinical and not any(_is_clinical(held.get(one, ())) for one in config.roles or ()):
        return route
    return msgspec.structs.replace(route, features={**route.features, "nodes": _GUARDED})


def guarded_as_asked(route: Route, held: Mapping[str, tuple[str, ...]]) -> Route:
    """Return a route likewise, by what it was compiled into: a rule of channels."""
    raw = route.features.get("access")
    if raw is None:
        return route
    asked = msgspec.msgpack.decode(raw, type=RouteAccess)
    if not asked.clinical and not any(_is_clinical(held.get(one, ())) for one in asked.roles):
        return route
    return msgspec.structs.replace(route, features={**route.features, "nodes": _GUARDED})


def _is_clinical(permissions: tuple[str, ...]) -> bool:
    return any(split(one)[0] == CLINICAL for one in permissions)
