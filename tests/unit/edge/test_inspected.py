"""A WebSocket whose messages policies look at: through, changed by nobody, held, refused, ended."""

import asyncio

import pytest

from tests.helpers.builders import Bound
from tests.helpers.fake_transport import HIGH_WATER, FakeTransport
from tests.helpers.paper_gateway import Open, PaperGateway, statuses
from tests.helpers.socket_talk import MASK, Heard, OnPaper
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.problem import UPSTREAM_BUSY, WEBSOCKET_MALFORMED
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

    def look(self, _: Exchange, message: bytes) -> object:
        self.seen.append(message)
        if message == b"fault":
            raise ValueError("a fault of the policy")
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
        (answer_of(UPSTREAM_BUSY), 1011, b"upstream_limit_reached"),
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
    assert talk.policy.seen == [b"good", b"bad"]
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
