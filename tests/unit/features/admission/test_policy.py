"""Classes and the gate, an exchange at a time; whole connections are in test_once.py."""

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from tests.helpers.builders import a_route, an_exchange, from_upstream
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_loop import FakeLoop
from tta_gateway.features.admission.bound import AdmissionBound, RouteAdmission
from tta_gateway.features.admission.metrics import ADMISSIONS
from tta_gateway.features.admission.policy import BoundGate, BoundTrafficClass, Gate, TrafficClass
from tta_gateway.features.admission.rooms import UNKNOWN, Rooms, ServiceRoom
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import UPSTREAM_FIRST_BYTE_TIMEOUT
from tta_gateway.kernel.route import Maintenance, Route, Timeouts
from tta_gateway.kernel.traffic import (
    BACKGROUND,
    CRISIS,
    STANDARD,
    THERAPEUTIC,
)
from tta_gateway.kernel.traffic import (
    TrafficClass as Name,
)
from tta_gateway.kernel.upload import Upload
from tta_gateway.support.metrics import Registry


def classed(traffic: Name) -> Route:
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteAdmission(traffic=traffic)))
    return a_route(features={"admission": raw})


class House:
    """The two policies over the same rooms; futures are a fake loop's."""

    def __init__(self, loop: FakeLoop | None = None, **bound: object) -> None:
        self.clock = FakeClock(monotonic=1000.0)
        self.registry = Registry()
        self.rooms = Rooms(
            registry=self.registry,
            clock=self.clock.monotonic,
            chance=lambda: 0.0,
            future=cast("Callable[[], asyncio.Future[Answer]]", loop and loop.create_future),
        )
        self.rooms.adopt(msgspec.structs.replace(AdmissionBound(enabled=True), **bound))

    def classes(self, route: Route | None = None) -> BoundTrafficClass:
        found = TrafficClass(self.rooms).for_route(route or a_route())
        assert found is not None
        return found

    def gate(self, route: Route | None = None) -> BoundGate:
        found = Gate(self.rooms).for_route(route or a_route())
        assert found is not None
        return found

    @property
    def room(self) -> ServiceRoom:
        return self.rooms.of("players")

    def counted(self, outcome: str) -> float:
        return sum(
            cells[0]
            for metric, values, cells in self.registry.collect()
            if metric is ADMISSIONS and values[2] == outcome
        )


def by(*roles: str, subject: str = "p7") -> Exchange:
    exchange = an_exchange()
    exchange.principal = Principal(subject=subject, issuer="a", roles=frozenset(roles))
    return exchange


def the_class(house: House, exchange: Exchange, name: Name | None = None) -> int:
    route = a_route() if name is None else classed(name)
    assert house.classes(route).on_request(exchange) is None
    return exchange.traffic


# Classes


@pytest.mark.parametrize(
    ("name", "traffic"),
    [
        (None, THERAPEUTIC),
        ("crisis", CRISIS),
        ("therapeutic", THERAPEUTIC),
        ("standard", STANDARD),
        ("background", BACKGROUND),
    ],
)
def test_the_route_says_the_class(name: Name | None, traffic: int) -> None:
    assert the_class(House(), an_exchange(), name) == traffic


def test_what_was_found_to_be_a_crisis_stays_one() -> None:
    house, exchange = House(), by("admin")
    house.rooms.pressure.level = 2.0
    exchange.traffic = CRISIS
    assert the_class(house, exchange, "background") == CRISIS


def test_nothing_is_said_of_requests_that_no_route_takes() -> None:
    assert TrafficClass(House().rooms).for_route(None) is None
    assert Gate(House().rooms).for_route(None) is None


@pytest.mark.parametrize("name", ["crisis", "therapeutic", "standard", "background"])
def test_who_is_in_a_crisis_that_is_open_is_so_everywhere(name: Name) -> None:
    house = House()
    house.rooms.incident = "a/p7".__eq__
    assert the_class(house, by("player"), name) == CRISIS
    assert the_class(house, by("player", subject="p8"), "standard") == STANDARD


@pytest.mark.parametrize(
    ("name", "traffic"),
    [
        ("crisis", CRISIS),
        ("therapeutic", STANDARD),
        ("standard", STANDARD),
        ("background", BACKGROUND),
    ],
)
def test_administration_waits_for_therapy(name: Name, traffic: int) -> None:
    assert the_class(House(), by("admin"), name) == traffic


