"""The platform's roles and what each may do."""

from collections.abc import Mapping
from typing import Final, Literal

Role = Literal["player", "therapist", "researcher", "moderator", "admin"]

_PLAYER: Final = (
    "create_character",
    "manage_own_characters",
    "access_therapeutic_content",
    "manage_own_profile",
    "export_own_data",
    "delete_own_data",
)
_THERAPIST: Final = (
    "view_patient_progress",
    "manage_therapeutic_content",
    "access_crisis_protocols",
    "view_anonymized_data",
    "manage_own_profile",
    "export_own_data",
)
_RESEARCHER: Final = (
    "access_research_data",
    "export_anonymized_data",
    "manage_research_studies",
    "view_anonymized_data",
    "manage_own_profile",
)
_MODERATOR: Final = (
    "moderate_content",
    "handle_reports",
    "temporary_user_actions",
    "manage_own_profile",
)
_ADMIN_ONLY: Final = (
    "manage_users",
    "manage_system_config",
    "access_audit_logs",
    "manage_roles",
    "system_maintenance",
)

PERMISSIONS: Final[Mapping[Role, tuple[str, ...]]] = {
    "player": _PLAYER,
    "therapist": _THERAPIST,
    "researcher": _RESEARCHER,
    "moderator": _MODERATOR,
    "admin": tuple(dict.fromkeys((*_PLAYER, *_THERAPIST, *_RESEARCHER, *_MODERATOR, *_ADMIN_ONLY))),
}
