"""What a proved token says: who, in which roles, until when (RFC 7519 4.1, RFC 8725, RFC 9068).

The signature is looked at before.  A claim of another kind than the standard says makes the whole
token worthless: guessing what was meant is how tokens come to mean two things.
"""

from collections.abc import Mapping
from enum import Enum
from math import isfinite
from typing import Final

from tta_gateway.features.identity.bound import OWN_CLIENT, Issuer
from tta_gateway.kernel.principal import INNER, Principal

REFRESH: Final = "refresh"
_MOST_ROLES: Final = 64
_LONGEST_SUBJECT: Final = 256  # characters
_OF_SERVICES: Final = "spiffe:"  # begins names that certificates alone can prove


class Fault(Enum):
    """Why a token is not believed."""

    CLAIM = "claim"  # of a kind that the standard does not have
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    EARLY = "early"  # not valid yet, or made in the future
    LASTING = "lasting"  # no end, or one that is too far off
    PURPOSE = "purpose"  # a refresh token, or one for services
    SUBJECT = "subject"


def who(
    claims: Mapping[str, object], issuer: Issuer, now: float, late: float = 0.0
) -> Principal | Fault:
    """Return whom a token of this issuer speaks of, or why it does not count.

    It may have ended up to `late` seconds ago.
    """
    if claims.get("type") == REFRESH or claims.get("token_use") == REFRESH or INNER in claims:
        return Fault.PURPOSE
    if issuer.issuer and claims.get("iss") != issuer.issuer:
        return Fault.ISSUER
    if issuer.audiences and not _is_for(claims.get("aud"), issuer.audiences):
        return Fault.AUDIENCE
    lifetime = _until(claims, issuer, now, late)
    if isinstance(lifetime, Fault):
        return lifetime
    subject = claims.get(issuer.subject_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        return Fault.SUBJECT
    if f"{issuer.prefix}{subject}".startswith(_OF_SERVICES):
        return Fault.SUBJECT
    roles, scope = _texts(claims.get(issuer.role_claim)), claims.get("scope", "")
    methods = _texts(claims.get("amr"))
    if roles is None or methods is None or not isinstance(scope, str):
        return Fault.CLAIM
    return Principal(
        subject=f"{issuer.prefix}{subject}",
        issuer=issuer.name,
        roles=roles & {*issuer.roles},
        session=_text(claims, "sid", "session_id"),
        expires=lifetime,
        authenticated=_time(claims, "auth_time") or 0.0,
        methods=methods,
        level=issuer.levels.get(_text(claims, "acr"), 1),
        scopes=frozenset(scope.split()),
        is_narrow=_is_narrow(claims, issuer, subject),
        claims=dict(claims),
    )


def _is_narrow(claims: Mapping[str, object], issuer: Issuer, subject: str) -> bool:
    """Tell whether a token may do no more than its scope says.

    What a client has got for itself is bounded by its own roles.
    """
    if issuer.narrows == "clients":
        return claims.get("client_id") not in (OWN_CLIENT, subject)
    return issuer.narrows == "always"


def _until(claims: Mapping[str, object], issuer: Issuer, now: float, late: float) -> float | Fault:
    """Return when a token ends, or why it is not valid now."""
    times = {name: _time(claims, name) for name in ("exp", "nbf", "iat")}
    if any(value is None and name in claims for name, value in times.items()):
        return Fault.CLAIM
    end, begin, made = times["exp"], times["nbf"], times["iat"]
    if max(begin or 0.0, made or 0.0) > now + issuer.leeway:
        return Fault.EARLY
    if end is None:
        return Fault.LASTING if issuer.needs_expiry else float("inf")
    if end + issuer.leeway + late <= now:
        return Fault.EXPIRED
    if end - (made if made is not None else now) > issuer.longest:
        return Fault.LASTING
    return end + issuer.leeway


def _is_for(audience: object, ours: tuple[str, ...]) -> bool:
    named = _texts(audience)
    return named is not None and not named.isdisjoint(ours)


def _texts(told: object) -> frozenset[str] | None:
    """Return one text or a list of them; None if it is anything else."""
    if told is None:
        return frozenset()
    if isinstance(told, str):
        return frozenset((told,))
    if not isinstance(told, list) or len(told) > _MOST_ROLES:
        return None
    texts = frozenset(one for one in told if isinstance(one, str))
    return texts if all(isinstance(one, str) for one in told) else None


def _time(claims: Mapping[str, object], name: str) -> float | None:
    """Return a time in seconds of the epoch; None if it is none (RFC 7519 2, NumericDate)."""
    told = claims.get(name)
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    try:
        seconds = float(told)
    except OverflowError:
        return None
    return seconds if isfinite(seconds) else None


def _text(claims: Mapping[str, object], *names: str) -> str:
    found = (claims.get(name) for name in names)
    return next((one for one in found if isinstance(one, str)), "")
