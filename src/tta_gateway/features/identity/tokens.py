"""Access tokens: what one says (RFC 9068 2.2), and how long it lives."""

from typing import Final

from tta_gateway.features.identity.bound import OWN_CLIENT, TWO_FACTORS, Issuing
from tta_gateway.features.identity.sessions import limits_of
from tta_gateway.features.identity.store import Session, User
from tta_gateway.kernel.principal import ACCOUNT_CREATED

CLIENT: Final = OWN_CLIENT
"""The client of logins at the gateway itself; RFC 9068 wants one named."""
ONE_FACTOR: Final = "1"
"""`acr` of who has shown one proof of who they are; who has shown two has TWO_FACTORS."""
_MINUTE: Final = 60.0  # no closer: a moment would tell accounts apart


def lifetime(issuing: Issuing, user: User, session: Session) -> int:
    """Return how many seconds an access token lives that is issued now: no longer than its session.

    Whole seconds, so that `expires_in` is as true as `exp`.
    """
    idle = limits_of(issuing, user.roles).idle
    return max(1, int(min(issuing.access, idle, session.ends - session.used)))


def claims(issuing: Issuing, user: User, session: Session, *, token_id: str) -> dict[str, object]:
    """Return what an access token says of a session of which the last use is now.

    `iat` has its fraction: what is issued behind a revocation must not be taken for one from before
    it, within the same second.
    """
    roles = sorted(user.roles & {*issuing.roles})
    scope = {"scope": session.scope} if session.scope else {}
    # Of whose account is kept elsewhere nobody here knows how old it is: nothing is said.
    made = {} if user.provider else {ACCOUNT_CREATED: int(user.created // _MINUTE * _MINUTE)}
    return {
        **scope,
        **made,
        "iss": issuing.url,
        "sub": user.id,
        "aud": list(issuing.audiences),
        "iat": session.used,
        "nbf": int(session.used),
        "exp": int(session.used) + lifetime(issuing, user, session),
        "jti": token_id,
        "sid": session.id,
        "client_id": session.client or CLIENT,
        "auth_time": int(session.proved or session.begun),
        "roles": roles,
        "acr": TWO_FACTORS if session.proved else ONE_FACTOR,
        "amr": session.methods.split(),
    }
