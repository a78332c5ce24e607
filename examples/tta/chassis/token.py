"""The platform's access token: HS256, one shared secret, no issuer, no audience, no id.

What its library refuses, this refuses too, because a gateway must know it before it forwards a
token: any `aud` at all, and a `sub` that is not a string.  A refresh token passes as an access
token and nothing is ever revoked; both are faults of the platform.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict

from examples.tta.chassis import clock

LIFETIME: Final = 1800  # seconds
SECRET_VARIABLE: Final = "TTA_AUTH_SECRET_KEY"  # noqa: S105 - the variable's name

_ALGORITHM: Final = "HS256"


class TokenInvalid(Exception):
    """The token is not one of ours, or no longer; the message is what the platform says of it."""


class Principal(BaseModel):
    """Who is asking, as their token says."""

    model_config = ConfigDict(frozen=True)

    player_id: str
    username: str | None = None
    email: str | None = None
    session_id: str | None = None


def mint(claims: Mapping[str, Any]) -> str:
    """Return a token of these claims that expires after its lifetime."""
    expiring = {**claims, "exp": int(clock.now().timestamp()) + LIFETIME}
    return jwt.encode({"alg": _ALGORITHM, "typ": "JWT"}, expiring, _key())


def read(token: str) -> Principal:
    """Return who the token names, or raise `TokenInvalid`."""
    try:
        claims = jwt.decode(token, _key(), algorithms=[_ALGORITHM]).claims
        jwt.JWTClaimsRegistry().validate(claims)
    except ExpiredTokenError as error:
        raise TokenInvalid("Invalid token: Signature has expired.") from error
    except (JoseError, ValueError) as error:
        raise TokenInvalid("Invalid token: Signature verification failed.") from error
    return _principal(claims)


def bearer(authorization: str) -> str:
    """Return the token of an Authorization field, or nothing if it is of another scheme."""
    scheme, _, token = authorization.partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _principal(claims: Mapping[str, Any]) -> Principal:
    if "aud" in claims:
        raise TokenInvalid("Invalid token: Invalid audience")
    subject = claims.get("sub")
    if subject is not None and not isinstance(subject, str):
        raise TokenInvalid("Invalid token: Subject must be a string.")
    player_id = claims.get("player_id") or subject
    if player_id is None:
        raise TokenInvalid("Invalid token: missing player ID")
    return Principal.model_validate({**claims, "player_id": player_id})


def _key() -> OctKey:
    # The platform falls back on a secret that stands in its source; a sample must not teach that.
    return OctKey.import_key(os.environ[SECRET_VARIABLE])
