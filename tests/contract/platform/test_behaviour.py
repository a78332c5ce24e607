"""What the platform does beside its bodies, and a gateway in front of it has to know."""

from http.client import RemoteDisconnected

import pytest

from tests.contract.platform.conftest import Caller, Player
from tests.contract.platform.services import Service, ask

pytestmark = pytest.mark.e2e

HEADERS = {
    "x-request-id",
    "x-process-time",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-content-type-options",
    "x-frame-options",
    "strict-transport-security",
    "content-security-policy",
    "referrer-policy",
    "x-therapeutic-safety",
    "x-crisis-hotline",
}


def test_an_answer_carries_the_platforms_headers(caller: Caller) -> None:
    answer = caller.call("worlds", "GET", "/api/v1/worlds/")
    assert set(answer.fields) >= HEADERS
    assert answer.fields["x-instance"] == "worlds"


def test_a_refusal_of_the_guard_carries_none_of_them(services: dict[str, Service]) -> None:
    answer = services["worlds"].call("GET", "/api/v1/worlds/", origin="http://localhost:3000")
    assert not HEADERS & set(answer.fields)
    assert "access-control-allow-origin" not in answer.fields
    assert answer.fields["www-authenticate"] == "Bearer"


def test_a_known_origin_is_allowed_and_another_is_not(services: dict[str, Service]) -> None:
    allowed = services["worlds"].call("GET", "/health", origin="http://localhost:3000")
    refused = services["worlds"].call("GET", "/health", origin="http://elsewhere.example")
    assert allowed.fields["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-origin" not in refused.fields


def test_a_slash_too_few_or_too_many_leads_to_the_service_itself(caller: Caller) -> None:
    worlds = caller.services["worlds"]
    own = f"http://{worlds.host}:{worlds.port}"
    few = caller.call("worlds", "GET", "/api/v1/worlds")
    many = caller.call("worlds", "GET", "/api/v1/worlds/world_lantern_road/")
    assert (few.status, few.fields["location"]) == (307, f"{own}/api/v1/worlds/")
    assert (many.status, many.fields["location"]) == (
        307,
        f"{own}/api/v1/worlds/world_lantern_road",
    )


def test_the_health_path_is_public_only_with_its_slash(services: dict[str, Service]) -> None:
    assert services["accounts"].call("GET", "/api/v1/health").status == 401
    assert services["accounts"].call("GET", "/api/v1/health/").status == 200


def test_head_is_not_allowed_where_get_is(services: dict[str, Service]) -> None:
    assert services["worlds"].call("HEAD", "/health").status == 405


def test_a_fault_costs_the_next_request_its_connection(services: dict[str, Service]) -> None:
    connection = services["accounts"].connection()
    fault = ask(connection, "GET", "/api/v1/health/readiness")
    assert fault.status == 500
    assert "connection" not in fault.fields
    with pytest.raises((RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        ask(connection, "GET", "/health")
    connection.close()


def test_an_unhealthy_service_still_answers_200(services: dict[str, Service]) -> None:
    accounts = services["accounts"]
    accounts.call("POST", "/debug/health", {"status": "unhealthy"})
    answer = accounts.call("GET", "/api/v1/health/")
    accounts.call("POST", "/debug/health", {"status": "healthy"})
    assert (answer.status, answer.body["status"]) == (200, "unhealthy")


def test_a_login_sets_the_platforms_cookie(stranger: Player) -> None:
    stranger.register()
    name, _, attributes = stranger.log_in().fields["set-cookie"].partition("=")
    assert name == "openrouter_session_id"
    assert attributes.split("; ")[1:] == ["HttpOnly", "Max-Age=86400", "Path=/", "SameSite=lax"]


def test_nobody_becomes_an_administrator_by_asking(stranger: Player) -> None:
    assert stranger.register(role="admin").body["role"] == "player"


def test_five_bad_passwords_lock_the_account(stranger: Player) -> None:
    stranger.register()
    for _ in range(5):
        stranger.log_in(password="wrong")
    assert stranger.log_in().body["message"] == "Account is temporarily locked"


def test_a_logout_ends_the_login_but_not_the_token(
    stranger: Player, services: dict[str, Service]
) -> None:
    stranger.register()
    token = stranger.log_in().body["access_token"]
    services["accounts"].call("POST", "/api/v1/auth/logout", token=token)
    assert services["accounts"].call("GET", "/api/v1/auth/me", token=token).status == 401
    assert services["worlds"].call("GET", "/api/v1/worlds/", token=token).status == 200


def test_a_deleted_character_is_gone_without_a_body(caller: Caller) -> None:
    created = caller.call("characters", "POST", "/api/v1/characters/", _CHARACTER).body
    path = f"/api/v1/characters/{created['character_id']}"
    deleted = caller.call("characters", "DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    assert caller.call("characters", "GET", path).status == 404


def test_by_http_a_crisis_is_called_safe(caller: Caller) -> None:
    message = {"session_id": "a hard night", "message": "I want to die."}
    answer = caller.call("conversation", "POST", "/api/v1/conversation/send", message)
    assert answer.body["metadata"]["safety_level"] == "safe"


_CHARACTER = {
    "name": "Wick",
    "appearance": {},
    "background": {"name": "Wick"},
    "therapeutic_profile": {},
}
