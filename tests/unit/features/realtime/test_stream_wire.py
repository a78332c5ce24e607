"""Frames in answers, and commands beside them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.realtime.codec import Malformed
from tta_gateway.features.realtime.protobuf_wire import field_data, field_text
from tta_gateway.features.realtime.stream_wire import (
    Sent,
    as_it_is,
    commands_in,
    events,
    lines,
    sent,
)


def test_a_frame_becomes_lines_or_events_or_stays() -> None:
    assert lines(b"1\n2") == b"1\n2\n"
    assert events(b"1\n2") == b"data: 1\n\ndata: 2\n\n"
    assert events(b"{}") == b"data: {}\n\n"
    assert as_it_is(b"\n") == b"\n"


@pytest.mark.parametrize(
    ("query", "commands"),
    [
        (None, b""),
        (b"", b""),
        (b"a=b", b""),
        (b"cf_connect=", b""),
        (b"cf_connect=%7B%22id%22%3A1%7D%0A%7B%7D", b'{"id":1}\n{}'),
        (b"a=b&cf_connect=1&cf_connect=%22%c3%a9%22+2", '"é" 2'.encode()),
        (b"cf_connect=%ff", "\ufffd".encode()),
    ],
)
def test_a_query_brings_commands(query: bytes | None, commands: bytes) -> None:
    assert commands_in(query) == commands


@given(st.text(min_size=1, max_size=64), st.text(max_size=64), st.text())
def test_what_is_sent_says_whose_it_is_in_either_codec(session: str, node: str, data: str) -> None:
    body = json.dumps({"session": session, "node": node, "data": data, "more": [1]}).encode()
    assert sent(body, is_binary=False) == Sent(session, node, data.encode())
    packed = field_text(1, node) + field_text(2, session) + field_data(3, data.encode())
    assert sent(packed, is_binary=True) == Sent(session, node, data.encode())


@pytest.mark.parametrize(
    ("body", "is_binary"),
    [
        (b"", False),
        (b"", True),
        (b"{}", False),
        (b"[]", False),
        (b"\xff", False),
        (b'{"session":1}', False),
        (b'{"session":"a","data":{}}', False),
        (b'{"session":"a","more":"\xff"}', False),
        (b"[" * 100_000, False),
        (b'{"session":"' + b"a" * 65 + b'"}', False),
        (b'{"session":"a","node":"' + b"a" * 65 + b'"}', False),
        (b"\x12\x05a", True),
        (b"\x12\x01\xff", True),
        (b"\x0a\x01a", True),
    ],
)
def test_what_is_of_neither_form_is_refused(body: bytes, *, is_binary: bool) -> None:
    with pytest.raises(Malformed):
        sent(body, is_binary=is_binary)


@given(st.binary(max_size=40), st.booleans())
def test_whatever_comes_is_read_or_refused(body: bytes, is_binary: bool) -> None:
    try:
        told = sent(body, is_binary=is_binary)
    except Malformed:
        return
    assert told.session
