"""One connection: who may ask what and when, and when it ends."""

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.client_schema import Json
from tests.helpers.client_words import COMMAND, Written, in_json
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.backlog import LARGEST, Message
from tta_gateway.features.realtime.command import (
    ConnectRequest,
    ConnectResult,
    PublishRequest,
    PublishResult,
    RefreshRequest,
    RpcResult,
    SendRequest,
    SubscribeRequest,
    SubscribeResult,
)
from tta_gateway.features.realtime.ear import HELP
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.publication import Publication
from tta_gateway.features.realtime.session import Session, State, Subscription, Terms

CONNECT: Final[Written] = {"id": 1, "connect": {}}
CONNECTED: Final = ConnectResult(client="c", ping=25, pong=True)


def a_session(**terms: float) -> Session:
    return Session(JsonCodec(), "c", terms=Terms(**terms), now=100.0, chance=0.5)  # type: ignore[arg-type]


def connected(**terms: float) -> Session:
    session = a_session(**terms)
    session.receive(in_json(CONNECT))
    assert session.next() is not None
    session.connected(CONNECTED, now=100.0)
    said(session)
    return session


def said(session: Session) -> list[Json]:
    out: list[Json] = []
    while frame := session.take():
        out += [json.loads(line) for line in frame.split(b"\n")]
    return out


def asked(session: Session, *commands: Written) -> list[Json]:
    """Send commands, carry out nothing, and return what is answered."""
    session.receive(in_json(*commands))
    assert session.next() is None
    return said(session)


def calls(first: int, end: int) -> list[Written]:
    return [{"id": number, "rpc": {}} for number in range(first, end)]


def end(session: Session) -> codes.Disconnection | None:
    return session.closing


def subscribed(
    session: Session, channel: str, *, ttl: int = 0, is_ours: bool = False
) -> Subscription:
    subscription = Subscription(session, channel, is_ours=is_ours)
    session.subscribe(subscription, SubscribeResult(expires=ttl > 0, ttl=ttl), now=100.0)
    return subscription


def test_connect_comes_first_and_what_is_behind_it_waits() -> None:
    session = a_session()
    session.receive(in_json(CONNECT, {"id": 2, "subscribe": {"channel": "a"}}))
    first = session.next()
    assert first is not None
    assert isinstance(first.request, ConnectRequest)
    assert session.state is State.CONNECTING
    assert session.next() is None
    session.connected(CONNECTED, now=100.0)
    second = session.next()
    assert second is not None
    assert isinstance(second.request, SubscribeRequest)
    session.reply(SubscribeResult())
    assert said(session) == [
        {"id": 1, "connect": {"client": "c", "ping": 25, "pong": True}},
        {"id": 2, "subscribe": {}},
    ]


@pytest.mark.parametrize(
    "frame",
    [b"", b"x", b"{}", b'{"id":1,"ping":{}}', b'{"connect":{}}', b'{"id":1}', b'{"send":{}}'],
)
def test_whoever_does_not_connect_first_is_turned_away(frame: bytes) -> None:
    session = a_session()
    session.receive(frame)
    assert session.next() is None
    assert session.closing == codes.MALFORMED


def test_nobody_connects_twice() -> None:
    session = connected()
    assert asked(session, {"id": 2, "connect": {}}) == []
    assert session.closing == codes.MALFORMED


def test_what_was_answered_before_an_error_is_still_said() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "ping": {}}, {"id": 3, "connect": {}}, {"id": 4, "ping": {}}))
    assert session.next() is None
    assert said(session) == [{"id": 2, "ping": {}}]
    assert session.closing == codes.MALFORMED


def test_who_may_not_connect_is_told_and_heard_no_more_until_it_is_stale() -> None:
    session = a_session()
    session.receive(in_json(CONNECT, {"id": 2, "ping": {}}))
    session.next()
    session.refuse(codes.TOKEN_EXPIRED)
    assert asked(session, {"id": 3, "ping": {}}) == [
        {"id": 1, "error": {"code": 109, "message": "token expired"}}
    ]
    assert end(session) is None
    assert session.due(110.0) == []
    assert session.closing == codes.STALE


