"""Questions to services about what clients of the hub want, over a way that is not there."""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, from_upstream
from tta_gateway.features.identity.access_cookie import AccessCookie
from tta_gateway.features.identity.bound import CookieBound
from tta_gateway.features.mirror.policy import Ways
from tta_gateway.features.realtime.bound import Question as Asked
from tta_gateway.features.token_relay.bound import TokenRelayBound
from tta_gateway.features.token_relay.policy import TokenRelay
from tta_gateway.features.trace.policy import Trace
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import BREAKER_OPEN
from tta_gateway.kernel.route import Maintenance, Route, Timeouts
from tta_gateway.node.owner_lookups import Question
from tta_gateway.node.service_questions import ServiceQuestions, Told
from tta_gateway.support.identifier import Identifiers

Service = Callable[[Exchange, Question], None]
ROUTE = a_route("/centrifugo/publish", methods=("POST",))


class House:
    """What asks, and what it has asked."""

    def __init__(self, service: Service, route: Route = ROUTE) -> None:
        self.asked: list[Exchange] = []
        self.finished: list[Exchange] = []
        self._service = service
        ways = Ways(
            later=lambda _: None,
            begin=self._begin,
            forward=lambda _: None,
            finish=self.finished.append,
        )
        relay = TokenRelay(TokenRelayBound(), wall=lambda: 0.0)
        policies: list[Policy] = [Trace(Identifiers(lambda: 0.0)), relay]
        questions = ServiceQuestions(ways, policies, clock=lambda: 77.0)
        self.questions = questions.of(Asked(route=route))

    def _begin(self, exchange: Exchange) -> None:
        self.asked.append(exchange)
        for _, step in exchange.plan.request:
            assert step(exchange) is None
        self._service(exchange, cast("Question", exchange.origin))

    def ask(self, body: bytes = b"{}", **fields: str) -> Told:
        return self.ask_about(an_inquiry(), body, **fields)

    def ask_about(self, about: Exchange, body: bytes = b"{}", **fields: str) -> Told:
        told = [(name.encode(), value.encode()) for name, value in fields.items()]

        async def asking() -> Told:
            return await self.questions.ask(about, body, told)

        return asyncio.run(asking())


def an_inquiry() -> Exchange:
    fields = [(b"authorization", b"Bearer t"), (b"cookie", b"a=b"), (b"origin", b"here")]
    made = an_exchange(a_head("PUBLISH", "/session/1", fields=fields))
    made.principal = Principal(subject="ada", issuer="home")
    made.token, made.request_id, made.params = b"t", b"r1", {"id": "1"}
    made.extra = [(b"x-request-id", b"r1"), (b"traceparent", b"t1")]
    return made


def answers(_: Exchange, question: Question) -> None:
    response = from_upstream(200)
    response.body = b'{"result":{}}'
    question.send_head(response)


def test_a_service_is_asked_as_who_asks_by_a_request_of_the_contract() -> None:
    house = House(answers)
    assert house.ask(b'{"client":"1"}') == Told(200, b'{"result":{}}')
    (asked,) = house.asked
    head = asked.request
    assert (head.method, head.target, head.length) == (b"POST", b"/centrifugo/publish", 14)
    fields = asked.upstream_fields if asked.upstream_fields is not None else head.fields
    assert sorted(fields) == [
        (b"accept", b"application/json"),
        (b"authorization", b"Bearer t"),
        (b"content-type", b"application/json"),
        (b"cookie", b"a=b"),
    ]
    # what traces the request is told as of any other, and no second trace is begun
    assert asked.extra == [(b"x-request-id", b"r1"), (b"traceparent", b"t1")]
    assert (asked.request_id, asked.params, asked.started) == (b"r1", {"id": "1"}, 77.0)
    assert asked.principal == Principal(subject="ada", issuer="home")
    assert house.finished == [asked]


def test_its_body_can_be_sent_again_where_it_cannot_have_arrived() -> None:
    house = House(answers)
    house.ask(b'{"client":"1"}')
    upload = house.asked[0].upload
    assert upload is not None
    sent: list[bytes] = []

    class Sink:
        def send_body(self, data: bytes) -> None:
            sent.append(data)

        def end_body(self, trailers: object) -> None:
            assert trailers == []
            sent.append(b"end")

    upload.attach(Sink())
    upload.detach()
    assert upload.replayable
    upload.attach(Sink())
    assert sent == [b'{"client":"1"}', b"end"] * 2


def test_what_is_told_beside_takes_the_place_of_the_usual() -> None:
    house = House(answers)
    house.ask(cookie="c=d", origin="there")
    fields = house.asked[0].request.fields
    assert [one for one in fields if one[0] in (b"cookie", b"origin")] == [
        (b"cookie", b"c=d"),
        (b"origin", b"there"),
    ]


def refuses(exchange: Exchange, question: Question) -> None:
    exchange.response = answer_of(BREAKER_OPEN)
    question.send_head(exchange.response)


def breaks(exchange: Exchange, question: Question) -> None:
    exchange.response = from_upstream(200)
    question.send_head(exchange.response)
    question.abort()


def local(exchange: Exchange, question: Question) -> None:
    exchange.response = Response(200)
    question.send_head(exchange.response)


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (refuses, BREAKER_OPEN.code),
        (breaks, "its answer is too long, or broke off"),
        (local, "its answer is too long, or broke off"),
    ],
)
def test_who_says_nothing_that_counts_has_a_reason(service: Service, why: str) -> None:
    assert House(service).ask() == Told(0, why=why)


def test_nobody_waits_for_a_service_that_never_answers() -> None:
    """Red where only the way upstream counts the time: an answer may drip in for ever."""
    house = House(
        lambda _, question: question.send_head(from_upstream(200)),
        msgspec.structs.replace(ROUTE, timeouts=Timeouts(total=-0.49)),
    )
    assert house.ask() == Told(0, why="it takes too long")
    assert house.finished == house.asked


def test_a_service_in_maintenance_is_not_asked() -> None:
    house = House(answers, msgspec.structs.replace(ROUTE, maintenance=Maintenance()))
    assert house.ask() == Told(0, why="it is in maintenance")
    assert house.asked == []


def test_a_cookie_with_the_access_token_is_the_gateways_alone() -> None:
    """Red where the fields of the request are told instead of those that services see."""
    house, about = House(answers), an_inquiry()
    about.request.fields = [(b"cookie", b"__Host-access=secret; a=b")]
    assert AccessCookie(CookieBound(name="__Host-access")).take(about) == b"secret"
    house.ask_about(about)
    assert (b"cookie", b"a=b") in house.asked[0].request.fields
    assert b"secret" not in repr(house.asked[0].request.fields).encode()
