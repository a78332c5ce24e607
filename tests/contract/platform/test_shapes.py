"""Each answer of the sample services has the shape of the platform's."""

import base64
import json

import pytest

from tests.contract.platform.conftest import NEW_CHARACTER, NEW_SESSION, Caller, Player
from tests.contract.platform.services import Answer, Service, running
from tests.contract.platform.shape import differences, status

pytestmark = pytest.mark.e2e

PLAYERS = "/api/v1/players"
OWN = "/api/v1/players/{player}"
CHARACTERS = "/api/v1/characters"
WORLD = "/api/v1/worlds/world_lantern_road"
SESSIONS = "/api/v1/sessions"
SESSION = "/api/v1/sessions/{session}"
CONVERSATION = "/api/v1/conversation"
MESSAGE = {"session_id": "one of their own", "message": "Hello."}

GET = (
    ("me", "accounts", "/api/v1/auth/me"),
    ("permissions", "accounts", "/api/v1/auth/permissions"),
    ("health_system", "accounts", "/api/v1/health/"),
    ("error_fault", "accounts", "/api/v1/health/readiness"),
    ("players_root", "players", f"{PLAYERS}/"),
    ("player", "players", OWN),
    ("player_progress", "players", f"{OWN}/progress"),
    ("player_dashboard", "players", f"{OWN}/dashboard"),
    ("player_progress_viz", "players", f"{OWN}/progress/viz?days=3"),
    ("player_export", "players", f"{OWN}/export"),
    ("settings", "players", f"{OWN}/settings"),
    ("settings_export", "players", f"{OWN}/data/export"),
    ("error_validation", "players", f"{OWN}/progress/viz?days=61"),
    ("refused_forbidden", "players", f"{PLAYERS}/someone-else"),
    ("refused_swallowed", "players", f"{PLAYERS}/someone-else/export"),
    ("error_forbidden", "players", f"{PLAYERS}/someone-else/settings"),
    ("player_progress", "players", f"{PLAYERS}/someone-else/progress"),
    ("player_dashboard", "players", f"{PLAYERS}/someone-else/dashboard"),
    ("characters", "characters", f"{CHARACTERS}/"),
    ("character", "characters", f"{CHARACTERS}/{{character}}"),
    ("character_profile", "characters", f"{CHARACTERS}/{{character}}/therapeutic-profile"),
    ("refused_not_found", "characters", f"{CHARACTERS}/nobody"),
    ("worlds", "worlds", "/api/v1/worlds/?character_id=mira"),
    ("world", "worlds", WORLD),
    ("world_compatibility", "worlds", f"{WORLD}/compatibility/mira"),
    ("error_not_found", "worlds", "/api/v1/worlds/nowhere"),
    ("sessions", "sessions", f"{SESSIONS}/"),
    ("session", "sessions", SESSION),
    ("session_progress", "sessions", f"{SESSION}/progress"),
    ("session_messages", "sessions", f"{SESSION}/messages"),
    ("conversation_history", "conversation", f"{CONVERSATION}/{{session}}/history"),
    ("conversation_state", "conversation", f"{CONVERSATION}/{{session}}/state"),
    ("error_not_found", "conversation", f"{CONVERSATION}/player/analytics"),
)
SEND: tuple[tuple[str, str, str, str, object], ...] = (
    ("verify_token", "accounts", "POST", "/api/v1/auth/verify-token", None),
    ("error_method", "accounts", "DELETE", "/api/v1/auth/me", None),
    ("player", "players", "PUT", OWN, {"therapeutic_preferences": {"intensity_level": "low"}}),
    ("refused_swallowed", "players", "PUT", f"{PLAYERS}/someone-else", {}),
    ("settings_therapeutic", "players", "PUT", f"{OWN}/settings/therapeutic", {}),
    ("settings_privacy", "players", "PUT", f"{OWN}/settings/privacy", {}),
    ("settings_notifications", "players", "PUT", f"{OWN}/settings/notifications", {}),
    ("settings_accessibility", "players", "PUT", f"{OWN}/settings/accessibility", {}),
    ("character_created", "characters", "POST", f"{CHARACTERS}/", NEW_CHARACTER),
    ("character", "characters", "PUT", f"{CHARACTERS}/{{character}}", {}),
    (
        "character_profile",
        "characters",
        "PATCH",
        f"{CHARACTERS}/{{character}}/therapeutic-profile",
        {},
    ),
    ("world_customized", "worlds", "POST", f"{WORLD}/customize", {"session_length": "long"}),
    ("session_created", "sessions", "POST", f"{SESSIONS}/", NEW_SESSION),
    ("error_validation", "sessions", "POST", f"{SESSIONS}/", {"character_id": "mira"}),
    ("session", "sessions", "PUT", SESSION, {}),
    ("session_copied", "sessions", "POST", f"{SESSION}/copy", None),
    ("session_cleared", "sessions", "DELETE", f"{SESSION}/messages", None),
    ("conversation_send", "conversation", "POST", f"{CONVERSATION}/send", MESSAGE),
)