def test_whoever_says_nothing_is_stale() -> None:
    session = a_session()
    assert session.next_due == 110.0
    session.due(109.9)
    assert end(session) is None
    session.due(110.0)
    assert session.closing == codes.STALE
    assert session.next_due == float("inf")


def test_who_is_not_answered_in_time_may_come_back() -> None:
    """Red without `_overdue`: what is stale is final, and it is not the client who says nothing."""
    session = a_session()
    session.receive(in_json(CONNECT))
    assert session.next() is not None
    session.due(109.9)
    assert end(session) is None
    session.due(110.0)
    assert end(session) == codes.SERVER_ERROR
    assert not codes.SERVER_ERROR.is_final


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (codes.INTERNAL, codes.SERVER_ERROR),
        (codes.TOO_MANY_REQUESTS, codes.SERVER_ERROR),
        (codes.PERMISSION_DENIED, codes.STALE),
    ],
)
def test_who_was_refused_for_a_moment_only_is_not_ended_for_good(
    refused: codes.Refused, why: codes.Disconnection
) -> None:
    """Red without the look at `temporary` in `refuse`."""
    session = a_session()
    session.receive(in_json(CONNECT))
    session.next()
    session.refuse(refused)
    session.due(110.0)
    assert end(session) == why


HELP_OF_C: Final = codes.Help(b'{"title":"x"}', "words", ("call 988",))


def helped() -> Session:
    session = a_session()
    session.helps = lambda client: HELP_OF_C if client == "c" else codes.NO_HELP
    return session


def test_who_may_not_connect_is_told_where_help_is() -> None:
    session = helped()
    session.receive(in_json(CONNECT))
    session.next()
    session.refuse(codes.TOKEN_EXPIRED)
    error = {"code": 109, "message": "token expired", "help": {"title": "x"}}
    assert said(session) == [{"id": 1, "error": error}]
    session.due(110.0)
    assert end(session) == codes.Disconnection(3502, "stale. call 988")


@pytest.mark.parametrize("asks", [False, True])
def test_who_is_ended_before_they_are_connected_is_told_where_help_is(asks: bool) -> None:
    session = helped()
    if asks:
        session.receive(in_json(CONNECT))
        session.next()
    session.close(codes.INVALID_TOKEN)
    session.close(codes.STALE)
    assert end(session) == codes.Disconnection(3500, "invalid token. call 988")


def test_who_is_connected_hears_of_errors_what_they_always_did() -> None:
    session = helped()
    session.receive(in_json(CONNECT))
    session.next()
    session.connected(CONNECTED, now=100.0)
    session.receive(in_json({"id": 2, "publish": {**IN_A, "data": 1}}))
    session.next()
    session.refuse(codes.PERMISSION_DENIED)
    error = {"code": 103, "message": "permission denied"}
    assert said(session)[-1] == {"id": 2, "error": error}
    session.close(codes.INVALID_TOKEN)
    assert end(session) == codes.INVALID_TOKEN


A: Final[Json] = {"channel": "a"}
IN_A: Final[Written] = {"channel": "a"}


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ({}, 104),
        ({"subscribe": {"channel": ""}}, 107),
        ({"publish": {"channel": "é" * 128, "data": 1}}, 107),
        ({"subscribe": {**IN_A, "type": 1}}, 108),
        ({"subscribe": {**IN_A, "tf": {}}}, 108),
        ({"subscribe": {"channel": "in"}}, 105),
        ({"subscribe": {"channel": "one too many"}}, 106),
        ({"publish": A}, 107),
        ({"publish": {**IN_A, "data": 1, "type": 1}}, 108),
        ({"presence": {}}, 107),
        ({"presence_stats": {}}, 107),
        ({"history": {}}, 107),
        ({"refresh": {}}, 107),
        ({"sub_refresh": {**IN_A, "type": 1}}, 108),
        ({"sub_refresh": A}, 103),
        ({"subscribe": {"channel": "!inbox:u"}}, 103),
        ({"publish": {"channel": "!inbox:u", "data": 1}}, 103),
    ],
)
def test_what_cannot_be_is_refused_without_asking_anybody(command: Written, answer: int) -> None:
    session = connected(channels=1)
    subscribed(session, "in")
    (told,) = asked(session, {"id": 5, **command})
    assert isinstance(told, dict)
    assert isinstance(told["error"], dict)
    assert told["error"]["code"] == answer
    assert end(session) is None