def test_who_has_another_role_too_is_not_taken_for_administration() -> None:
    assert the_class(House(), by("admin", "therapist")) == THERAPEUTIC
    assert the_class(House(), by()) == THERAPEUTIC


@pytest.mark.parametrize("status", [101, 200])
def test_whoever_is_in_a_session_is_served_as_such_until_it_ends(status: int) -> None:
    house, session = House(), by("player")
    classes = house.classes()
    classes.on_request(session)
    session.response = from_upstream(status, [(b"content-type", b"text/event-stream")])
    classes.on_response(session)
    assert the_class(house, by("player"), "standard") == THERAPEUTIC
    assert the_class(house, by("player"), "background") == BACKGROUND
    assert the_class(house, by("player", subject="p8"), "standard") == STANDARD
    classes.on_finish(session)
    assert the_class(house, by("player"), "standard") == STANDARD


@pytest.mark.parametrize(
    "answer", [from_upstream(200), Response(200, [(b"content-type", b"text/event-stream")])]
)
def test_an_answer_that_ends_is_no_session(answer: Response) -> None:
    house, exchange = House(), by("player")
    exchange.response = answer
    house.classes().on_response(exchange)
    assert len(house.rooms.sessions) == 0


def test_a_socket_of_nobody_and_one_that_is_not_therapeutic_are_no_sessions() -> None:
    house = House()
    for exchange, name in ((an_exchange(), "therapeutic"), (by("player"), "standard")):
        classes = house.classes(classed(cast("Name", name)))
        classes.on_request(exchange)
        exchange.response = from_upstream(101)
        classes.on_response(exchange)
        classes.on_finish(exchange)
    assert len(house.rooms.sessions) == 0


def pressed(house: House) -> None:
    for _ in range(50):
        house.rooms.pressure.look(busy=1.0, lag=0.0)


@pytest.mark.parametrize("name", ["standard", "background"])
def test_a_worker_that_cannot_keep_up_turns_away_what_can_wait(name: Name) -> None:
    house = House()
    pressed(house)
    answers = [house.classes(classed(name)).on_request(an_exchange()) for _ in range(10)]
    refusals = [one for one in answers if one is not None]
    assert len(refusals) >= 8
    assert refusals[0].deferrable
    problem = refusals[0].response.problem
    assert problem is not None
    assert problem.code == "admission_overloaded"
    assert house.counted("overloaded") == len(refusals)


def test_a_worker_that_cannot_keep_up_serves_crisis_and_therapy() -> None:
    house = House()
    pressed(house)
    assert the_class(house, an_exchange()) == THERAPEUTIC
    assert the_class(house, an_exchange(), "crisis") == CRISIS


@pytest.mark.parametrize(
    "route",
    [
        msgspec.structs.replace(classed("background"), service=""),
        msgspec.structs.replace(classed("background"), maintenance=Maintenance()),
    ],
)
def test_what_asks_no_service_is_not_turned_away(route: Route) -> None:
    house = House()
    pressed(house)
    assert [house.classes(route).on_request(an_exchange()) for _ in range(5)] == [None] * 5
    assert Gate(house.rooms).for_route(route) is None


def test_where_it_is_off_classes_are_said_and_nobody_is_turned_away() -> None:
    house = House(enabled=False)
    pressed(house)
    for _ in range(5):
        assert the_class(house, an_exchange(), "background") == BACKGROUND
    assert Gate(house.rooms).for_route(a_route()) is None


def test_both_say_what_they_do() -> None:
    house = House()
    assert house.classes(classed("crisis")).explain() == (
        "class crisis, where nothing of the person lifts it"
    )
    assert "higher classes first" in house.gate().explain()


# The gate


def admitted(house: House, *, traffic: int = THERAPEUTIC) -> Exchange:
    exchange = an_exchange(started=house.clock.monotonic())
    exchange.traffic = traffic
    assert house.gate().on_request(exchange) is None
    return exchange


def waiting(
    house: House, *, traffic: int = THERAPEUTIC
) -> "tuple[Exchange, asyncio.Future[Answer]]":
    exchange = an_exchange(started=house.clock.monotonic())
    exchange.traffic = traffic
    found = house.gate().on_request(exchange)
    assert isinstance(found, asyncio.Future)
    return exchange, found


def full(house: House, traffic: int = THERAPEUTIC) -> list[Exchange]:
    house.room.resize(4)
    house.rooms.adopt(msgspec.structs.replace(house.rooms.bound, reserved=(0, 0, 0, 0)))
    return [admitted(house, traffic=traffic) for _ in range(4)]