def _assert_shape(answer: Answer, name: str) -> None:
    assert (answer.status, differences(answer.body, f"@{name}")) == (status(name), [])


@pytest.mark.parametrize(("name", "service", "path"), GET)
def test_what_is_read_has_the_platforms_shape(
    caller: Caller, name: str, service: str, path: str
) -> None:
    _assert_shape(caller.call(service, "GET", path), name)


@pytest.mark.parametrize(("name", "service", "method", "path", "body"), SEND)
def test_what_answers_a_change_has_the_platforms_shape(
    caller: Caller, name: str, service: str, method: str, path: str, body: object
) -> None:
    _assert_shape(caller.call(service, method, path, body), name)


def test_every_service_says_that_it_is_well(services: dict[str, Service]) -> None:
    for service in services.values():
        _assert_shape(service.call("GET", "/health"), "health")


def test_every_service_refuses_who_has_no_token(services: dict[str, Service]) -> None:
    for service in services.values():
        _assert_shape(service.call("GET", "/api/v1/anything"), "error_unauthenticated")


def test_registering_and_logging_in_and_out_have_the_platforms_shape(
    stranger: Player, services: dict[str, Service]
) -> None:
    _assert_shape(stranger.register(), "register")
    answer = stranger.log_in()
    _assert_shape(answer, "login")
    token = answer.body["access_token"]
    logout = services["accounts"].call("POST", "/api/v1/auth/logout", token=token)
    _assert_shape(logout, "logout")


def test_a_token_has_exactly_the_platforms_claims(stranger: Player) -> None:
    stranger.register()
    header, claims, _ = stranger.log_in().body["access_token"].split(".")
    assert _decoded(header) == {"alg": "HS256", "typ": "JWT"}
    assert differences(_decoded(claims), "@token") == []


def test_a_bad_registration_gets_an_object_for_a_message(stranger: Player) -> None:
    _assert_shape(stranger.register(password="all lower case"), "error_register")


def test_a_bad_password_has_the_platforms_shape(stranger: Player) -> None:
    stranger.register()
    _assert_shape(stranger.log_in(password="wrong"), "error_login")


def test_a_name_that_is_taken_is_a_conflict(services: dict[str, Service]) -> None:
    profile = {"username": "twice", "email": "twice@example.org"}
    created = services["players"].call("POST", f"{PLAYERS}/", profile)
    _assert_shape(created, "player_created")
    _assert_shape(services["players"].call("POST", f"{PLAYERS}/", profile), "refused_conflict")


def test_a_sixth_character_is_too_many(other: Caller) -> None:
    answers = [other.call("characters", "POST", f"{CHARACTERS}/", NEW_CHARACTER) for _ in range(6)]
    assert [answer.status for answer in answers[:5]] == [201] * 5
    _assert_shape(answers[5], "refused_too_many")


def test_what_belongs_to_another_is_refused_where_the_platform_looks(
    caller: Caller, other: Caller
) -> None:
    foreign = Caller(other.services, other.token, caller.names)
    character = foreign.call("characters", "GET", f"{CHARACTERS}/{{character}}")
    _assert_shape(character, "refused_forbidden")
    _assert_shape(foreign.call("sessions", "GET", f"{SESSION}/messages"), "error_forbidden")
    _assert_shape(foreign.call("sessions", "GET", SESSION), "session")  # and here it does not


def test_too_many_calls_have_the_platforms_shape() -> None:
    with running("worlds", PEI_RATE_LIMIT_CALLS="1") as services:
        worlds = services["worlds"]
        worlds.call("GET", "/health")
        _assert_shape(worlds.call("GET", "/health"), "error_rate_limit")


def _decoded(part: str) -> object:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
