"""Who is behind the certificates that a connection has shown."""

from collections.abc import Mapping
from enum import Enum

from tta_gateway.kernel.principal import MTLS, Principal
from tta_gateway.support.svid import Unfit, authority, svid_of


class Fault(Enum):
    """Why certificates prove nobody."""

    MISSING = "missing"
    UNFIT = "unfit"  # not one of a service
    EARLY = "early"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # its authority is believed no longer
    UNKNOWN = "unknown"  # of a service that the operator does not name


def prove(
    chain: tuple[bytes, ...],
    *,
    authorities: frozenset[bytes],
    known: Mapping[str, frozenset[str]],
    now: float,
) -> Principal | Fault:
    """Return whose certificates they are, or why they count for nobody.

    `chain` is in DER, from the service's own to an authority, and was verified; `known` are
    services with their roles.
    """
    if not chain:
        return Fault.MISSING
    try:
        found = svid_of(chain, "client")
    except Unfit:
        return Fault.UNFIT
    if found.expires <= now:
        return Fault.EXPIRED
    if found.begins > now:
        return Fault.EARLY
    if authority(chain[-1]) not in authorities:
        return Fault.WITHDRAWN
    roles = known.get(found.id)
    if roles is None:
        return Fault.UNKNOWN
    return Principal(subject=found.id, issuer=MTLS, roles=roles, expires=found.expires)
