"""The form of the platform's messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.chat.algorithm import (
    Envelope,
    marked,
    members_of,
    named_by,
    ping_of,
    session_in,
    short,
)

TYPING = (
    b'{"id":"msg_0123456789ab","role":"system","session_id":null,'
    b'"content":{"event":"typing","status":"start"},"timestamp":"2026-11-26T10:00:00Z",'
    b'"metadata":{}}'
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(("role", "type", "content", "event", "x")), below)
    ),
    max_leaves=8,
)


def test_a_service_s_event_is_marked_and_nothing_else_of_it_is_touched() -> None:
    made = marked(TYPING)
    assert made == b'{"type":"event","event_type":"typing",' + TYPING[1:]
    assert json.loads(made)["content"] == {"event": "typing", "status": "start"}


@pytest.mark.parametrize(
    "message",
    [
        b'{"role":"assistant","content":{"text":"the \\"event\\" of the day"}}',
        b'{"role":"assistant","content":{"event":"typing"}}',
        b'{"role":"system","content":{"text":"Connected"}}',
        b'{"role":"system","content":{"event":7}}',
        b'{"role":"system","content":"event","event":1}',
        b'{"role":"system","type":"event","content":{"event":"typing"}}',
        b'{"role":"system","event_type":"x","content":{"event":"typing"}}',
        b'["event"]',
        b'{"event"',
        b"event",
        b'{"role":"system","content":' + b'{"event":' * 100_000,
    ],
)
def test_what_is_no_event_stays_as_it_is(message: bytes) -> None:
    assert marked(message) == message


@given(JSON)
def test_what_is_marked_is_the_same_but_for_that(value: object) -> None:
    message = json.dumps(value, ensure_ascii=False).encode()
    made = marked(message)
    if made != message:
        found = json.loads(made)
        assert (found.pop("type"), found.pop("event_type")) == ("event", value["content"]["event"])  # type: ignore[index]  # only such are marked
        assert found == value


def test_an_event_s_name_may_be_any_text() -> None:
    made = marked(b' {"role":"system","content":{"event":"a\\"\\u00e9"}}')
    assert json.loads(made)["event_type"] == 'a"é'


@pytest.mark.parametrize(
    ("message", "members"),
    [
        (b'{"type":"ping"}', {"type": "ping"}),
        (b'{"type": "ping", "timestamp": 7}', {"type": "ping", "timestamp": 7}),
        (b'{"type":"user_message","content":{"text":"ping"}}', None),
        (b'{"type":"user_message","content":{"text":"\\"ping\\""},"x":"ping"}', None),
        (b'{"type":"ping"', None),
        (b'["ping"]', None),
        (b'{"type":"ping","content":"' + b"x" * 512 + b'"}', None),
    ],
)
def test_pings_are_known(message: bytes, members: dict[str, object] | None) -> None:
    assert ping_of(message) == members


@pytest.mark.parametrize(
    ("ping", "content"),
    [
        ({"timestamp": "2026"}, {"event": "pong", "ping_timestamp": "2026"}),
        ({"timestamp": 1.5}, {"event": "pong", "ping_timestamp": 1.5}),
        ({"timestamp": ["much"]}, {"event": "pong"}),
        ({}, {"event": "pong"}),
    ],
)
def test_a_pong_has_the_platform_s_form(ping: dict[str, object], content: object) -> None:
    made = Envelope("0123456789ab", "2026-11-26T10:00:00.000Z", "s1").pong(ping)
    assert json.loads(made) == {
        "type": "pong",
        "id": "msg_0123456789ab",
        "role": "system",
        "session_id": "s1",
        "content": content,
        "timestamp": "2026-11-26T10:00:00.000Z",
        "metadata": {},
    }


def test_an_event_of_the_gateway_s_own_has_it_too() -> None:
    found = json.loads(Envelope("0", "now", None).event("connection", {"status": "back"}))
    assert (found["type"], found["event_type"]) == ("event", "connection")
    assert found["content"] == {"event": "connection", "status": "back"}
    assert found["session_id"] is None


def test_a_refusal_is_a_message_that_is_read() -> None:
    found = json.loads(Envelope("0", "now", None).refused("Slowly.", {"code": "c"}))
    assert "type" not in found
    assert (found["content"], found["metadata"]) == (
        {"text": "Slowly."},
        {"refused": {"code": "c"}},
    )


def test_what_the_gateway_says_is_a_text_with_what_pages_show_beside_it() -> None:
    found = json.loads(Envelope("0", "now", None).says({"text": "Call."}, {"card": {"level": 3}}))
    assert "type" not in found
    assert (found["role"], found["content"], found["metadata"]) == (
        "system",
        {"text": "Call."},
        {"card": {"level": 3}},
    )


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (b'{"id":"m1","timestamp":"t"}', "m1"),
        (b'{"message_id":7}', 7),
        (b'{"id":null,"timestamp":"t"}', "t"),
        (b"{}", None),
        (b"no", None),
    ],
)
def test_a_client_may_know_its_message_again(message: bytes, name: object) -> None:
    assert named_by(message) == name


@pytest.mark.parametrize(
    ("value", "told"),
    [("a", "a"), ("a" * 65, None), (7, 7), (1.5, 1.5), (True, None), ([], None), (None, None)],
)
def test_only_what_is_short_is_told_again(value: object, told: object) -> None:
    assert short(value) == told


def test_what_is_no_object_has_no_members() -> None:
    assert [members_of(one) for one in (b"[]", b"", b"\xff", b'{"a":1}')] == [{}, {}, {}, {"a": 1}]


@pytest.mark.parametrize(
    ("query", "session"),
    [
        (None, None),
        (b"", None),
        (b"token=x&session_id=a-1_B&typing=1", "a-1_B"),
        (b"session_id=", None),
        (b"session_id=%22", None),
        (b"session_id=" + b"a" * 65, None),
        (b"xsession_id=a", None),
    ],
)
def test_the_session_of_a_socket_is_named_by_its_address(
    query: bytes | None, session: str | None
) -> None:
    assert session_in(query) == session


def test_what_is_large_is_not_read_for_its_members() -> None:
    large = b'{"id":"a","role":"system","content":{"event":"b"},"c":"%b"}' % (b"." * 65_536)
    assert (named_by(large), marked(large)) == (None, large)


@pytest.mark.parametrize(
    ("said", "content"),
    [
        (b'{"type":"user_message","content":{"text":"hi"}}', {"text": "hi"}),
        (b'{"role":"system","content":{"text":"hi"},"metadata":{"safety":1}}', {"text": "hi"}),
        (b'{"text":"hi"}', {"text": "hi"}),
        (b'"hi"', {"text": "hi"}),
        (b"hi", {"text": "hi"}),
        (b"[1]", {"text": "[1]"}),
        (b'{"content":5}', {"text": '{"content":5}'}),
    ],
)
def test_of_another_person_nothing_but_the_content_is_theirs(
    said: bytes, content: dict[str, object]
) -> None:
    """Red where somebody in the session speaks with the role of the service."""
    made = json.loads(Envelope("0123456789ab", "now", "s1").shared(said))
    assert made == {
        "id": "msg_0123456789ab",
        "role": "user",
        "session_id": "s1",
        "content": content,
        "timestamp": "now",
        "metadata": {"shared": True},
    }


@given(st.binary(max_size=40))
def test_whatever_another_says_is_a_message(said: bytes) -> None:
    assert json.loads(Envelope("0", "now", None).shared(said))["role"] == "user"
