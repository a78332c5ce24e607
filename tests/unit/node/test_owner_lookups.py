"""Questions about whose something is, over a way upstream that is not there."""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, from_upstream
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_origin import FakeTunnel
from tta_gateway.features.admission.bound import AdmissionBound, RouteAdmission
from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.admission.rooms import Rooms
from tta_gateway.features.identity.access_cookie import AccessCookie
from tta_gateway.features.identity.bound import CookieBound
from tta_gateway.features.mirror.policy import Ways
from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.features.token_relay.bound import TokenRelayBound
from tta_gateway.features.token_relay.policy import TokenRelay
from tta_gateway.kernel.exchange import Exchange, Spliced
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import UPSTREAM_RESET
from tta_gateway.kernel.route import Fallback, Key, Respond, Rewrite, Route
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, THERAPEUTIC
from tta_gateway.node.owner_lookups import LARGEST, Apart, OwnerLookups, Question
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.metrics import Registry

PATH = b"/s/s1/messages"
Service = Callable[[Exchange, Question], None]


class Attempt:
    """A try that only notes that it was given up."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def pause_answer(self) -> None:
        """Nobody asks."""

    def fall_behind(self) -> None: ...

    def catch_up(self) -> None: ...

    def resume_answer(self) -> None:
        """Nobody asks."""


class House:
    """What asks, and what it has asked; a service answers at once."""

    def __init__(self, service: Service, route: Route | None = None) -> None:
        self.asked: list[Exchange] = []
        self.attempt = Attempt()
        self._service = service
        ways = Ways(later=lambda _: None, begin=self._begin, forward=lambda _: None)
        relay = TokenRelay(TokenRelayBound(), wall=lambda: 0.0)
        self.look = OwnerLookups(ways, [relay]).of(route or a_route())

    def _begin(self, exchange: Exchange) -> None:
        self.asked.append(exchange)
        exchange.attempt = self.attempt
        for _, step in exchange.plan.request:
            assert step(exchange) is None
        self._service(exchange, cast("Question", exchange.origin))

    def ask(self, exchange: Exchange | None = None) -> tuple[int, bytes]:
        async def asking() -> tuple[int, bytes]:
            return await self.look.ask(exchange or a_request(), PATH)

        return asyncio.run(asking())


def a_request() -> Exchange:
    fields = [
        (b"authorization", b"Bearer t"),
        (b"cookie", b"a=b"),
        (b"if-none-match", b"x"),
        (b"x-room", b"7"),
        (b"content-type", b"text/plain"),
    ]
    made = an_exchange(a_head("PUT", "/x/s1?q=1", fields=fields, length=3))
    made.principal = Principal(subject="p1", issuer="home", roles=frozenset())
    made.token, made.request_id, made.params = b"t", b"r1", {"id": "s1"}
    return made


def whole(_: Exchange, question: Question) -> None:
    response = from_upstream(200)
    response.body = b"{}"
    question.send_head(response)


def test_a_service_is_asked_as_who_asks_and_with_nothing_else_of_the_request() -> None:
    route = a_route(
        rewrite=Rewrite(path="/elsewhere"),
        fallback=Fallback(respond=Respond(body="everybody's")),
        request_fields=(("x-changed", "1"),),
        features={"access": msgspec.Raw(msgspec.msgpack.encode({}))},
    )
    house = House(whole, route)
    assert house.ask() == (200, b"{}")
    (asked,) = house.asked
    assert (asked.request.method, asked.request.target) == (b"GET", PATH)
    assert asked.request.length == 0
    fields = asked.upstream_fields if asked.upstream_fields is not None else asked.request.fields
    assert sorted(fields) == [
        (b"accept", b"application/json"),
        (b"authorization", b"Bearer t"),
        (b"cookie", b"a=b"),
    ]
    plan = asked.plan.route
    assert plan is not None
    assert (plan.fallback, plan.rewrite, plan.features) == (None, Rewrite(), {})
    assert (asked.request_id, asked.params) == (b"r1", {"id": "s1"})


def test_a_cookie_with_the_access_token_is_the_gateways_alone() -> None:
    """Red where the fields of the request are told instead of those that services see."""
    house, about = House(whole), a_request()
    about.request.fields = [(b"cookie", b"__Host-access=secret; a=b")]
    assert AccessCookie(CookieBound(name="__Host-access")).take(about) == b"secret"
    house.ask(about)
    assert (b"cookie", b"a=b") in house.asked[0].request.fields
    assert b"secret" not in repr(house.asked[0].request.fields).encode()


def test_what_sticks_to_an_endpoint_is_said_too() -> None:
    keys = {"players": Key(by="header", name="X-Room"), "other": Key(by="path", name="id")}
    raw = msgspec.Raw(msgspec.msgpack.encode(StickyBound(keys=keys)))
    house = House(whole, a_route(features={"sticky": raw}))
    house.ask()
    assert (b"x-room", b"7") in house.asked[0].request.fields


def test_an_answer_hangs_on_whose_house_it_is_and_on_what_leads_to_an_endpoint() -> None:
    """Red where the path alone is known: what was one's own in one house was so in all."""
    keys = {"players": Key(by="header", name="X-Room"), "other": Key(by="path", name="id")}
    raw = msgspec.Raw(msgspec.msgpack.encode(StickyBound(keys=keys)))
    look = House(whole, a_route(features={"sticky": raw})).look
    marks = {look.mark(a_request())}
    for name, value in ((b"x-room", b"8"), (b"cookie", b"a=c")):
        other = a_request()
        other.request.fields = [one for one in other.request.fields if one[0] != name]
        other.request.fields.append((name, value))
        marks.add(look.mark(other))
    elsewhere, aside = a_request(), a_request()
    elsewhere.request.host = b"other.example"
    aside.params = {"id": "s2"}
    marks |= {look.mark(elsewhere), look.mark(aside)}
    assert len(marks) == 5
    same = a_request()
    same.request.fields = [one for one in same.request.fields if one[0] != b"authorization"]
    assert look.mark(same) in marks


