"""What an access token says, and how long it lives."""

from dataclasses import replace

import pytest

from tests.helpers.identity_house import ISSUING, NOW
from tta_gateway.features.identity.store import ACTIVE, Session, User
from tta_gateway.features.identity.tokens import claims, lifetime

USER = User("u1", "ada", ACTIVE, NOW, NOW, frozenset({"player", "gone"}), "hash")
SESSION = Session("s1", "u1", NOW - 100.0, NOW + 0.25, NOW + 90_000.0, "pwd otp")


def test_it_says_who_in_which_session_and_until_when() -> None:
    assert claims(ISSUING, USER, SESSION, token_id="t1") == {
        "account_created": int(NOW) // 60 * 60,
        "iss": "https://home",
        "sub": "u1",
        "aud": ["tta"],
        "iat": NOW + 0.25,
        "nbf": int(NOW),
        "exp": int(NOW) + 600,
        "jti": "t1",
        "sid": "s1",
        "client_id": "tta-gateway",
        "auth_time": int(NOW) - 100,
        "roles": ["player"],
        "acr": "1",
        "amr": ["pwd", "otp"],
    }


def test_how_old_an_account_is_that_is_kept_elsewhere_nobody_says() -> None:
    """Red where whoever logs in here for the first time is taken for a newcomer."""
    told = claims(ISSUING, replace(USER, provider="platform"), SESSION, token_id="t1")
    assert "account_created" not in told


def test_nothing_else_of_a_person_stands_in_it() -> None:
    told = str(claims(ISSUING, USER, SESSION, token_id="t1"))
    assert "ada" not in told
    assert "hash" not in told


@pytest.mark.parametrize(
    ("roles", "left", "seconds"),
    [
        ({"player"}, 90_000.0, 600),
        ({"player"}, 100.0, 100),
        ({"therapist"}, 90_000.0, 600),
        ({"player"}, 0.5, 1),
    ],
)
def test_it_lives_no_longer_than_its_session(roles: set[str], left: float, seconds: int) -> None:
    user = replace(USER, roles=frozenset(roles))
    session = replace(SESSION, ends=SESSION.used + left)
    assert lifetime(ISSUING, user, session) == seconds
