"""What is said beside the service's messages."""

import json

import pytest

from tta_gateway.features.tether.words import event, token_in


@pytest.mark.parametrize(
    ("payload", "token"),
    [
        (b'{"type": "auth", "token": "a.b.c"}', b"a.b.c"),
        (b'{"type": "auth", "token": ""}', None),
        (b'{"type": "auth", "token": "a b"}', None),
        (b'{"type": "auth", "token": "a\\r\\nx: y"}', None),
        ('{"type": "auth", "token": "ä"}'.encode(), None),
        (b'{"type": "auth", "token": 1}', None),
        (b'{"type": "auth"}', None),
        (b'{"type": "user_message", "token": "a"}', None),
        (b'["auth", "a"]', None),
        (b"hello", None),
        (b"[" * 10_000, None),
        (b'{"type": "auth", "token": "' + b"a" * 16_384 + b'"}', None),
    ],
)
def test_a_first_message_shows_a_token_or_none(payload: bytes, token: bytes | None) -> None:
    assert token_in(payload) == token


def test_an_event_has_the_members_that_clients_look_for() -> None:
    said = json.loads(event("attached", session="s1", at="2026-01-01", more={"resumed": False}))
    assert said == {
        "type": "event",
        "event_type": "connection",
        "role": "system",
        "session_id": "s1",
        "content": {"event": "connection", "status": "attached", "resumed": False},
        "timestamp": "2026-01-01",
        "metadata": {},
    }


def test_an_event_of_no_session_says_so() -> None:
    assert json.loads(event("attached", session="", at="", more={}))["session_id"] is None
