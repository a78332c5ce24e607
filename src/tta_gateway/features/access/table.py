"""The roles of the platform, and what they hold, where the operator says nothing else.

The platform's own permissions, by the names that it has for them today, stand beside ours in
docs/identity.md.  Administrators hold nothing of what people write or go through: they are no
clinicians.
"""

from collections.abc import Mapping
from typing import Final

from tta_gateway.features.access.bound import CLINICAL


def _own(*things: str) -> tuple[str, ...]:
    return tuple(f"{thing}:own" for thing in things)


def _care(*things: str) -> tuple[str, ...]:
    return tuple(f"{thing}:care" for thing in things)


_PROFILE: Final = _own("profile:read", "profile:write", "data:export")
_CLINICIAN: Final = (
    *_PROFILE,
    CLINICAL,
    "content:read",
    "content:write",
    "worlds:read",
    "anonymized:read",
    "glass:open",
    *_care(
        "profile:read",
        "settings:read",
        "characters:read",
        "sessions:read",
        "conversation:read",
        "progress:read",
        "notes:read",
        "notes:write",
        "crisis:read",
        "crisis:respond",
    ),
)

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "player": (
        *_PROFILE,
        *_own(
            "data:delete",
            "settings:read",
            "settings:write",
            "characters:read",
            "characters:write",
            "sessions:read",
            "sessions:write",
            "conversation:read",
            "conversation:write",
            "progress:read",
            "consent:read",
            "consent:write",
        ),
        "content:read",
        "worlds:read",
        "worlds:customize",
    ),
    "therapist": _CLINICIAN,
    "clinical_supervisor": (
        *_CLINICIAN,
        "care:read",
        "care:write",
        "changes:approve",
        "changes:propose",
        "errors:read",
        "glass:review",
        "reports:read",
    ),
    "crisis_responder": (
        *_PROFILE,
        CLINICAL,
        "crisis:read",
        "crisis:respond",
        "glass:open",
        *_care("profile:read", "sessions:read", "conversation:read"),
    ),
    "researcher": (
        *_PROFILE,
        "anonymized:read",
        "research:read",
        "research:write",
        "research:export",
        "worlds:read",
    ),
    "moderator": (*_PROFILE, "content:moderate", "reports:read", "reports:write", "users:suspend"),
    "admin": (
        *_PROFILE,
        "users:read",
        "users:write",
        "roles:read",
        "roles:write",
        "care:read",
        "care:write",
        "audit:read",
        "changes:approve",
        "changes:propose",
        "system:read",
        "system:write",
        "moderation:ask",
        "people:erase",
    ),
    "auditor": (*_PROFILE, "audit:read", "care:read", "glass:review", "reports:read"),
    "service": ("services:call", "realtime:serve", "moderation:ask"),
}
