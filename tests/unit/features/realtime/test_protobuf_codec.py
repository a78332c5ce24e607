"""Protocol Buffers: their own library reads what is written, and both codecs agree."""

import json
from typing import Final

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import client_schema
from tests.helpers.client_schema import Json
from tests.helpers.client_words import (
    COMMAND,
    DISCONNECTED,
    EVERY_COMMAND,
    EVERY_RESULT,
    INFO,
    NAME,
    PUBLICATION,
    REFUSED,
    RESULT,
    SUBSCRIBED,
    UNSUBSCRIBED,
    Written,
    in_json,
    in_protobuf,
)
from tta_gateway.features.realtime.codec import Malformed
from tta_gateway.features.realtime.codes import Disconnection, Refused, Unsubscription
from tta_gateway.features.realtime.command import Result, SubscribeResult
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.publication import ClientInfo, Publication

JSON: Final = JsonCodec()
CODEC: Final = ProtobufCodec()


def _plain(told: Json) -> Json:
    """Return what says something: a ttl of 0 is written in JSON, and an empty client too."""
    if not isinstance(told, dict):
        return told
    kept = {name: value for name, value in told.items() if not _is_default(name, value)}
    return {name: value if name in _DATA else _inner(value) for name, value in kept.items()}


def _inner(value: Json) -> Json:
    return [_plain(each) for each in value] if isinstance(value, list) else _plain(value)


def _is_default(name: str, value: Json) -> bool:
    return (name in _NUMBERS and value == 0) or (name == "client" and value == "")


_NUMBERS: Final = {"ttl", "num_clients", "num_users"}
_DATA: Final = {"data", "conn_info", "chan_info", "tags"}


def both(in_json: bytes, in_protobuf: bytes) -> None:
    """Compare one message of each; that nobody is there is said in JSON alone."""
    told = json.loads(in_json)
    if told.get("presence") == {"presence": {}}:
        told["presence"] = {}
    assert [_plain(told)] == [_plain(each) for each in replies(in_protobuf)]


def replies(frame: bytes) -> list[dict[str, Json]]:
    return client_schema.replies(frame)


@given(commands=st.lists(COMMAND, min_size=1, max_size=4))
def test_both_codecs_read_the_same_of_the_same(commands: list[Written]) -> None:
    assert CODEC.decode(in_protobuf(*commands)) == JSON.decode(in_json(*commands))


@given(number=st.integers(1, 2**32 - 1), result=RESULT)
def test_both_codecs_reply_the_same(number: int, result: Result) -> None:
    both(JSON.reply(number, result), CODEC.reply(number, result))


@given(refused=REFUSED, why=UNSUBSCRIBED, end=DISCONNECTED)
def test_both_codecs_refuse_and_end_alike(
    refused: Refused, why: Unsubscription, end: Disconnection
) -> None:
    both(JSON.refusal(1, refused), CODEC.refusal(1, refused))
    both(JSON.unsubscribed("a", why), CODEC.unsubscribed("a", why))
    both(JSON.disconnected(end), CODEC.disconnected(end))


@given(channel=NAME, publication=PUBLICATION, info=INFO, result=SUBSCRIBED, joined=st.booleans())
def test_both_codecs_push_the_same(
    channel: str, publication: Publication, info: ClientInfo, result: SubscribeResult, joined: bool
) -> None:
    both(JSON.publication(channel, publication), CODEC.publication(channel, publication))
    told = JSON.join_or_leave(channel, info, joined=joined)
    both(told, CODEC.join_or_leave(channel, info, joined=joined))
    both(JSON.subscribed(channel, result), CODEC.subscribed(channel, result))
    both(JSON.message(publication.data), CODEC.message(publication.data))


def test_both_codecs_know_every_command() -> None:
    assert CODEC.decode(in_protobuf(*EVERY_COMMAND)) == JSON.decode(in_json(*EVERY_COMMAND))


@pytest.mark.parametrize("result", EVERY_RESULT, ids=lambda result: type(result).__name__)
def test_both_codecs_know_every_result(result: Result) -> None:
    both(JSON.reply(7, result), CODEC.reply(7, result))


def test_who_takes_deltas_is_given_them_as_they_are() -> None:
    publication = Publication(b"[1]", 3)
    assert CODEC.change("a", publication, None) == CODEC.publication("a", publication)
    (told,) = replies(CODEC.change("a", publication, b"2"))
    assert told == {"push": {"channel": "a", "pub": {"data": 2, "offset": 3, "delta": True}}}


def test_a_ping_is_an_empty_message() -> None:
    assert replies(CODEC.join([CODEC.ping(), CODEC.ping()])) == [{}, {}]


@pytest.mark.parametrize(
    ("frame", "wrong"),
    [
        (b"", "empty"),
        (b"\x02\x08", "ends behind"),
        (b"\x80", "does not end"),
        (b"\x00" * 1025, "more commands"),
        (b"\x00" * 65_537, "larger"),
        (b"\x06\x08\x80\x80\x80\x80\x10", "an id"),
        (b"\x0d\x2a\x0b\x38" + b"\xff" * 9 + b"\x01", "an offset"),
        (in_protobuf({"publish": {"data": 1}}).replace(b"1", b"{"), "not JSON"),
        (in_protobuf({"publish": {"channel": "a"}}).replace(b"a", b"\xff"), "not UTF-8"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(frame: bytes, wrong: str) -> None:
    with pytest.raises(Malformed, match=wrong):
        CODEC.decode(frame)


@given(frame=st.binary(max_size=40))
def test_whatever_comes_is_read_as_the_library_reads_it_or_refused(frame: bytes) -> None:
    try:
        read = CODEC.decode(frame)
    except Malformed:
        return
    try:
        told = client_schema.commands(frame)
    except (DecodeError, ValueError):
        return  # of what is read over, the library knows more
    assert [each.id for each in read] == [each.get("id", 0) for each in told]
