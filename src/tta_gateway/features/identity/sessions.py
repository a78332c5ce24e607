"""How long a session may last, by the roles of whose it is."""

from collections.abc import Iterable

from tta_gateway.features.identity.bound import Issuing, Limits


def limits_of(issuing: Issuing, roles: Iterable[str]) -> Limits:
    """Return the shortest of what the roles say, each of the two by itself; else what all have."""
    said = [issuing.role_limits[role] for role in roles if role in issuing.role_limits]
    known = said or [issuing.limits]
    return Limits(idle=min(one.idle for one in known), absolute=min(one.absolute for one in known))
