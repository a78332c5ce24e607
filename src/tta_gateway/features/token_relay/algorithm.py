"""What a minted token says, and what clients may not say of themselves."""

from typing import Final

from tta_gateway.features.token_relay.bound import Relay
from tta_gateway.kernel.principal import INNER, Principal

# Services may read any of these as proof of who is asking: proxies that prove it say so in them.
CLAIMED: Final = frozenset(
    (
        b"remote-user",
        b"x-authenticated-user",
        b"x-authenticated-userid",
        b"x-auth-request-email",
        b"x-auth-request-groups",
        b"x-auth-request-user",
        b"x-auth-roles",
        b"x-auth-user",
        b"x-authenticated-groups",
        b"x-authenticated-role",
        b"x-authenticated-roles",
        b"x-consumer-custom-id",
        b"x-consumer-groups",
        b"x-consumer-id",
        b"x-consumer-username",
        b"x-credential-identifier",
        b"x-forwarded-email",
        b"x-forwarded-groups",
        b"x-forwarded-preferred-username",
        b"x-forwarded-user",
        b"x-jwt-claims",
        b"x-jwt-payload",
        b"x-player-id",
        b"x-remote-user",
        b"x-role",
        b"x-roles",
        b"x-session-user",
        b"x-user",
        b"x-user-email",
        b"x-user-id",
        b"x-user-name",
        b"x-user-permissions",
        b"x-user-role",
        b"x-user-roles",
        b"x-username",
        b"x-userinfo",
    )
)
# The platform's tokens name one role: the first of these that somebody has.
_SECOND_FACTOR: Final = 2
_FIRST: Final = ("admin", "therapist", "moderator", "researcher", "player")


def claims(principal: Principal, relay: Relay, now: float) -> dict[str, object]:
    """Return what a token for the service says, at this time of the epoch.

    Its names are those that the platform's services read today (platform, 1.3).  It ends no later
    than what was proved of who is asking, and is good at no gateway (`INNER`).
    """
    ends = min(now + relay.lifetime, principal.expires)
    said: dict[str, object] = {
        "sub": principal.subject,
        "player_id": principal.subject,
        "username": principal.subject,
        "role": role_of(principal.roles),
        "roles": sorted(principal.roles),
        "mfa_verified": principal.level >= _SECOND_FACTOR,
        "iat": int(now),
        "exp": int(ends),
        INNER: True,
    }
    if principal.session:
        said["session_id"] = principal.session
    if principal.is_narrow:
        said["scope"] = " ".join(sorted(principal.scopes))
    if relay.audience:
        said["aud"] = relay.audience
    return said


def role_of(roles: frozenset[str]) -> str:
    """Return the one role that stands for all of these; empty where there is none."""
    for one in _FIRST:
        if one in roles:
            return one
    return min(roles, default="")
