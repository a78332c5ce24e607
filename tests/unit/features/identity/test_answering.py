"""Answers in the shapes of the platform."""

import json

from tests.helpers.identity_house import ISSUING, NOW
from tests.unit.features.identity.issuing import somebody
from tta_gateway.features.identity.answering import (
    foreign_told,
    granted,
    main_role,
    session_told,
    time_of,
    user_told,
)
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.features.identity.store import ACTIVE, Session, User

USER = User("u1", "ada", ACTIVE, NOW, NOW, frozenset({"therapist", "player", "gone"}), "hash")
SESSION = Session("s1", "u1", NOW, NOW, NOW + 100.0, "pwd")
GRANT = Grant("access", 600, "refresh", USER, SESSION)


def test_outside_a_browser_both_tokens_stand_in_the_body() -> None:
    answer = granted(ISSUING, GRANT, in_cookie=False)
    told = json.loads(bytes(answer.body))
    assert (told["access_token"], told["refresh_token"]) == ("access", "refresh")
    assert (told["token_type"], told["expires_in"]) == ("bearer", 600)
    assert told["user"] == told["user_info"]
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_in_a_browser_the_cookie_alone_holds_what_renews() -> None:
    answer = granted(ISSUING, GRANT, in_cookie=True)
    assert b"refresh" not in bytes(answer.body).replace(b"refresh_token", b"")
    assert answer.headers["set-cookie"].startswith("__Secure-tta-refresh=refresh; Max-Age=100;")


def test_a_user_is_told_of_themselves_without_what_is_secret() -> None:
    assert user_told(USER, ISSUING.roles).model_dump() == {
        "user_id": "u1",
        "username": "ada",
        "email": "",
        "role": "therapist",
        "roles": ["player", "therapist"],
        "permissions": ["notes:read:care", "profile:read:own"],
    }


def test_of_several_roles_one_is_the_main_one() -> None:
    assert [main_role(one) for one in ([], ["player"], ["player", "admin", "auditor"])] == [
        "",
        "player",
        "admin",
    ]


def test_of_somebody_else_s_the_token_tells() -> None:
    told = foreign_told(somebody("home:x"), ISSUING.roles)
    assert (told.user_id, told.username, told.role) == ("home:x", "", "")


def test_times_are_rfc_3339() -> None:
    assert time_of(NOW) == "2027-01-15T08:00:00Z"
    told = session_told(SESSION, current=True)
    assert (told.id, told.begun, told.current) == ("s1", time_of(NOW), True)