@pytest.mark.parametrize(
    ("command", "answer"),
    [({"ping": {}}, {"ping": {}}), ({"unsubscribe": A}, {"unsubscribe": {}})],
)
def test_what_needs_nobody_is_answered_at_once(command: Written, answer: Written) -> None:
    assert asked(connected(), {"id": 5, **command}) == [{"id": 5, **answer}]


@pytest.mark.parametrize(
    "command",
    [
        {"id": 2, "unsubscribe": {"channel": "in"}},
        {"id": 2, "subscribe": {"channel": "x" * 255, "flag": 1}},
        {"id": 2, "sub_refresh": {"channel": "in"}},
        {"id": 2, "refresh": {"token": "t"}},
        {"id": 2, "history": A},
        {"id": 2, "rpc": {}},
        {"send": {"data": 1}},
    ],
)
def test_the_rest_is_for_others(command: Written) -> None:
    session = connected()
    subscribed(session, "in")
    session.receive(in_json(command))
    assert session.next() is not None
    assert said(session) == []


def test_what_is_sent_has_no_answer() -> None:
    session = connected()
    session.receive(in_json({"send": {"data": 1}}, {"id": 3, "ping": {}}))
    sent = session.next()
    assert sent is not None
    assert sent.request == SendRequest(b"1")
    session.done()
    assert session.next() is None
    assert said(session) == [{"id": 3, "ping": {}}]


def test_what_is_sent_is_not_refused_either() -> None:
    session = connected()
    session.receive(in_json({"send": {"data": 1}}))
    assert session.next() is not None
    session.refuse(codes.INTERNAL)
    assert (said(session), session.next()) == ([], None)


def test_an_answer_after_the_end_is_dropped() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "rpc": {}}))
    assert session.next() is not None
    session.leave()
    session.reply(RpcResult())
    session.refuse(codes.INTERNAL)
    session.connected(CONNECTED, now=100.0)
    session.receive(in_json({"id": 3, "ping": {}}))
    assert session.next() is None
    assert not session.push(Message(b"{}"))
    assert (session.due(1e9), said(session), session.closing) == ([], [], None)


def test_pings_begin_somewhere_in_the_second_half_and_go_on() -> None:
    session = connected()
    assert session.next_due == 100.0 + 25 * 0.75
    session.due(118.75)
    assert said(session) == [{}]
    assert session.next_due == 126.75
    session.receive(b"{}")
    session.due(126.75)
    assert end(session) is None
    session.due(143.75)
    assert said(session) == [{}]


def test_who_does_not_answer_a_ping_is_gone() -> None:
    session = connected()
    session.due(118.75)
    session.due(126.75)
    assert session.closing == codes.NO_PONG


def test_who_answers_no_ping_is_turned_away() -> None:
    session = connected()
    session.receive(b"{}")
    assert session.closing == codes.MALFORMED


def test_a_pong_is_heard_though_a_command_is_under_way() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "rpc": {}}, {"id": 3, "rpc": {}}))
    assert session.next() is not None
    session.due(118.75)
    session.receive(b"{}")
    session.due(130.0)
    assert end(session) is None


