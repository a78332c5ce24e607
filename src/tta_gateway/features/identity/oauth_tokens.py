"""What tokens of OAuth say: those of a client itself (RFC 9068), and ID tokens (OpenID Connect)."""

from typing import Final

from tta_gateway.features.identity.bound import TWO_FACTORS, Issuing
from tta_gateway.features.identity.oauth_client import OAuthClient
from tta_gateway.features.identity.store import Session, User
from tta_gateway.features.identity.tokens import ONE_FACTOR

ID_TYPE: Final = "JWT"
"""What the header of an ID token says: no route takes one for an access token."""


def of_client(
    issuing: Issuing, client: OAuthClient, scope: str, *, token_id: str, now: float
) -> dict[str, object]:
    """Return what an access token of a client's own says: nobody has logged in for it."""
    return {
        **({"scope": scope} if scope else {}),
        "iss": issuing.url,
        "sub": client.id,
        "aud": list(issuing.audiences),
        "iat": now,
        "nbf": int(now),
        "exp": int(now) + int(issuing.access),
        "jti": token_id,
        "sid": client.epoch,
        "client_id": client.id,
        "roles": sorted({*client.terms.roles} & {*issuing.roles}),
    }


def of_identity(
    issuing: Issuing, user: User, session: Session, *, nonce: str, seconds: int
) -> dict[str, object]:
    """Return what a client is told of who has logged in: who, when and how, and no address."""
    return {
        **({"nonce": nonce} if nonce else {}),
        "iss": issuing.url,
        "sub": user.id,
        "aud": session.client,
        "azp": session.client,
        "iat": int(session.used),
        "exp": int(session.used) + seconds,
        "auth_time": int(session.proved or session.begun),
        "sid": session.id,
        "acr": TWO_FACTORS if session.proved else ONE_FACTOR,
        "amr": session.methods.split(),
    }