def in_parts(_: Exchange, question: Question) -> None:
    question.send_interim(Response(103))
    question.send_head(from_upstream(403))
    question.flush()
    question.pause_upload()
    question.resume_upload()
    question.send_data(b"no")
    question.send_data(b"t yours")
    question.send_end()
    question.abort()  # too late: it has been answered


def test_an_answer_that_comes_in_parts_is_one() -> None:
    house = House(in_parts)
    assert house.ask() == (403, b"not yours")
    assert house.asked[0].finished


def cut(_: Exchange, question: Question) -> None:
    question.send_head(from_upstream(200))
    question.abort()


def ours(_: Exchange, question: Question) -> None:
    question.send_head(answer_of(UPSTREAM_RESET))


def endless(__: Exchange, question: Question) -> None:
    question.send_head(from_upstream(200))
    for _ in range(LARGEST // 1024 + 1):
        question.send_data(bytes(1024))


def dismissed(_: Exchange, question: Question) -> None:
    question.dismiss(1008, b"")


@pytest.mark.parametrize("service", [cut, ours, endless, dismissed])
def test_what_is_no_whole_answer_of_the_service_says_nothing(service: Service) -> None:
    house = House(service)
    assert house.ask() == (0, b"")
    assert house.attempt.cancelled


def test_who_has_gone_waits_for_no_answer() -> None:
    house = House(lambda _, __: None)

    async def leave() -> None:
        asking = asyncio.ensure_future(house.look.ask(a_request(), PATH))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(leave())
    assert house.attempt.cancelled


def test_no_question_becomes_a_tunnel() -> None:
    async def asked() -> None:
        with pytest.raises(AssertionError):
            Question(lambda _: None, lambda _: None).open_tunnel(cast("Spliced", FakeTunnel()))

    asyncio.run(asked())


class Narrow:
    """Look-ups that are let in at a service with little room, driven by a real runner."""

    def __init__(self, room: int) -> None:
        self.loop = asyncio.get_running_loop()
        clock = FakeClock(monotonic=1000.0)
        self.rooms = Rooms(
            registry=Registry(),
            clock=clock.monotonic,
            chance=lambda: 0.0,
            future=self.loop.create_future,
        )
        self.rooms.adopt(AdmissionBound(enabled=True, waiting=4, reserved=(0, 0, 0, 0)))
        self.room = self.rooms.of("players")
        self.room.resize(room)
        self.asked: list[Exchange] = []
        self.runner = Runner(self.loop.create_task, self.failed)
        ways = Ways(
            later=lambda _: None,
            begin=self.runner.begin,
            forward=self.asked.append,
            finish=self.runner.finish,
        )
        gates = [Apart(TrafficClass(self.rooms)), Apart(Gate(self.rooms))]
        raw = msgspec.Raw(msgspec.msgpack.encode(RouteAdmission(traffic="background")))
        self.look = OwnerLookups(ways, gates).of(a_route(features={"admission": raw}))

    def failed(self, _: Exchange, error: BaseException) -> None:
        raise error

    def ask(self, traffic: int = THERAPEUTIC) -> "asyncio.Task[tuple[int, bytes]]":
        made = a_request()
        made.traffic, made.started = traffic, 1000.0

        async def asking() -> tuple[int, bytes]:
            return await self.look.ask(made, PATH)

        return self.loop.create_task(asking())

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def answer(self, exchange: Exchange) -> None:
        response = from_upstream(200)
        response.body = b"{}"
        exchange.first_byte_at = 1000.1
        self.runner.respond(exchange, response)


def test_a_storm_of_questions_asks_a_service_for_no_more_than_it_has_room_for() -> None:
    """Red where the policies of a question have no gate."""

    async def storm() -> None:
        house = Narrow(room=2)
        asking = [house.ask() for _ in range(12)]
        await house.turn()
        assert len(house.asked) == house.room.in_flight == 2
        assert house.room.waiting == 4
        assert [one.result() for one in asking if one.done()] == [(0, b"")] * 6  # told: not now
        for answered in range(6):
            house.answer(house.asked[answered])
            await house.turn()
        assert sorted(await asyncio.gather(*asking)) == [(0, b"")] * 6 + [(200, b"{}")] * 6
        assert (house.room.in_flight, house.room.waiting) == (0, 0)

    asyncio.run(storm())


def test_who_has_gone_waits_no_longer_and_is_let_out() -> None:
    async def leave() -> None:
        house = Narrow(room=1)
        first, second = house.ask(), house.ask()
        await house.turn()
        assert (house.room.in_flight, house.room.waiting) == (1, 1)
        second.cancel()
        await house.turn()
        assert (house.room.in_flight, house.room.waiting) == (1, 0)
        first.cancel()
        await house.turn()
        assert (house.room.in_flight, house.room.waiting) == (0, 0)
        assert len(house.asked) == 1  # the other goes nowhere

    asyncio.run(leave())


def test_a_question_has_the_class_of_its_route_or_of_a_crisis() -> None:
    async def classes() -> None:
        house = Narrow(room=9)
        asking = [house.ask(), house.ask(CRISIS)]
        await house.turn()
        assert [one.lane for one in house.asked] == [BACKGROUND, CRISIS]
        for one in asking:
            one.cancel()
        await house.turn()

    asyncio.run(classes())


def test_how_long_questions_take_is_not_taken_for_their_route_s() -> None:
    async def timing() -> None:
        house = Narrow(room=9)
        asking = house.ask()
        await house.turn()
        house.asked[0].tries = 1
        house.answer(house.asked[0])
        await asking
        route = house.look._plan.route  # type: ignore[attr-defined]  # it is a Looking
        assert [*house.room.timings] == [f"whose: {route.name}"]

    asyncio.run(timing())
    assert (
        Apart(TrafficClass(Rooms(registry=Registry(), clock=float, chance=float))).for_route(None)
        is None
    )