def test_whom_we_do_not_read_may_have_answered() -> None:
    session = connected()
    session.receive(in_json(*calls(2, 80)))
    assert session.next() is not None
    assert session.is_full()
    session.due(118.75)
    session.due(126.75)
    assert end(session) is None
    assert session.next_due == 134.75


def test_no_pings_where_the_socket_has_its_own() -> None:
    assert connected(ping=0).next_due == float("inf")


def test_a_client_with_many_commands_is_read_no_further_until_few_are_left() -> None:
    session = connected()
    session.receive(in_json(*calls(2, 70)))
    full = [session.is_full()]
    while session.next() is not None:
        session.reply(RpcResult())
        full.append(session.is_full())
    assert full[0]
    assert full.count(True) == 52  # until sixteen are left
    assert full == sorted(full, reverse=True)


def test_a_session_ends_a_grace_after_its_token() -> None:
    session = a_session(ping=0)
    session.receive(in_json(CONNECT))
    session.next()
    session.connected(ConnectResult(client="c", expires=True, ttl=60), now=100.0)
    assert session.next_due == 185.0
    session.lasts(60, now=180.0)
    session.due(185.0)
    assert end(session) is None
    session.due(265.0)
    assert session.closing == codes.CONNECTION_EXPIRED


def test_a_subscription_ends_a_grace_after_its_token() -> None:
    session = connected(ping=0)
    short, long = subscribed(session, "a", ttl=60), subscribed(session, "b")
    assert (session.next_due, long.ends) == (185.0, float("inf"))
    assert session.due(184.0) == []
    session.extend(short, 100, now=184.0)
    assert session.due(185.0) == []
    assert session.next_due == 309.0
    assert session.due(309.0) == [short]


def test_who_is_unsubscribed_is_told_why() -> None:
    session = connected()
    subscribed(session, "a")
    subscribed(session, "b")
    assert session.unsubscribe("a", codes.INSUFFICIENT_STATE)
    assert not session.unsubscribe("b")
    assert not session.unsubscribe("c", codes.UNSUBSCRIBED)
    assert said(session) == [
        {"push": {"channel": "a", "unsubscribe": {"code": 2500, "reason": "insufficient state"}}}
    ]
    assert session.subscriptions == {}


def test_who_is_slow_loses_nothing_but_the_connection() -> None:
    session = connected()
    first, *more = [session.push(Message(b"x" * 1000)) for _ in range(LARGEST // 1000 + 1)]
    assert first
    assert not any(more)
    assert end(session) is None
    assert session.push(Message(b"x"))
    assert session.closing == codes.SLOW
    assert session.take() == b""


def test_how_much_may_wait_is_a_term() -> None:
    session = connected(queue=3000)
    for _ in range(3):
        session.push(Message(b"x" * 1000))
    assert end(session) is None
    session.push(Message(b"x"))
    assert session.closing == codes.SLOW


def test_one_message_however_large_makes_nobody_slow() -> None:
    session = connected()
    session.push(Message(b"x" * LARGEST * 2))
    assert len(session.take()) == LARGEST * 2
    assert session.push(Message(b"x"))
    assert end(session) is None


def test_whether_there_is_more_to_do_is_known_without_doing_it() -> None:
    session = connected()
    assert not session.has_more()
    session.receive(in_json({"id": 2, "rpc": {}}))
    assert session.has_more()


def test_who_does_not_read_answers_is_given_no_more() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "rpc": {}}, {"id": 3, "rpc": {}}))
    assert session.next() is not None
    session.reply(RpcResult(b'"%b"' % (b"x" * LARGEST)))
    assert session.next() is None
    said(session)
    assert session.next() is not None


def test_an_answer_to_subscribe_keeps_its_place_in_the_channel() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "subscribe": A}, {"id": 3, "rpc": {}}))
    assert session.next() is not None
    session.reply(SubscribeResult())
    session.push(Message(b'"other"', "b"))
    session.push(Message(b'"crisis"', "a", urgent=True))
    assert said(session) == [{"id": 2, "subscribe": {}}, "crisis", "other"]