def answer(house: House, exchange: Exchange, response: Response, *, took: float = 0.1) -> None:
    exchange.tries = 1
    exchange.first_byte_at = exchange.started + took
    exchange.response = response
    house.gate().on_response(exchange)


def test_an_exchange_takes_up_room_until_its_service_answers_once() -> None:
    house = House()
    exchange = admitted(house)
    assert (house.room.in_flight, exchange.admitted) == (1, exchange.started)
    answer(house, exchange, from_upstream())
    house.gate().on_finish(exchange)
    house.gate().on_response(exchange)
    assert (house.room.in_flight, exchange.admitted) == (0, 0.0)
    assert house.counted("at_once") == 1


def test_whose_client_has_gone_gives_the_room_back() -> None:
    house = House()
    exchange = admitted(house)
    house.gate().on_finish(exchange)
    assert house.room.in_flight == 0


def test_the_room_is_that_of_the_service_that_was_chosen() -> None:
    house = House()
    exchange = an_exchange()
    exchange.service = "stories"
    gate = house.gate()
    gate.on_request(exchange)
    assert (house.room.in_flight, house.rooms.of("stories").in_flight) == (0, 1)
    answer(house, exchange, from_upstream())
    assert house.rooms.of("stories").in_flight == 0
    exchange = an_exchange()
    exchange.service = "players"
    gate.on_request(exchange)
    assert house.room.in_flight == 1


def test_the_room_of_the_class_it_had_is_given_back_though_it_was_lifted_since() -> None:
    house = House()
    exchange = admitted(house, traffic=STANDARD)
    exchange.traffic = CRISIS
    house.gate().on_finish(exchange)
    assert house.room.of == [0, 0, 0, 0]


def test_who_finds_no_room_goes_on_when_there_is_some() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        others = full(house)
        exchange, turn = waiting(house)
        assert not turn.done()
        house.clock.advance(0.05)
        answer(house, others[0], from_upstream())
        assert turn.result() is None
        assert exchange.admitted == house.clock.monotonic()
        assert house.room.in_flight == 4
        house.gate().on_finish(exchange)
        assert house.room.in_flight == 3
        assert (house.counted("waited"), len(house.rooms.waiting)) == (1, 0)


def test_who_has_waited_long_enough_is_told_when_to_come_again() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        full(house)
        exchange, turn = waiting(house, traffic=STANDARD)
        house.clock.advance(2.5)
        house.room.look(0.2, house.clock.monotonic())
        refusal = turn.result()
        assert isinstance(refusal, Refusal)
        problem = refusal.response.problem
        assert problem is not None
        assert problem.code == "admission_shed"
        assert (exchange.admitted, house.counted("late")) == (0.0, 1)


def test_who_leaves_while_waiting_leaves_the_queue() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        others = full(house)
        exchange, turn = waiting(house)
        house.gate().on_finish(exchange)
        assert turn.result() is None  # whoever awaited it sees that the client has gone
        assert (house.room.waiting, house.counted("gone")) == (0, 1)
        answer(house, others[0], from_upstream())
        assert house.room.in_flight == 3


def test_who_is_let_in_while_nobody_awaits_it_any_more_gives_the_room_back() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        others = full(house)
        exchange, turn = waiting(house)
        turn.cancel()
        answer(house, others[0], from_upstream())
        assert house.room.in_flight == 4
        house.gate().on_finish(exchange)
        assert house.room.in_flight == 3


@pytest.mark.parametrize("traffic", [CRISIS, THERAPEUTIC, STANDARD])
def test_who_asks_what_is_quick_waits_though_all_else_of_the_service_takes_long(
    traffic: int,
) -> None:
    with FakeLoop() as loop:
        house = House(loop)
        slow, quick = (
            house.gate(a_route(name=name, timeouts=Timeouts(total=total)))
            for name, total in (("slow", 60.0), ("quick", 10.0))
        )
        for gate, took, many in ((slow, 20.0, 40), (quick, 0.1, 10)):
            for _ in range(many):
                exchange = an_exchange(started=house.clock.monotonic())
                gate.on_request(exchange)
                exchange.tries, exchange.first_byte_at = 1, exchange.started + took
                exchange.response = from_upstream()
                gate.on_response(exchange)
        assert look(house).adaptive.typical > 10.0
        full(house)
        exchange = an_exchange(started=house.clock.monotonic())
        exchange.traffic = traffic
        assert isinstance(quick.on_request(exchange), asyncio.Future)
        exchange = an_exchange(started=house.clock.monotonic() - 45.0)
        exchange.traffic = traffic
        assert isinstance(slow.on_request(exchange), Refusal)


