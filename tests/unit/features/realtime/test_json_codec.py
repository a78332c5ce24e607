"""JSON: what clients write is read, what they read is as little as they need."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.helpers.client_words import COMMAND, RESULT, Written, in_json
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.codec import Malformed
from tta_gateway.features.realtime.command import (
    Command,
    ConnectRequest,
    ConnectResult,
    HistoryRequest,
    HistoryResult,
    PingRequest,
    PingResult,
    PresenceRequest,
    PresenceResult,
    PresenceStatsRequest,
    PresenceStatsResult,
    PublishRequest,
    PublishResult,
    RefreshRequest,
    RefreshResult,
    Request,
    Result,
    RpcRequest,
    RpcResult,
    SendRequest,
    SubRefreshRequest,
    SubRefreshResult,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribeRequest,
    UnsubscribeResult,
)
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication

CODEC = JsonCodec()
SUBSCRIBE = SubscribeRequest(
    channel="a", token="t", recover=True, position=Position(3, "e"), data=b'{"x": 1}',
    positioned=True, recoverable=True, join_leave=True, delta="fossil", flag=1, kind=2,
    filtered=True,
)  # fmt: skip
WRITTEN = (
    b'{"channel":"a","token":"t","recover":true,"epoch":"e","offset":3,"data":{"x": 1},'
    b'"positioned":true,"recoverable":true,"join_leave":true,"delta":"fossil","flag":1,'
    b'"type":2,"tf":{"op":""}}'
)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        (
            b'"connect":{"token":"t","data":[1],"subs":{"a":%b,"b":null},"name":"js",'
            b'"version":"5","headers":{"h":"v"},"flag":3}' % WRITTEN,
            ConnectRequest(
                token="t",
                data=b"[1]",
                subs={"a": SUBSCRIBE, "b": SubscribeRequest(channel="b")},
                name="js",
                version="5",
                headers={"h": "v"},
            ),
        ),
        (b'"connect":{"token":null,"data":null,"subs":null}', ConnectRequest()),
        (b'"subscribe":%b' % WRITTEN, SUBSCRIBE),
        (b'"subscribe":{"channel":null}', SubscribeRequest()),
        (b'"unsubscribe":{"channel":"a"}', UnsubscribeRequest("a")),
        (b'"publish":{"channel":"a","data":null,"type":1}', PublishRequest("a", b"null", 1)),
        (b'"publish":{"channel":"a","data":"\xc3\xa9"}', PublishRequest("a", b'"\xc3\xa9"')),
        (b'"publish":{}', PublishRequest()),
        (b'"presence":{"channel":"a"}', PresenceRequest("a")),
        (b'"presence_stats":{"channel":"a"}', PresenceStatsRequest("a")),
        (
            b'"history":{"channel":"a","limit":-1,"since":{"offset":3,"epoch":"e"},"reverse":true}',
            HistoryRequest("a", -1, Position(3, "e"), True),
        ),
        (b'"history":{"since":{}}', HistoryRequest("", 0, Position())),
        (b'"history":{}', HistoryRequest()),
        (b'"ping":{}', PingRequest()),
        (b'"send":{"data":[\r1]}', SendRequest(b"[ 1]")),
        (b'"rpc":{"method":"m","data":1}', RpcRequest("m", b"1")),
        (b'"refresh":{"token":"t"}', RefreshRequest("t")),
        (b'"sub_refresh":{"channel":"a","token":"t"}', SubRefreshRequest("a", "t")),
        (b'"unknown":{"a":[{}]},"ping":null', None),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
def test_a_command_is_read(method: bytes, request_: Request | None) -> None:
    assert CODEC.decode(b'{"id":7,%b}' % method) == [Command(7, request_)]


def test_of_several_methods_the_first_of_the_protocol_counts() -> None:
    assert CODEC.decode(b'{"rpc":{},"publish":{},"id":1}') == [Command(1, PublishRequest())]


@pytest.mark.parametrize(
    ("frame", "count"), [(b"{}", 1), (b"{}\n", 1), (b'{}\n{"id":1}', 2), (b"{ }\n{}\n", 2)]
)
def test_a_frame_has_a_command_in_each_line(frame: bytes, count: int) -> None:
    assert len(CODEC.decode(frame)) == count


@pytest.mark.parametrize(
    "frame",
    [
        *(b"", b"\n", b"{}\n\n", b"{}\n\n{}", b"[]", b"null", b"{", b"\xff", b'{"a":"\xff"}'),
        *(b'{"id":-1}', b'{"id":4294967296}', b'{"id":"1"}', b'{"id":1.5}', b'{"id":true}'),
        *(b'{"connect":[]}', b'{"connect":{"token":1}}', b'{"connect":{"headers":{"a":1}}}'),
        *(b'{"subscribe":{"offset":9223372036854775808}}', b'{"subscribe":{"channel":"\\ud800"}}'),
        *(b'{"history":{"limit":2147483648}}', b'{"publish":{"data":nan}}'),
        b'{"publish":{"data":}}',
        b'{"a":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"a":' + b"[" * 60_000,
        b" " * 65_537,
        b"{}\n" * 1025,
    ],
    ids=lambda frame: str(frame[:30]),
)  # fmt: skip
def test_what_is_not_of_the_protocol_is_refused(frame: bytes) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(frame)


@given(
    frame=st.binary(max_size=60)
    | st.text('{}[]",:\\\n 01einull\ud7ff', max_size=60).map(str.encode)
)
@example(frame=b'{"id":1,"publish":{"data":"\\udc00"}}')
def test_nothing_else_is_ever_raised(frame: bytes) -> None:
    try:
        commands = CODEC.decode(frame)
    except Malformed:
        return
    assert commands


@given(commands=st.lists(COMMAND, min_size=1, max_size=4))
def test_what_a_client_writes_is_read_whole(commands: list[Written]) -> None:
    read = CODEC.decode(in_json(*commands))
    assert [each.id for each in read] == [each.get("id", 0) for each in commands]
    for command, written in zip(read, commands, strict=True):
        asked = written.get("publish")
        if isinstance(asked, dict):
            assert isinstance(command.request, PublishRequest)
            assert command.request.channel == asked.get("channel", "")
            assert (json.loads(command.request.data or b"null")) == asked.get("data")


INFO = ClientInfo("u", "c", b'{"a":1}', b"2")
WHOLE = Publication(b'{"x": 1}', 3, INFO, {"k": 'v"'}, 5)
POSITION = Position(9, "e")


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (PublishResult(), '"publish":{}'),
        (UnsubscribeResult(), '"unsubscribe":{}'),
        (PingResult(), '"ping":{}'),
        (SubscribeResult(), '"subscribe":{}'),
        (
            SubscribeResult(
                expires=True, ttl=0, recoverable=True, positioned=True, position=POSITION,
                publications=[WHOLE], recovered=True, was_recovering=True, data=b"1",
            ),
            '"subscribe":{"expires":true,"ttl":0,"recoverable":true,"epoch":"e","offset":9,'
            '"publications":[{"data":{"x": 1},"info":{"user":"u","client":"c",'
            '"conn_info":{"a":1},"chan_info":2},"offset":3,"tags":{"k":"v\\""},"time":5}],'
            '"recovered":true,"positioned":true,"data":1,"was_recovering":true}',
        ),
        (ConnectResult(client=""), '"connect":{"client":""}'),
        (
            ConnectResult(
                client="c", version="v", expires=True, ttl=60, data=b"1",
                subs={"a": SubscribeResult()}, ping=25, pong=True, session="s", node="n", time=4,
            ),
            '"connect":{"client":"c","version":"v","expires":true,"ttl":60,"data":1,'
            '"subs":{"a":{}},"ping":25,"pong":true,"session":"s","node":"n","time":4}',
        ),
        (PresenceResult(), '"presence":{"presence":{}}'),
        (PresenceStatsResult(0, 0), '"presence_stats":{"num_clients":0,"num_users":0}'),
        (
            PresenceResult([ClientInfo("u", "c")]),
            '"presence":{"presence":{"c":{"user":"u","client":"c"}}}',
        ),
        (PresenceStatsResult(2, 1), '"presence_stats":{"num_clients":2,"num_users":1}'),
        (HistoryResult([Publication(b"", 1)], POSITION),
         '"history":{"publications":[{"offset":1}],"epoch":"e","offset":9}'),
        (RpcResult(b'"x"'), '"rpc":{"data":"x"}'),
        (RefreshResult(client="c", version="v", expires=True, ttl=9),
         '"refresh":{"client":"c","version":"v","expires":true,"ttl":9}'),
        (SubRefreshResult(True, 9), '"sub_refresh":{"expires":true,"ttl":9}'),
    ],
)  # fmt: skip
def test_a_reply_says_what_is_not_empty(result: Result, told: str) -> None:
    assert CODEC.reply(7, result).decode() == f'{{"id":7,{told}}}'


@given(result=RESULT)
def test_a_reply_is_json_of_one_line(result: Result) -> None:
    line = CODEC.reply(1, result)
    assert json.loads(line).keys() - {"id"}
    assert b"\n" not in line


def test_a_refusal_says_whether_it_lasts() -> None:
    assert (
        CODEC.refusal(3, codes.INTERNAL)
        == b'{"id":3,"error":{"code":100,"message":"internal server error","temporary":true}}'
    )
    assert (
        CODEC.refusal(3, codes.BAD_REQUEST)
        == b'{"id":3,"error":{"code":107,"message":"bad request"}}'
    )


def test_a_refusal_may_say_where_help_is() -> None:
    help = codes.Help(b'{"title":"x"}', "Somebody listens.")
    refused = replace(codes.TOKEN_EXPIRED, help=help)
    said = b'{"id":1,"error":{"code":109,"message":"token expired","help":{"title":"x"}}}'
    assert CODEC.refusal(1, refused) == said
    in_words = codes.Refused(109, "token expired. Somebody listens.")
    assert ProtobufCodec().refusal(1, refused) == ProtobufCodec().refusal(1, in_words)


def test_who_takes_deltas_is_given_text() -> None:
    told = [
        CODEC.reply(1, SubscribeResult(publications=[Publication(b'{"x":1}', 3)], delta=True)),
        CODEC.change("a", Publication(b'{"x":1}', 3), None),
        CODEC.change("a", Publication(b"unused", 3), b"7\n1:x,"),
    ]
    assert [each.decode() for each in told] == [
        '{"id":1,"subscribe":{"publications":[{"data":"{\\"x\\":1}","offset":3}],"delta":true}}',
        '{"push":{"channel":"a","pub":{"data":"{\\"x\\":1}","offset":3}}}',
        '{"push":{"channel":"a","pub":{"data":"7\\n1:x,","offset":3,"delta":true}}}',
    ]


def test_pushes_name_their_channel() -> None:
    told = [
        CODEC.publication("a", Publication(b"1")),
        CODEC.publication("a", Publication(b"1", 2)),
        CODEC.join_or_leave("a", INFO, joined=True),
        CODEC.join_or_leave("a", ClientInfo(), joined=False),
        CODEC.unsubscribed("a", codes.UNSUBSCRIBED),
        CODEC.subscribed("a", SubscribeResult(recoverable=True, position=POSITION, data=b"1")),
        CODEC.message(b"1"),
        CODEC.disconnected(codes.SHUTDOWN),
        CODEC.disconnected(codes.STALE),
    ]
    assert [each.decode() for each in told] == [
        '{"push":{"channel":"a","pub":{"data":1}}}',
        '{"push":{"channel":"a","pub":{"data":1,"offset":2}}}',
        '{"push":{"channel":"a","join":{"info":{"user":"u","client":"c","conn_info":{"a":1},'
        '"chan_info":2}}}}',
        '{"push":{"channel":"a","leave":{"info":{}}}}',
        '{"push":{"channel":"a","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}',
        '{"push":{"channel":"a","subscribe":{"recoverable":true,"epoch":"e","offset":9,"data":1}}}',
        '{"push":{"message":{"data":1}}}',
        '{"push":{"disconnect":{"code":3001,"reason":"shutdown","reconnect":true}}}',
        '{"push":{"disconnect":{"code":3502,"reason":"stale"}}}',
    ]
    assert CODEC.join([CODEC.ping(), CODEC.ping()]) == b"{}\n{}"
