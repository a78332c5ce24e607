"""A WebSocket whose messages policies look at: through, changed by nobody, held, refused, ended."""

import asyncio
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.builders import Bound, a_route
from tests.helpers.fake_transport import HIGH_WATER, FakeTransport
from tests.helpers.paper_gateway import Open, PaperGateway, paper_gateways, statuses
from tests.helpers.sayings import Words
from tests.helpers.socket_talk import MASK, Heard, OnPaper
from tta_gateway.edge.inspected import LARGEST
from tta_gateway.features.chat.policy import Chat
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.problem import UPSTREAM_BUSY, WEBSOCKET_MALFORMED
from tta_gateway.kernel.route import Sockets
from tta_gateway.kernel.said import Need, Said
from tta_gateway.kernel.said import Talk as SocketTalk
from tta_gateway.pipeline.conversation import IN_A_ROW
from tta_gateway.wire.socket_codec import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    SocketLimits,
    SocketReader,
    framed,
)
from tta_gateway.wire.socket_deflate import agree
from tta_gateway.wire.socket_endpoint import SocketEndpoint

ASK = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
LARGE = SocketLimits(frame=1 << 22, message=1 << 22)


class Policy:
    """What looks at messages: keeps them, and answers as it is told."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.answers: dict[bytes, Answer] = {}
        self.waits: dict[bytes, asyncio.Future[Answer]] = {}
        self.changes: dict[bytes, bytes] = {}
        self.tells: dict[bytes, bytes] = {}
        self.informs: dict[bytes, bytes] = {}
        self.talk: SocketTalk | None = None
        self.need: Need | None = None

    def look(self, _: Exchange, said: Said) -> object:
        message, said.need = said.data, self.need
        self.seen.append(message)
        if message == b"fault":
            raise ValueError("a fault of the policy")
        self.talk = said.talk
        if message in self.tells:
            said.talk.tell(self.tells[message], is_text=True)
        if message in self.informs:
            assert said.talk.inform(self.informs[message])
        said.data = self.changes.get(message, message)
        return self.waits.get(message, self.answers.get(message))


class Talk:
    """A client and a service, and what each hears of the other."""

    def __init__(self, gateway: PaperGateway, policy: Policy, early: bytes = b"") -> None:
        self.gateway, self.policy = gateway, policy
        self.client, self.service = gateway.asking(ASK)
        self.asked = self.service.take()
        if early:
            self.client.feed(early)
        self.service.feed(SWITCHED)
        head, _, rest = self.client.take().partition(b"\r\n\r\n")
        assert statuses(head) == [101]
        self.client.sent = rest
        self._client = SocketReader(is_server=False, limits=LARGE, streams=True)
        self._service = SocketReader(is_server=True, limits=LARGE, streams=True)

    @property
    def client_hears(self) -> list[Heard]:
        return OnPaper(self._client).hear([self.client.take()])

    @property
    def service_hears(self) -> list[Heard]:
        return OnPaper(self._service).hear([self.service.take()])

    def reads(self) -> tuple[bool, bool]:
        """Tell whether the client is read, and the service."""
        return self.client.reading, self.service.reading

    def turn(self) -> None:
        self.gateway.loop.run_ready()


def said(opcode: int, data: bytes = b"", *, final: bool = True) -> bytes:
    return framed(opcode, data, mask=MASK, final=final)


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def talk(build: Open, policy: Policy) -> Talk:
    return Talk(build(policies=[Bound(on_message=policy.look)]), policy)


def test_a_service_is_offered_no_compression(talk: Talk) -> None:
    assert b"sec-websocket-key" in talk.asked.lower()
    assert b"extensions" not in talk.asked.lower()


def test_messages_go_through_when_they_have_been_looked_at(talk: Talk) -> None:
    talk.client.feed(said(TEXT, b"he", final=False), said(CONTINUATION, b"llo"), said(TEXT, b"!"))
    assert talk.policy.seen == [b"hello", b"!"]
    assert talk.service_hears == [("text", b"hello"), ("text", b"!")]
    talk.service.feed(framed(TEXT, b"a", final=False))
    assert talk.client_hears == [("part", "text", b"a", True, False)]
    assert talk.policy.seen == [b"hello", b"!"]


def test_what_came_before_the_answer_is_looked_at_too(build: Open, policy: Policy) -> None:
    gateway = build(policies=[Bound(on_message=policy.look)])
    talk = Talk(gateway, policy, early=said(TEXT, b"early"))
    assert talk.service_hears == [("text", b"early")]
    assert policy.seen == [b"early"]


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (answer_of(WEBSOCKET_MALFORMED), 1008, b"websocket_malformed"),
        (Refusal(answer_of(WEBSOCKET_MALFORMED)), 1008, b"websocket_malformed"),
        (answer_of(UPSTREAM_BUSY), 1013, b"upstream_limit_reached"),
        (Response(429), 1013, b"refused"),
        (Response(403), 1008, b"refused"),
    ],
)
def test_what_a_policy_refuses_ends_it(
    talk: Talk, answer: Answer, code: int, reason: bytes
) -> None:
    talk.policy.answers[b"bad"] = answer
    talk.client.feed(said(TEXT, b"good") + said(TEXT, b"bad") + said(TEXT, b"late"))
    assert talk.service_hears == [("text", b"good"), ("close", 1001, reason)]
    assert talk.client_hears == [("close", code, reason)]
    assert talk.policy.seen == [b"good", b"bad", b"late"]  # which may be somebody's need
    talk.gateway.wait(11.0)
    assert (talk.client.lost, talk.service.lost) == (True, True)


def test_what_a_policy_fails_at_does_not_pass(talk: Talk) -> None:
    talk.client.feed(said(TEXT, b"fault"))
    assert talk.service_hears == [("close", 1001, b"internal")]
    assert talk.client_hears == [("close", 1011, b"internal")]
    assert [type(error) for error in talk.gateway.reported] == [ValueError]
    talk.gateway.reported.clear()


@pytest.mark.parametrize("ends", ["passes", "refused", "fails"])
def test_a_policy_may_take_its_time(talk: Talk, ends: str) -> None:
    slow: asyncio.Future[Answer] = talk.gateway.loop.create_future()
    talk.policy.waits[b"slow"] = slow
    talk.client.feed(said(TEXT, b"slow") + said(TEXT, b"next"))
    talk.turn()
    assert talk.reads() == (False, True)
    assert talk.service_hears == []
    talk.service.feed(framed(TEXT, b"meanwhile"))
    assert talk.client_hears == [("text", b"meanwhile")]
    if ends == "fails":
        slow.set_exception(ValueError())
    else:
        slow.set_result(None if ends == "passes" else answer_of(WEBSOCKET_MALFORMED))
    talk.turn()
    heard = talk.service_hears
    if ends == "passes":
        assert heard == [("text", b"slow"), ("text", b"next")]
        assert talk.reads() == (True, True)
        return
    assert [one[:2] for one in heard] == [("close", 1001)]
    assert talk.client_hears[0][1] == (1008 if ends == "refused" else 1011)
    talk.gateway.reported.clear()


@pytest.mark.parametrize("ends_its_half", [True, False])
@pytest.mark.parametrize("passes", [True, False])
def test_what_somebody_said_who_has_gone_still_counts(
    talk: Talk, passes: bool, ends_its_half: bool
) -> None:
    slow: asyncio.Future[Answer] = talk.gateway.loop.create_future()
    talk.policy.waits[b"slow"] = slow
    talk.client.feed(said(TEXT, b"slow") + said(TEXT, b"next"))
    talk.turn()
    if ends_its_half:
        talk.client.protocol.eof_received()
    else:
        talk.client.lose()
    talk.turn()
    assert talk.service_hears == []
    slow.set_result(None if passes else answer_of(WEBSOCKET_MALFORMED))
    talk.turn()
    if passes:
        assert talk.service_hears == [
            ("text", b"slow"),
            ("text", b"next"),
            ("close", 1001, b"the client has gone"),
        ]
    else:
        assert talk.service_hears == [("close", 1001, b"websocket_malformed")]
    talk.gateway.wait(6.0)
    assert talk.service.lost


def test_all_that_somebody_said_who_has_gone_still_counts(talk: Talk) -> None:
    talk.client.feed(said(TEXT, b"x") * 200)
    talk.client.lose()
    talk.turn()
    heard = talk.service_hears
    assert heard == [*[("text", b"x")] * 200, ("close", 1001, b"the client has gone")]
    assert talk.service.ended


def test_closes_go_through_and_both_sides_end(talk: Talk) -> None:
    talk.client.feed(said(CLOSE, b"\x0f\xa0bye"))
    assert talk.service_hears == [("close", 4000, b"bye")]
    assert talk.client_hears == [("close", 4000, b"bye")]
    talk.service.feed(framed(CLOSE, b"\x0f\xa0"))
    assert talk.client.ended
    assert talk.service.ended
    talk.client.end()
    talk.service.end()
    talk.turn()
    assert (talk.client.lost, talk.service.lost) == (True, True)
    assert len(talk.gateway.finished) == 1


def test_a_client_that_is_cut_off(talk: Talk) -> None:
    talk.client.feed(said(TEXT, b"half")[:7])
    talk.client.lose()
    assert talk.service_hears == [("close", 1001, b"the client has gone")]
    talk.gateway.wait(6.0)
    assert talk.service.lost


def test_a_service_that_is_cut_off(talk: Talk) -> None:
    talk.service.lose()
    talk.turn()
    assert talk.client_hears == [("close", 1012, b"the service has gone: connect again")]
    talk.client.feed(said(TEXT, b"late"), said(CLOSE, b"\x03\xf4"))
    talk.client.end()
    talk.turn()
    assert talk.client.lost


@pytest.mark.parametrize("which", ["client", "service"])
def test_a_side_that_ends_its_half_without_a_word(talk: Talk, which: str) -> None:
    side: FakeTransport = getattr(talk, which)
    side.end()
    talk.turn()
    heard = talk.service_hears if which == "client" else talk.client_hears
    assert [one[:2] for one in heard] == [("close", 1001 if which == "client" else 1012)]
    talk.gateway.wait(11.0)
    assert talk.client.lost


def test_the_gateway_goes(talk: Talk) -> None:
    talk.gateway.guests.drain()
    reason = b"the gateway is going away: connect again"
    assert talk.client_hears == [("close", 1012, reason)]
    assert talk.service_hears == [("close", 1001, reason)]


def test_pings_are_for_the_other_side(talk: Talk) -> None:
    talk.client.feed(said(PING, b"?"))
    assert (talk.service_hears, talk.client_hears) == ([("ping", b"?")], [])
    talk.service.feed(framed(PONG, b"?"))
    assert talk.client_hears == [("pong", b"?")]


def test_whoever_does_not_keep_up_is_waited_for(talk: Talk) -> None:
    talk.client.get_stuck()
    talk.service.feed(framed(TEXT, bytes(HIGH_WATER + 1)))
    assert talk.reads() == (True, False)
    talk.client.get_unstuck()
    talk.turn()
    assert talk.reads() == (True, True)
    talk.service.get_stuck()
    talk.client.feed(said(TEXT, bytes(HIGH_WATER + 1)))
    assert talk.reads() == (False, True)
    talk.service.get_unstuck()
    talk.turn()
    assert talk.reads() == (True, True)
    assert [len(one) for one in (talk.client_hears, talk.service_hears)] == [1, 1]


def test_very_much_at_once_is_passed_on_in_turns(talk: Talk) -> None:
    talk.client.feed(said(TEXT, b"x") * 200)
    assert 0 < len(talk.policy.seen) < 100
    assert talk.reads() == (False, True)
    talk.turn()
    assert len(talk.policy.seen) == 200
    assert len(talk.service_hears) == 200
    assert talk.reads() == (True, True)


def test_what_breaks_a_rule_is_said_to_who_did(talk: Talk) -> None:
    talk.client.feed(framed(TEXT, b"not masked"))
    assert [one[:2] for one in talk.client_hears] == [("close", 1002)]
    assert [one[:2] for one in talk.service_hears] == [("close", 1001)]


def test_what_nobody_looks_at_passes_as_it_is(build: Open) -> None:
    talk = Talk(build(), Policy())
    assert b"extensions" in talk.asked.lower()
    talk.client.feed(framed(TEXT, b"whatever it is"))
    assert talk.service.take() == framed(TEXT, b"whatever it is")


# --- both ways -----------------------------------------------------------------------------------


@pytest.fixture
def both(build: Open, policy: Policy) -> Talk:
    """Return a talk of which policies look at both ways, and tell the client what they refuse."""
    looks = Bound(on_message=policy.look, hears_replies=True, wording=Words())
    return Talk(build(policies=[looks]), policy)


def test_what_a_service_says_is_looked_at_whole(both: Talk) -> None:
    both.service.feed(framed(TEXT, b"he", final=False))
    assert (both.client_hears, both.policy.seen) == ([], [])
    both.service.feed(framed(CONTINUATION, b"llo"))
    assert (both.client_hears, both.policy.seen) == ([("text", b"hello")], [b"hello"])


def test_a_policy_may_change_what_either_side_says(both: Talk) -> None:
    both.policy.changes = {b"one": b"uno", b"two": b"due"}
    both.client.feed(said(TEXT, b"one"))
    both.service.feed(framed(TEXT, b"two"))
    assert (both.service_hears, both.client_hears) == ([("text", b"uno")], [("text", b"due")])


def test_a_policy_may_say_something_before_a_message(both: Talk) -> None:
    both.policy.tells = {b"help": b"card", b"reply": b"first"}
    both.client.feed(said(TEXT, b"help"))
    assert (both.service_hears, both.client_hears) == ([("text", b"help")], [("text", b"card")])
    both.service.feed(framed(TEXT, b"reply"))
    assert both.client_hears == [("text", b"first"), ("text", b"reply")]


def test_a_policy_may_say_something_while_a_reply_waits_and_long_after(both: Talk) -> None:
    slow: asyncio.Future[Answer] = both.gateway.loop.create_future()
    both.policy.waits[b"reply"] = slow
    both.service.feed(framed(TEXT, b"reply") + framed(TEXT, b"next"))
    both.turn()
    assert both.reads() == (True, False)
    talk = both.policy.talk
    assert talk is not None
    talk.tell(b"card", is_text=True)
    assert both.client_hears == [("text", b"card")]
    both.client.feed(said(TEXT, b"meanwhile"))
    assert both.service_hears == [("text", b"meanwhile")]
    slow.set_result(None)
    both.turn()
    assert both.client_hears == [("text", b"reply"), ("text", b"next")]
    talk.tell(b"later", is_text=False)
    assert both.client_hears == [("binary", b"later")]
    assert both.reads() == (True, True)


def test_what_is_for_the_gateway_is_answered_by_it(both: Talk) -> None:
    both.policy.answers[b"ping"] = Response(200, body=b"pong")
    both.client.feed(said(TEXT, b"ping") + said(TEXT, b"next"))
    assert both.client_hears == [("text", b"pong")]
    assert both.service_hears == [("text", b"next")]


def test_whoever_is_refused_is_told_and_goes_on(both: Talk) -> None:
    both.policy.answers = {b"bad": Response(429), b"worse": Response(422)}
    both.client.feed(said(TEXT, b"bad") + said(TEXT, b"good"))
    both.service.feed(framed(TEXT, b"worse") + framed(TEXT, b"better"))
    assert both.service_hears == [("text", b"good")]
    assert both.client_hears == [
        ("text", b"refused 429: bad"),
        ("text", b"refused 422: worse"),
        ("text", b"better"),
    ]


def test_whoever_is_refused_again_and_again_is_ended(both: Talk) -> None:
    both.policy.answers = {b"bad": Response(429)}
    for _ in range(IN_A_ROW + 1):
        both.client.feed(said(TEXT, b"bad"))
    assert both.client_hears[-1] == ("close", 1008, b"refused")
    assert both.service_hears == [("close", 1001, b"refused")]


def test_what_waited_may_be_refused_too(both: Talk) -> None:
    slow: asyncio.Future[Answer] = both.gateway.loop.create_future()
    both.policy.waits[b"slow"] = slow
    both.client.feed(said(TEXT, b"slow") + said(TEXT, b"next"))
    both.turn()
    slow.set_result(Response(429))
    both.turn()
    assert both.client_hears == [("text", b"refused 429: slow")]
    assert both.service_hears == [("text", b"next")]


def test_what_a_service_said_that_has_gone_still_counts(both: Talk) -> None:
    slow: asyncio.Future[Answer] = both.gateway.loop.create_future()
    both.policy.waits[b"slow"] = slow
    both.service.feed(framed(TEXT, b"slow") + framed(TEXT, b"next"))
    both.service.lose()
    both.turn()
    assert both.client_hears == []
    slow.set_result(None)
    both.turn()
    assert both.client_hears == [
        ("text", b"slow"),
        ("text", b"next"),
        ("close", 1012, b"the service has gone: connect again"),
    ]


# --- compression ---------------------------------------------------------------------------------

EXTENSION = b"Sec-WebSocket-Extensions: permessage-deflate"
LONG = b'{"text":"' + b"again and " * 40 + b'"}'


class Squeezed:
    """A client and a service each of which deflates, and a policy that looks at both."""

    def __init__(self, gateway: PaperGateway, *, answers: bool = True) -> None:
        self.turn = gateway.loop.run_ready
        self.client, self.service = gateway.asking(ASK)
        self.asked = self.service.take()
        said_of_it = EXTENSION + b"; server_no_context_takeover; client_no_context_takeover"
        extra = said_of_it + b"\r\n\r\n" if answers else b"\r\n"
        self.service.feed(SWITCHED[:-2] + extra)
        self.head, _, rest = self.client.take().partition(b"\r\n\r\n")
        assert rest == b""
        agreed = agree(b"permessage-deflate")
        assert agreed is not None
        self.at_client = SocketEndpoint(agreed=agreed, mask=lambda: MASK)
        self.at_service = SocketEndpoint(agreed=agreed)

    def said_by(self, end: SocketEndpoint, *messages: bytes) -> bytes:
        for one in messages:
            end.send(one, is_text=True)
        return end.taken()


def test_either_leg_is_deflated_where_the_route_says_so(build: Open, policy: Policy) -> None:
    policy.changes = {b"short": b"other"}
    looks = Bound(on_message=policy.look, hears_replies=True)
    talk = Squeezed(build(policies=[looks], sockets=Sockets(deflate="both")))
    assert b"permessage-deflate; server_no_context_takeover" in talk.asked
    assert talk.head.lower().count(b"sec-websocket-extensions: permessage-deflate") == 1
    talk.client.feed(talk.said_by(talk.at_client, LONG, b"short"))
    heard = talk.service.take()
    assert len(heard) < len(LONG)
    assert OnPaper(talk.at_service).hear([heard]) == [("text", LONG), ("text", b"other")]
    talk.service.feed(talk.said_by(talk.at_service, LONG))
    heard = talk.client.take()
    assert len(heard) < len(LONG)
    assert OnPaper(talk.at_client).hear([heard]) == [("text", LONG)]
    assert policy.seen == [LONG, b"short", LONG]


def test_the_client_s_leg_alone_may_be_deflated(build: Open, policy: Policy) -> None:
    looks = Bound(on_message=policy.look, hears_replies=True)
    talk = Squeezed(build(policies=[looks], sockets=Sockets(deflate="client")), answers=False)
    assert b"extensions" not in talk.asked.lower()
    assert b"permessage-deflate" in talk.head
    talk.client.feed(talk.said_by(talk.at_client, LONG))
    assert framed_payload(talk.service.take()) == LONG
    talk.service.feed(framed(TEXT, LONG))
    heard = talk.client.take()
    assert len(heard) < len(LONG)
    assert OnPaper(talk.at_client).hear([heard]) == [("text", LONG)]


def framed_payload(data: bytes) -> bytes:
    (found,) = OnPaper(SocketReader(is_server=True, limits=LARGE)).hear([data])
    assert isinstance(found[1], bytes)
    return found[1]


def test_a_little_that_becomes_very_much_is_not_inflated(build: Open, policy: Policy) -> None:
    looks = Bound(on_message=policy.look, hears_replies=True)
    talk = Squeezed(build(policies=[looks], sockets=Sockets(deflate="client")), answers=False)
    bomb = talk.said_by(talk.at_client, bytes(LARGEST + 1))
    assert len(bomb) < LARGEST // 50
    talk.client.feed(bomb)
    assert [one[:2] for one in OnPaper(talk.at_client).hear([talk.client.take()])] == [
        ("close", 1009)
    ]
    assert policy.seen == []


@pytest.fixture
def bombed(build: Open) -> Squeezed:
    """A client that has sent thirty times a little that becomes a MiB, to who takes nothing."""
    looks = Bound(on_message=lambda _, __: None)
    talk = Squeezed(build(policies=[looks], sockets=Sockets(deflate="client")), answers=False)
    talk.service.get_stuck()
    talk.client.feed(talk.said_by(talk.at_client, *[bytes(LARGEST)] * 30))
    talk.turn()
    return talk


def test_what_is_not_taken_is_not_inflated_either(bombed: Squeezed) -> None:
    assert sum(len(one) for one in bombed.service.writes) < 8 * LARGEST
    assert not bombed.client.reading
    bombed.service.get_unstuck()
    bombed.turn()
    assert sum(len(one) for one in bombed.service.writes) > 30 * LARGEST
    assert bombed.client.reading


def test_who_goes_does_not_leave_it_with_a_service_that_takes_nothing(
    bombed: Squeezed,
) -> None:
    bombed.client.lose()
    bombed.turn()
    assert bombed.service.ended


def test_a_service_that_deflates_unasked_is_ended(build: Open, policy: Policy) -> None:
    looks = Bound(on_message=policy.look, hears_replies=True)
    talk = Squeezed(build(policies=[looks], sockets=Sockets(deflate="client")))
    talk.service.feed(talk.said_by(talk.at_service, LONG))
    assert [one[:2] for one in OnPaper(talk.at_client).hear([talk.client.take()])] == [
        ("close", 1012)
    ]


# --- the platform's chat -------------------------------------------------------------------------


@pytest.fixture
def chat(build: Open, policy: Policy) -> Talk:
    profile = Sockets(profile="chat")
    bound = Chat(now=lambda: "now", chance=bytes).for_route(a_route(sockets=profile))
    assert bound is not None
    spoken = Bound(on_message=bound.on_message, hears_replies=True, wording=bound)
    return Talk(build(policies=[Bound(on_message=policy.look), spoken], sockets=profile), policy)


def test_a_chat_is_kept_alive_by_the_gateway(chat: Talk) -> None:
    chat.client.feed(said(TEXT, b'{"type":"ping","timestamp":"t"}'))
    ((kind, pong),) = chat.client_hears
    assert isinstance(pong, bytes)
    assert (kind, json.loads(pong)["type"]) == ("text", "pong")
    assert chat.service_hears == []


def test_a_chat_s_events_are_marked_in_fragments_too(chat: Talk) -> None:
    event = b'{"role":"system","content":{"event":"progress","stage":"complete"}}'
    chat.service.feed(framed(TEXT, event[:20], final=False), framed(CONTINUATION, event[20:]))
    ((_, marked),) = chat.client_hears
    assert isinstance(marked, bytes)
    assert json.loads(marked)["event_type"] == "progress"


def test_whoever_writes_too_fast_in_a_chat_reads_so_and_stays(chat: Talk) -> None:
    chat.policy.answers[b"fast"] = Response(429)
    chat.client.feed(said(TEXT, b"fast") + said(TEXT, b"slow"))
    ((_, refused),) = chat.client_hears
    assert isinstance(refused, bytes)
    assert json.loads(refused)["content"]["text"].startswith("Rate limit: please slow down.")
    assert chat.service_hears == [("text", b"slow")]


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            1008,
            b"chat_refused_by_service",
        ),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nno", 1013, b"chat_unavailable"),
        (b"no HTTP at all", 1013, b"upstream_answer_malformed"),
    ],
)
def test_a_chat_that_its_service_does_not_open_ends_by_a_close(
    build: Open, answer: bytes, code: int, reason: bytes
) -> None:
    profile = Sockets(profile="chat")
    bound = Chat(now=lambda: "now", chance=bytes).for_route(a_route(sockets=profile))
    assert bound is not None
    gateway = build(policies=[Bound(on_response=bound.on_response)], sockets=profile, tries=1)
    client, service = gateway.asking(ASK)
    service.feed(answer)
    gateway.loop.run_ready()
    head, _, rest = client.take().partition(b"\r\n\r\n")
    assert statuses(head) == [101]
    assert OnPaper(SocketReader(is_server=False, limits=LARGE)).hear([rest]) == [
        ("close", code, reason)
    ]
    assert client.ended
    client.feed(said(CLOSE, b"\x03\xf4"))
    client.end()
    gateway.loop.run_ready()
    assert client.lost
    assert len(gateway.finished) == 1


def test_a_policy_that_refuses_a_chat_is_told_by_a_close(build: Open) -> None:
    refuses = Bound(on_request=lambda _: answer_of(UPSTREAM_BUSY))
    gateway = build(policies=[refuses], sockets=Sockets(profile="chat"))
    client = gateway.client()
    client.feed(ASK + said(TEXT, b"early"))
    head, _, rest = client.take().partition(b"\r\n\r\n")
    assert statuses(head) == [101]
    assert OnPaper(SocketReader(is_server=False, limits=LARGE)).hear([rest]) == [
        ("close", 1013, b"upstream_limit_reached")
    ]
    gateway.wait(11.0)
    assert client.lost


def test_whoever_pings_and_takes_no_pong_is_read_no_further(chat: Talk) -> None:
    chat.client.get_stuck()
    chat.service.feed(framed(TEXT, bytes(HIGH_WATER + 1)))
    assert chat.reads() == (True, False)
    ping = said(TEXT, b'{"type":"ping"}')
    for _ in range(2000):
        if chat.client.reading:
            chat.client.feed(ping)
    assert chat.reads() == (False, False)
    chat.client.get_unstuck()
    chat.turn()
    assert chat.reads() == (True, True)
    assert 300 < len(chat.client_hears) < 1000


# --- whatever is said ----------------------------------------------------------------------------

SAYINGS = st.lists(
    st.tuples(
        st.sampled_from(("passes", "changes", "answers", "refuses")),
        st.booleans(),  # it takes its time
        st.booleans(),  # the service says it
        st.booleans(),  # in two fragments
    ),
    max_size=24,
)
ANSWERS: dict[str, Answer] = {
    "passes": None,
    "changes": None,
    "answers": Response(200, body=b"answer"),
    "refuses": Refusal(Response(429)),
}


Saying = tuple[str, bool, bool, bool]
Slow = tuple[asyncio.Future[Answer], Answer]


def _named(number: int, saying: Saying) -> bytes:
    return b"%d %b" % (number, saying[0].encode())


def _say(talk: Talk, name: bytes, saying: Saying) -> list[Slow]:
    """Have one side say something; return what is to be decided of it."""
    what, waits, by_service, parts = saying
    policy, slow = talk.policy, list[Slow]()
    if what == "changes":
        policy.changes[name] = name + b"!"
    if waits:
        policy.waits[name] = talk.gateway.loop.create_future()
        slow.append((policy.waits[name], ANSWERS[what]))
    else:
        policy.answers[name] = ANSWERS[what]
    side, mask = (talk.service, b"") if by_service else (talk.client, MASK)
    pieces = [name[:3], name[3:]] if parts else [name]
    for at, piece in enumerate(pieces):
        final = at == len(pieces) - 1
        side.feed(framed(CONTINUATION if at else TEXT, piece, mask=mask, final=final))
    return slow


def _told(sayings: list[Saying], *, by_service: bool) -> list[Heard]:
    """Return what goes on of what one side says."""
    went_on = {"passes": b"", "changes": b"!"}
    return [
        ("text", _named(number, saying) + went_on[saying[0]])
        for number, saying in enumerate(sayings)
        if saying[0] in went_on and saying[2] == by_service
    ]


@settings(max_examples=60, deadline=None)
@given(SAYINGS, st.randoms(use_true_random=False))
def test_whatever_policies_say_nothing_is_lost_or_overtaken(
    sayings: list[Saying], chance: Random
) -> None:
    with paper_gateways() as build:
        policy = Policy()
        looks = Bound(on_message=policy.look, hears_replies=True, wording=Words())
        talk = Talk(build(policies=[looks]), policy)
        slow: list[Slow] = []
        for number, saying in enumerate(sayings):
            slow += _say(talk, _named(number, saying), saying)
            if slow and chance.random() < 0.5:
                decided, answer = slow.pop(chance.randrange(len(slow)))
                decided.set_result(answer)
                talk.turn()
        for decided, answer in slow:
            decided.set_result(answer)
        talk.turn()
        by_client, by_service = talk.client_hears, talk.service_hears
    assert by_service == _told(sayings, by_service=False)
    own = [one for one in by_client if str(one[1]).startswith(("b'answer", "b'refused"))]
    assert [one for one in by_client if one not in own] == _told(sayings, by_service=True)
    whats = [saying[0] for saying in sayings]
    assert own.count(("text", b"answer")) == whats.count("answers")
    assert len(own) == whats.count("answers") + whats.count("refuses")


@pytest.mark.parametrize("waits", [False, True])
def test_what_reaches_no_service_any_more_is_kept_as_that(both: Talk, waits: bool) -> None:
    lost: list[int] = []
    both.policy.need = Need(2, is_spared=True, undelivered=lambda: lost.append(1))
    slow: asyncio.Future[Answer] = both.gateway.loop.create_future()
    if waits:
        both.policy.waits[b"dark"] = slow
        both.client.feed(said(TEXT, b"dark"))
    both.service.feed(framed(CLOSE, b"\x03\xf3"))
    if waits:
        slow.set_result(None)
        both.turn()
    else:
        both.client.feed(said(TEXT, b"dark"))
    assert both.policy.seen == [b"dark"]
    assert lost == [1]


def test_a_policy_may_tell_the_service_something_ahead_of_a_message(talk: Talk) -> None:
    talk.policy.informs[b"a"] = b"word"
    talk.client.feed(said(TEXT, b"a"))
    assert talk.service_hears == [("text", b"word"), ("text", b"a")]
    assert talk.policy.talk is not None
    assert talk.policy.talk.inform(b"later")
    assert talk.service_hears == [("text", b"later")]