HELP_BEGINS: Final[Json] = {"push": {"channel": HELP, "subscribe": {}}}


def help_card(data: Json) -> Json:
    return {"push": {"channel": HELP, "pub": {"data": data}}}


def test_help_overtakes_what_waits_and_its_channel_begins_once() -> None:
    session = connected()
    session.push(Message(b'"other"', "a"))
    session.help(Publication(b'"first"'))
    session.help(Publication(b'"second"'))
    assert said(session) == [HELP_BEGINS, help_card("first"), help_card("second"), "other"]


def test_help_comes_however_much_waits() -> None:
    session = connected(queue=1000)
    session.push(Message(b'"%b"' % (b"x" * 1000), "a"))
    session.help(Publication(b'"card"'))
    assert end(session) is None
    assert said(session)[:2] == [HELP_BEGINS, help_card("card")]


def test_help_for_who_is_about_to_connect_comes_behind_the_answer() -> None:
    session = a_session()
    session.receive(in_json(CONNECT))
    session.next()
    session.help(Publication(b'"card"'))
    assert said(session) == []
    session.connected(CONNECTED, now=100.0)
    assert said(session) == [
        {"id": 1, "connect": {"client": "c", "ping": 25, "pong": True}},
        HELP_BEGINS,
        help_card("card"),
    ]


def test_who_is_gone_is_given_no_help() -> None:
    session = connected()
    session.leave()
    session.help(Publication(b'"card"'))
    assert said(session) == []


def test_of_the_commands_that_wait_those_that_were_listened_to_are_known() -> None:
    session = connected()
    session.receive(in_json(*calls(2, 5)))
    assert session.next() is not None
    first, second = session.unheard()
    assert (first.id, second.id) == (3, 4)
    session.hearings[id(first)] = None
    assert session.unheard() == [second]


def test_what_is_said_of_a_session_does_not_say_who_it_is() -> None:
    session = connected()
    session.user = "somebody"
    assert repr(session) == "<session connected, 0 channels, 0 commands and 0 bytes wait>"
    info = Subscription(session, "a", about=b"1").info
    assert (info.user, info.client, info.about_subscription) == ("somebody", "c", b"1")


@given(frames=st.lists(st.lists(COMMAND, min_size=1, max_size=4), max_size=6), stop=st.booleans())
def test_commands_are_carried_out_one_by_one_in_their_order(
    frames: list[list[Written]], stop: bool
) -> None:
    session = connected()
    carried: list[int] = []
    for frame in frames:
        session.receive(in_json(*frame))
        while (command := session.next()) is not None:
            carried.append(command.id)
            assert session.next() is None
            if isinstance(command.request, SubscribeRequest) and stop:
                session.refuse(codes.INTERNAL)
            elif isinstance(command.request, SendRequest):
                session.done()
            else:
                session.reply(PublishResult())
    ids = iter([each.get("id", 0) for frame in frames for each in frame])
    assert all(number in ids for number in carried)  # each behind the one before it


def test_what_others_carry_out_is_as_it_was_asked() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "publish": {"channel": "a", "data": {"x": 1}}}))
    command = session.next()
    assert command is not None
    assert command.request == PublishRequest("a", b'{"x":1}')
    session.reply(PublishResult())
    session.receive(in_json({"id": 3, "refresh": {"token": "t"}}))
    refresh = session.next()
    assert refresh is not None
    assert refresh.request == RefreshRequest("t")


def test_what_comes_too_late_is_left_undone() -> None:
    session = connected()
    session.receive(in_json({"id": 2, "rpc": {}}))
    publish: Written = {"id": 3, "publish": {"channel": "a", "data": 1}}
    session.leave_undone(in_json(publish))
    session.leave_undone(b"{}")
    session.leave_undone(b"no JSON")
    assert [one.id for one in session.left] == [3]
    assert (session.next() is not None, session.closing) == (True, None)
