"""Who is behind the certificates that a connection has shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tta_gateway.kernel.principal import MTLS, Principal


class Fault(Enum):
    """Why certificates prove nobody."""

    MISSING = "missing"
    UNFIT = "unfit"  # not one of a service
    EARLY = "early"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # its authority is believed no longer
    REVOKED = "revoked"  # the operator has withdrawn this one
    UNKNOWN = "unknown"  # of a service that the operator does not name


@dataclass(frozen=True, slots=True)
class Papers:
    """What certificates say, once they have been read: that takes a while, and does not change.

    Times are in seconds of the epoch; `authority` is what theirs is known by, `names` are what they
    are called by who withdraws them.
    """

    id: str
    begins: float
    expires: float
    authority: bytes
    names: frozenset[str]


def read(chain: tuple[bytes, ...]) -> Papers | Fault:
    """Return what certificates say, or why they say nothing.

    `chain` is in DER, from the service's own to an authority, and was verified.
    """
    if not chain:
        return Fault.MISSING
    # A listener whose clients prove who they are has imported it already (edge/credentials.py).
    from tta_gateway.support.svid import Unfit, authority, names_of, svid_of

    try:
        found = svid_of(chain, "client")
    except Unfit:
        return Fault.UNFIT
    return Papers(found.id, found.begins, found.expires, authority(chain[-1]), names_of(chain))


def judge(
    papers: Papers,
    *,
    authorities: frozenset[bytes],
    known: Mapping[str, frozenset[str]],
    withdrawn: frozenset[str],
    now: float,
) -> Principal | Fault:
    """Return whose papers they are, or why they count for nobody; `known` have their roles."""
    if papers.expires <= now:
        return Fault.EXPIRED
    if papers.begins > now:
        return Fault.EARLY
    if papers.authority not in authorities:
        return Fault.WITHDRAWN
    if not withdrawn.isdisjoint(papers.names):
        return Fault.REVOKED
    roles = known.get(papers.id)
    if roles is None:
        return Fault.UNKNOWN
    return Principal(subject=papers.id, issuer=MTLS, roles=roles, expires=papers.expires)
