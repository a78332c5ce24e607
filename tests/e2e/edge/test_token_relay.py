"""What services are shown of who is asking, by the shipped command."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from joserfc.jws import JWSRegistry

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.scripted_upstream import Call

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # many services know no other name
]

SECRET: Final = "a secret of the platform as it is today"
SHARED: Final = OctKey.import_key(SECRET)
OWN: Final = OKPKey.generate_key("Ed25519", {"kid": "k1"})
MODES: Final = ("pass", "strip", "today", "narrow")


@dataclass
class Shown:
    """A gateway, and what its services were shown last."""

    stage: Stage
    heads: list[dict[bytes, bytes]] = field(default_factory=list)

    def ask(self, service: str, *more: tuple[bytes, bytes], token: str = "") -> int:
        fields = [(b"Authorization", f"Bearer {token}".encode())] if token else []
        with self.stage.client() as client:
            return client.get(f"/{service}/a".encode(), fields=[*fields, *more]).status

    @property
    def token(self) -> str:
        return self.heads[-1].get(b"authorization", b"").decode().removeprefix("Bearer ")


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    secret, key = tmp_path / "secret", tmp_path / "key.jwk"
    secret.write_text(SECRET)
    key.write_text(json.dumps(OWN.as_dict(private=True)))
    tokens: dict[str, object] = {
        "pass": "pass",
        "strip": "strip",
        "today": {"mode": "mint", "secret": {"file": str(secret)}},
        "narrow": {"mode": "mint", "key": {"file": str(key)}, "lifetime": "1m"},
    }
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            *(
                {"path": f"/{one}/{{rest:path}}", "service": one, "auth": "optional"}
                for one in MODES
            ),
            upstream=upstream,
            services={
                "up": {"endpoints": [upstream.url]},
                **{one: {"endpoints": [upstream.url], "token": tokens[one]} for one in MODES},
            },
            identity={
                "issuers": [
                    {
                        "name": "today",
                        "secret": {"file": str(secret)},
                        "own_subjects": True,
                        "roles": ["player", "therapist"],
                    }
                ]
            },
        ) as running,
    ):
        found = Shown(running)

        def keep(call: Call) -> None:
            found.heads.append(dict(call.head.fields))
            call.answer()

        for one in MODES:
            upstream.answers(f"/{one}/a".encode(), keep)
        yield found


def today(**changed: object) -> str:
    """Return a token as the platform issues them today."""
    told = {
        "sub": "p1",
        "role": "therapist",
        "email": "p1@example.org",
        "exp": int(time.time()) + 1800,
        **changed,
    }
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, told, SHARED)


def test_one_goes_on_as_it_came_or_not_at_all(shown: Shown) -> None:
    token = today()
    assert shown.ask("pass", token=token) == 200
    assert shown.token == token
    assert shown.ask("strip", token=token) == 200
    assert shown.token == ""


def test_one_of_our_own_is_as_the_platform_s_services_want_it(shown: Shown) -> None:
    assert shown.ask("today", token=today()) == 200
    told = jwt.decode(shown.token, SHARED).claims
    assert (told["sub"], told["player_id"], told["role"]) == ("p1", "p1", "therapist")
    assert told["exp"] - time.time() < 301
    assert "aud" not in told
    assert "email" not in told


def test_a_narrow_one_is_for_one_service(shown: Shown) -> None:
    assert shown.ask("narrow", token=today()) == 200
    told = jwt.decode(shown.token, OWN, registry=JWSRegistry(algorithms=["EdDSA"]))
    assert (told.claims["aud"], told.header["kid"]) == ("narrow", "k1")
    assert told.claims["exp"] - time.time() < 61


def test_none_of_ours_comes_back_in(shown: Shown) -> None:
    """It is signed with the secret that is believed: only the mark tells it apart.

    Red without `INNER in claims` in features/identity/algorithm.py.
    """
    assert shown.ask("today", token=today()) == 200
    assert shown.ask("pass", token=shown.token) == 401


def test_what_clients_say_of_who_they_are_goes_nowhere(shown: Shown) -> None:
    said = ((b"X-User-Id", b"p2"), (b"X-User-Roles", b"admin"), (b"X-Mine", b"1"))
    for token in ("", today()):
        assert shown.ask("pass", *said, token=token) == 200
        assert b"x-user-id" not in shown.heads[-1]
        assert b"x-user-roles" not in shown.heads[-1]
        assert shown.heads[-1][b"x-mine"] == b"1"


def test_who_is_nobody_is_shown_as_nobody(shown: Shown) -> None:
    for one in MODES:
        assert shown.ask(one) == 200
        assert shown.token == ""
