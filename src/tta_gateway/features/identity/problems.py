"""Why it is not known who is asking."""

from typing import Final

from tta_gateway.kernel.problem import Problem

_INVALID: Final = 'Bearer error="invalid_token"'  # RFC 6750 3.1
_AGAIN: Final = "Log in again, or refresh the token at the issuer, and send the new one."


MISSING: Final = Problem(
    "identity_token_missing",
    401,
    "This path is for those who have logged in.",
    "Send an access token: `Authorization: Bearer <token>`.",
)
MALFORMED: Final = Problem(
    "identity_token_malformed",
    401,
    "The token is not well-formed.",
    "Send one access token, a JWT in its compact form, exactly as it was issued.",
    challenge=_INVALID,
)
UNPROVED: Final = Problem(
    "identity_token_unproved",
    401,
    "The token is not from an issuer that is believed here, or has been changed.",
    "Get a token from an issuer that this gateway believes; after a change of its keys, a new one.",
    challenge=_INVALID,
)
EXPIRED: Final = Problem(
    "identity_token_expired",
    401,
    "The token has expired.",
    _AGAIN,
    challenge=_INVALID,
)
EARLY: Final = Problem(
    "identity_token_early",
    401,
    "The token is not valid yet.",
    "Wait, or set the clock of whoever has issued it.",
    challenge=_INVALID,
)
LASTING: Final = Problem(
    "identity_token_lasting",
    401,
    "The token lives longer than tokens may.",
    "Get one whose `exp` is nearer; the operator says how long tokens of this issuer may live.",
    challenge=_INVALID,
)
ELSEWHERE: Final = Problem(
    "identity_token_elsewhere",
    401,
    "The token is for somebody else.",
    "Get a token for this gateway: its `iss` and `aud` must be those of the configuration.",
    challenge=_INVALID,
)
PURPOSE: Final = Problem(
    "identity_token_purpose",
    401,
    "The token is not one for access.",
    "Send the access token; a refresh token is for whoever has issued it alone.",
    challenge=_INVALID,
)
NOBODY: Final = Problem(
    "identity_token_nobody",
    401,
    "The token does not say whose it is, or says something that is not understood.",
    "Have the issuer put a text into the claim of the subject, and claims as RFC 7519 has them.",
    challenge=_INVALID,
)
REVOKED: Final = Problem(
    "identity_token_revoked",
    401,
    "The session of this token has been ended.",
    "Log in again.",
    challenge=_INVALID,
)
