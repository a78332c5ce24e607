"""The platform's services, started once for all tests here, and a player who is logged in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from tests.contract.platform.services import Answer, Service, running

_SERVICES = ("accounts", "players", "characters", "worlds", "sessions", "conversation")


@dataclass(frozen=True, slots=True)
class Player:
    """Someone with an account and a token."""

    services: dict[str, Service]
    username: str = field(default_factory=lambda: f"player-{uuid4().hex[:12]}")
    password: str = "Lantern-road-7"

    def register(self, **changes: str) -> Answer:
        """Ask for an account."""
        request = {
            "username": self.username,
            "email": f"{self.username}@example.org",
            "password": self.password,
        }
        return self.services["accounts"].call(
            "POST", "/api/v1/auth/register", {**request, **changes}
        )

    def log_in(self, password: str = "") -> Answer:
        """Ask for a token."""
        request = {"username": self.username, "password": password or self.password}
        return self.services["accounts"].call("POST", "/api/v1/auth/login", request)


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone with a token, and the names of what is theirs."""

    services: dict[str, Service]
    token: str
    names: dict[str, str]

    def call(self, service: str, method: str, path: str, body: object = None) -> Answer:
        """Ask a service; `{player}` and the like in the path are filled in."""
        filled = path.format(**self.names)
        return self.services[service].call(method, filled, body, token=self.token)


@pytest.fixture(scope="session")
def services() -> Iterator[dict[str, Service]]:
    """All services of the platform, by name."""
    with running(*_SERVICES) as started:
        yield started


@pytest.fixture
def stranger(services: dict[str, Service]) -> Player:
    """Someone without an account."""
    return Player(services)


@pytest.fixture(scope="session")
def caller(services: dict[str, Service]) -> Caller:
    """A player with a character, a session and a conversation."""
    caller = _logged_in(services)
    caller.names["character"] = _created(caller, "characters", NEW_CHARACTER)["character_id"]
    caller.names["session"] = _created(caller, "sessions", NEW_SESSION)["session_id"]
    message = {"session_id": caller.names["session"], "message": "I am anxious."}
    caller.call("conversation", "POST", "/api/v1/conversation/send", message)
    return caller


@pytest.fixture(scope="session")
def other(services: dict[str, Service]) -> Caller:
    """Another player, who owns nothing."""
    return _logged_in(services)


NEW_CHARACTER = {
    "name": "Mira",
    "appearance": {},
    "background": {"name": "Mira"},
    "therapeutic_profile": {
        "therapeutic_goals": [{"goal_id": "calm", "description": "Breathe before answering"}]
    },
}
NEW_SESSION = {
    "character_id": "mira",
    "world_id": "world_lantern_road",
    "therapeutic_settings": {"intensity_level": "low"},
}


def _logged_in(services: dict[str, Service]) -> Caller:
    player = Player(services)
    player.register()
    answer = player.log_in().body
    return Caller(services, answer["access_token"], {"player": answer["user_info"]["user_id"]})


def _created(caller: Caller, service: str, body: object) -> dict[str, str]:
    created: dict[str, str] = caller.call(service, "POST", f"/api/v1/{service}/", body).body
    return created
