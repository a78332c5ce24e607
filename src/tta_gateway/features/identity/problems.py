"""Why it is not known who is asking."""

from typing import Final

from tta_gateway.kernel.problem import Problem

_AGAIN: Final = "Log in again, or refresh the token at the issuer, and send the new one."


def _refused(what: str, title: str, detail: str = _AGAIN) -> Problem:
    """Return a problem with a token that was shown (RFC 6750 3.1)."""
    return Problem(
        f"identity_token_{what}", 401, title, detail, challenge='Bearer error="invalid_token"'
    )


MISSING: Final = Problem(
    "identity_token_missing",
    401,
    "This path is for those who have logged in.",
    "Send an access token: `Authorization: Bearer <token>`.",
)
MALFORMED: Final = _refused(
    "malformed",
    "The token is not well-formed.",
    "Send one access token, a JWT in its compact form, exactly as it was issued.",
)
UNPROVED: Final = _refused(
    "unproved",
    "The token is not from an issuer that is believed here, or has been changed.",
    "Get a token from an issuer that this gateway believes; after a change of its keys, a new one.",
)
EXPIRED: Final = _refused("expired", "The token has expired.")
EARLY: Final = _refused(
    "early",
    "The token is not valid yet.",
    "Wait, or set the clock of whoever has issued it.",
)
LASTING: Final = _refused(
    "lasting",
    "The token lives longer than tokens may.",
    "Get one whose `exp` is nearer; the operator says how long tokens of this issuer may live.",
)
ELSEWHERE: Final = _refused(
    "elsewhere",
    "The token is for somebody else.",
    "Get a token for this gateway: its `iss` and `aud` must be those of the configuration.",
)
PURPOSE: Final = _refused(
    "purpose",
    "The token is not one for access.",
    "Send the access token; a refresh token is for `/api/v1/auth/refresh` alone.",
)
NOBODY: Final = _refused(
    "nobody",
    "The token does not say whose it is, or says something that is not understood.",
    "Have the issuer put a text into the claim of the subject, and claims as RFC 7519 has them.",
)
REVOKED: Final = _refused(
    "revoked", "Whoever had this token has logged out, or was logged out.", "Log in again."
)
ALL: Final = (
    MISSING,
    MALFORMED,
    UNPROVED,
    EXPIRED,
    EARLY,
    LASTING,
    ELSEWHERE,
    PURPOSE,
    NOBODY,
    REVOKED,
)