def test_who_cannot_be_answered_in_time_is_turned_away_at_once() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        full(house)
        exchange = an_exchange(started=house.clock.monotonic() - 60.0)
        gate = house.gate(a_route(timeouts=Timeouts(total=60.0)))
        assert isinstance(gate.on_request(exchange), Refusal)
        assert (exchange.admitted, house.counted("full")) == (0.0, 1)


# What it learns


def look(house: House) -> ServiceRoom:
    """Have a look, where people of all classes ask."""
    house.room.mix.look([1, 1, 1, 1], house.clock.monotonic())
    house.clock.advance(1.1)
    house.rooms.tick(busy=0.0, lag=0.0)
    return house.room


def test_answers_teach_how_long_a_route_takes() -> None:
    house = House()
    for _ in range(20):
        answer(house, admitted(house), from_upstream(), took=0.25)
    assert look(house).adaptive.typical == pytest.approx(0.25)


@pytest.mark.parametrize(
    "bad", [lambda: from_upstream(503), lambda: answer_of(UPSTREAM_FIRST_BYTE_TIMEOUT)]
)
def test_a_service_that_cannot_is_asked_less(bad: Callable[[], Response]) -> None:
    house = House()
    for _ in range(20):
        answer(house, admitted(house), from_upstream())
    look(house)
    everybody = [admitted(house) for _ in range(40)]
    for exchange in everybody:
        answer(house, exchange, bad())
    assert look(house).limit == 28


class Client:
    """Whose body is never waited for."""

    def pause_upload(self) -> None:
        raise AssertionError

    def resume_upload(self) -> None:
        raise AssertionError


def uploads(house: House, count: int, status: int) -> None:
    """Have so many ask at once with a body; who finds no room leaves, all others are answered."""
    everybody = [an_exchange(started=house.clock.monotonic()) for _ in range(count)]
    for exchange in everybody:
        exchange.upload = Upload(Client(), limit=10, keep=0)
        house.gate().on_request(exchange)
    for exchange in everybody:
        if exchange.admitted < 0.0:
            house.gate().on_finish(exchange)
    for exchange in everybody:
        answer(house, exchange, from_upstream(status))


def test_a_service_of_uploads_alone_is_asked_more_once_it_can_again() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        uploads(house, 20, 200)
        look(house)
        for _ in range(20):
            uploads(house, 80, 503)
            look(house)
        assert house.room.limit == 2
        for _ in range(40):
            uploads(house, 80, 200)
            look(house)
        assert house.room.limit > 16


@pytest.mark.parametrize(("service", "is_spared"), [("gateway", True), ("players", False)])
def test_that_there_is_no_room_for_logins_leaves_the_room_for_all_others(
    service: str, is_spared: bool
) -> None:
    house = House()
    gate = house.gate(a_route(service=service))

    def ask(many: int, response: Response) -> None:
        everybody = [an_exchange(started=house.clock.monotonic()) for _ in range(many)]
        for exchange in everybody:
            gate.on_request(exchange)
        for exchange in everybody:
            exchange.tries, exchange.response = 1, response
            gate.on_response(exchange)
        house.rooms.of(service).mix.look([1, 1, 1, 1], house.clock.monotonic())
        house.clock.advance(1.1)
        house.rooms.tick(busy=0.0, lag=0.0)

    ask(10, from_upstream())
    ask(40, from_upstream(503, [(b"x-tta-closed-for", b"0.5")]))
    assert (house.rooms.of(service).limit == UNKNOWN) == is_spared


@pytest.mark.parametrize("of", ["local", "again", "fallback"])
def test_what_tells_nothing_of_the_service_teaches_nothing(of: str) -> None:
    house = House()
    for _ in range(20):
        exchange = admitted(house)
        exchange.degraded = b"players" if of == "fallback" else b""
        answer(house, exchange, Response(200) if of == "local" else from_upstream())
        exchange.tries = 2
    for _ in range(20):
        exchange = admitted(house)
        exchange.tries, exchange.first_byte_at = 2, exchange.started + 0.1
        exchange.response = from_upstream()
        house.gate().on_response(exchange)
    expected = pytest.approx(0.1) if of == "again" else 0.0
    assert look(house).adaptive.typical == expected
