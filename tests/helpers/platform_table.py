"""Who gets through to which route of the sample platform: said without the code.

What is not in the table gets nobody through, and a route that is not in it fails its tests.
"""

from dataclasses import dataclass
from typing import Final

from tta_gateway.features.access.table import ROLES

SECRETS: Final = ("TTA_AUTH_SECRET_KEY", "TTA_CRISIS_SECRET")
"""The variables from which the demonstration's configuration reads secrets."""
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
EVERYBODY: Final = frozenset(ROLES)
PLAYER: Final = frozenset({"player"})
CLINICIANS: Final = frozenset({"therapist", "clinical_supervisor"})
PEOPLE: Final = EVERYBODY - {"service"}
OVERRIDES: Final = (
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
)
ME, MY_PATIENT, STRANGER, NOBODY = "me", "patient", "stranger", "no-such-player"


@dataclass(frozen=True)
class Who:
    """The roles that get through: to what is theirs, to their patients', and to anybody's."""

    own: frozenset[str] = frozenset()
    care: frozenset[str] = frozenset()
    any: frozenset[str] = frozenset()


OPEN: Final = Who(own=EVERYBODY | {""}, care=EVERYBODY | {""}, any=EVERYBODY | {""})
_PROFILE: Final = Who(own=PEOPLE, care=CLINICIANS | {"crisis_responder"})
_PROGRESS: Final = Who(own=PLAYER, care=CLINICIANS)
_MINE: Final = Who(own=PLAYER)
_EXPORT: Final = Who(own=PEOPLE)


def _all(*roles: frozenset[str]) -> Who:
    """Those who get through where no owner is named."""
    some = frozenset().union(*roles)
    return Who(own=some, care=some, any=some)


_WORLDS: Final = _all(PLAYER, CLINICIANS, frozenset({"researcher"}))
_PLAYER: Final = _all(PLAYER)
EXPECTED: Final[dict[str, dict[str, Who]]] = {
    **{
        path: dict.fromkeys(METHODS, OPEN)
        for path in (
            "/api/v1/auth/{rest:path}",
            "/api/v1/health",
            "/api/v1/health/{rest:path}",
            "/api/v1/models/{rest:path}",
            "/api/v1/analytics/{rest:path}",
            "/api/v1/conversation/player/analytics",
            "/api/preferences/{rest:path}",
            "/api/patients/{rest:path}",
            "/api/clinical/{rest:path}",
        )
    },
    "/together/{rest:path}": {"GET": OPEN, "HEAD": OPEN},
    "/api/v1/auth/password/reset-request": {"POST": OPEN},
    "/api/v1/auth/password/reset": {"POST": OPEN},
    "/api/v1/players": {
        "GET": _all(PEOPLE),
        "HEAD": _all(PEOPLE),
        "POST": _all(PEOPLE),
    },
    **{
        path: {
            "GET": _PROFILE,
            "HEAD": _PROFILE,
            "PUT": Who(own=PEOPLE),
            "DELETE": _MINE,
        }
        for path in ("/api/v1/players/{player_id}", "/api/players/{player_id}")
    },
    **{
        path: {"GET": _PROGRESS, "HEAD": _PROGRESS}
        for path in (
            "/api/v1/players/{player_id}/progress",
            "/api/v1/players/{player_id}/progress/viz",
            "/api/v1/players/{player_id}/dashboard",
            "/api/v1/players/{player_id}/settings",
            "/api/players/{player_id}/progress",
            "/api/players/{player_id}/progress/viz",
            "/api/players/{player_id}/dashboard",
            "/api/players/{player_id}/settings",
        )
    },
    "/api/v1/players/{player_id}/export": {"GET": _EXPORT, "HEAD": _EXPORT},
    "/api/v1/players/{player_id}/data/export": {"GET": _EXPORT, "HEAD": _EXPORT},
    "/api/v1/players/{player_id}/data": {"DELETE": _MINE},
    "/api/v1/players/{player_id}/{rest:path}": {"PUT": _MINE, "PATCH": _MINE},
    "/api/players/{player_id}/{rest:path}": {"PUT": _MINE, "PATCH": _MINE},
    "/api/v1/players/{player_id}/characters": dict.fromkeys(("GET", "HEAD", "POST"), _MINE),
    **{
        path: dict.fromkeys(("GET", "HEAD", "POST"), _PLAYER)
        for path in ("/api/v1/characters", "/api/v1/sessions", "/api/sessions")
    },
    **{
        path: dict.fromkeys(METHODS, _PLAYER)
        for path in (
            "/api/v1/characters/{rest:path}",
            "/api/v1/conversation/{rest:path}",
        )
    },
    **{
        path: dict.fromkeys(METHODS, _MINE)
        for path in (
            "/api/v1/sessions/{session_id}",
            "/api/v1/sessions/{session_id}/{rest:path}",
            "/api/sessions/{session_id}",
            "/api/sessions/{session_id}/{rest:path}",
        )
    },
    "/api/v1/conversation/statistics": dict.fromkeys(
        ("GET", "HEAD"), _all(frozenset({"clinical_supervisor", "moderator", "auditor"}))
    ),
    "/ws/chat": {"GET": _PLAYER, "HEAD": _PLAYER},
    "/api/v1/worlds": {"GET": _WORLDS, "HEAD": _WORLDS},
    "/api/v1/worlds/{rest:path}": {"GET": _WORLDS, "HEAD": _WORLDS, "POST": _PLAYER},
    "/api/v1/worlds/{world_id}/parameters": {"PUT": _PLAYER},
    "/api/v1/characters/{character_id}/worlds/{world_id}/compatibility": {
        "GET": _WORLDS,
        "HEAD": _WORLDS,
    },
}


def filled(path: str, person: str) -> str:
    """A path of a route, about somebody."""
    for name, value in (
        ("{player_id}", person),
        ("{session_id}", person),
        ("{rest:path}", "7"),
        ("{character_id}", "c1"),
        ("{world_id}", "w1"),
    ):
        path = path.replace(name, value)
    return path


SPELLINGS: Final = (
    "/api/v1/players/{}/../{other}/progress",
    "/api/v1/players/{}/%2e%2e/{other}/progress",
    "/api/v1/players/{}/%2E%2E/{other}/progress",
    "/api/v1/./players/{other}/progress",
    "/api/v1/players/%73tranger/progress",
    "/api/v1/players/str%61nger/progress",
    "/api/v1/players/x/../../players/{other}/progress",
    "/api/v1/players//{other}/progress",
    "//api/v1/players/{other}/progress",
    "/api/v1/players/{};/{other}/progress",
    "/api/v1/players/{};x/progress",
    "/api/v1/players/{}%2f..%2f{other}/progress",
    "/api/v1/players/{}%00/progress",
    "/api/v1/players/{}%5c..%5c{other}/progress",
    "/api/v1/players/{}%20/progress",
    "/api/v1/players/%2573tranger/progress",
    "/api/v1/players/{other}/progress/",
    "/api/v1/players/{other}/Progress",
    "/API/V1/players/{other}/progress",
    "/api/v1/players/{other}/progress?player_id={}",
    "/api/v1/players/{other}/progress?_method=OPTIONS",
    "/api/v1/players/\u00e9{other}/progress",
    "/api/v1/players/%ff/progress",
)
