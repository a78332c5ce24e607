"""What services say, and what becomes of what they do not say."""

import asyncio

import pytest

from tests.helpers.asked_services import AskedServices, Told
from tests.helpers.builders import a_head, a_plan, a_route, an_exchange
from tests.helpers.heard_people import HARM, People
from tta_gateway.features.realtime.bound import ChannelRule, Procedure, Question, RealtimeBound
from tta_gateway.features.realtime.codes import INTERNAL, Refused
from tta_gateway.features.realtime.contract import amended
from tta_gateway.features.realtime.doorkeeper import Amended
from tta_gateway.features.realtime.metrics import QUESTIONS
from tta_gateway.kernel.message import Response
from tta_gateway.node.hub_services import HubServices, fields_of, told_names
from tta_gateway.node.hub_visitor import Visitor
from tta_gateway.node.inquiry import Inquiries, Inquiry
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.metrics import Registry

ASKED = Question(route=a_route("/publish"), fields=("origin",), told_fields=("x-key",))
RESULTS = ("allowed", "refused", "unclear", "away")


class House:
    """A service that says what the test wants, and operators who read."""

    def __init__(self) -> None:
        self.services = AskedServices()
        self.registry = Registry()
        self.now = 0.0
        self.told: list[dict[str, object]] = []
        self.hub = HubServices(self, self.registry, clock=lambda: self.now)
        self.hub.asks = self.services
        head = a_head(fields=[(b"origin", b"here"), (b"cookie", b"a=b")])
        self.visitor = Visitor(an_exchange(head))
        self.visitor.told = {"x-key": "7"}

    def event(self, name: str, **fields: object) -> None:
        self.told.append({"event": name, **fields})

    def ask(self, told: Told) -> object:
        self.services.says = [told]
        says = self.hub.of("publish", ASKED)
        assert says is not None
        return asyncio.run(says.about(an_exchange(), self.visitor, b"body", amended))

    def counted(self) -> list[float]:
        found = (self.registry.child(QUESTIONS, "players", "publish", one) for one in RESULTS)
        return [one.cells[one.at] for one in found]


def test_what_a_service_allows_or_refuses_is_told_and_counted() -> None:
    house = House()
    assert house.ask(Told(200, b'{"result":{}}')) == Amended()
    assert house.ask(Told(200, b'{"error":{"code":400}}')) == Refused(400, "")
    assert house.ask(Told(200, b'{"disconnect":{"code":4000}}')) is not None
    assert house.counted() == [1.0, 2.0, 0.0, 0.0]
    assert house.told == []
    assert house.services.asked[0] == (
        "/publish",
        b"body",
        [(b"origin", b"here"), (b"x-key", b"7")],
    )


def test_what_is_not_clear_allows_nothing_and_operators_hear_of_it() -> None:
    house = House()
    assert house.ask(Told(200, b'{"ok":true}')) is INTERNAL
    why = "says neither `result` nor `error` nor `disconnect`"
    assert house.told == [
        {
            "event": "realtime_service_unclear",
            "service": "players",
            "about": "publish",
            "why": why,
        }
    ]
    assert house.counted() == [0.0, 0.0, 1.0, 0.0]


def test_who_does_not_answer_or_with_another_status_allows_nothing() -> None:
    house = House()
    for told in (Told(0, why="breaker_open"), Told(500, b'{"result":{}}'), Told(204)):
        assert house.ask(told) is INTERNAL
        house.now += 20.0
    assert [one["why"] for one in house.told] == [
        "breaker_open",
        "answers with status 500",
        "answers with status 204",
    ]
    assert house.counted() == [0.0, 0.0, 0.0, 3.0]


def test_what_a_service_says_that_would_do_harm_is_replaced_and_kept() -> None:
    house, people = House(), People()
    house.hub.listener = people.listener
    found = house.ask(Told(200, f'{{"error":{{"code":400,"message":"{HARM}"}}}}'.encode()))
    assert isinstance(found, Refused)
    assert HARM not in repr(found)
    ((report, text),) = people.kept
    assert (report.source, report.service, report.delivered) == ("reply", "players", False)
    assert report.identity == "unknown"
    assert HARM in text


def test_of_a_storm_operators_hear_once_in_a_while() -> None:
    house = House()
    for at in range(25):
        house.now = float(at)
        house.ask(Told(0, why="breaker_open"))
    assert len(house.told) == 3


def test_none_is_asked_where_none_is_named_or_nothing_can_ask() -> None:
    house = House()
    assert house.hub.of("publish", None) is None
    house.hub.asks = None
    assert house.hub.of("publish", ASKED) is None


def test_a_service_is_told_fields_by_their_names_the_request_s_before_a_client_s() -> None:
    asked = Question(route=a_route(), fields=("a", "b"), told_fields=("b", "c", "d", "e"))
    sent = [(b"a", b"1"), (b"b", b"2"), (b"z", b"3")]
    told = {"b": "9", "c": "4", "d": "a\r\nb: c", "e": "é", "f": "5"}
    assert fields_of(asked, sent, told) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"4")]
    assert fields_of(Question(route=a_route()), sent, told) == []


def test_of_what_clients_write_only_what_some_service_is_told_is_kept() -> None:
    def asked(name: str) -> Question:
        return Question(route=a_route(), told_fields=(name,))

    bound = RealtimeBound(
        asked_connect=asked("a"),
        asked_refresh=asked("b"),
        procedures=(Procedure(name="x", rule=a_route(), asked=asked("c")),),
        channels=(ChannelRule(prefix="n", asked_subscribe=asked("d"), asked_publish=asked("a")),),
    )
    assert told_names(bound) == {"a", "b", "c", "d"}
    assert told_names(RealtimeBound()) == frozenset()


class AtRisk:
    """Somebody who may be."""

    level, is_spared = 2, True

    async def keep(self, *, delivered: bool) -> None:
        raise AssertionError(delivered)


class Nobody:
    """Waits for nothing."""

    def may(self, inquiry: Inquiry) -> None: ...

    def may_not(self, inquiry: Inquiry, response: Response) -> None: ...

    def ended(self, inquiry: Inquiry, code: int, reason: bytes) -> None: ...


@pytest.mark.parametrize("has_asked", [True, False])
def test_a_service_is_told_who_may_be_at_risk_if_it_has_asked(*, has_asked: bool) -> None:
    house = House()
    house.hub.told = frozenset(["players"] if has_asked else ["another"])
    inquiry = Inquiries(Runner(lambda work: work.close(), lambda _, __: None), clock=float).ask(
        a_plan(), a_head(), like=an_exchange(), params={}, asker=Nobody(), noticed=AtRisk()
    )
    says = house.hub.of("publish", ASKED)
    assert says is not None
    asyncio.run(says.about(inquiry.exchange, house.visitor, b"body", amended))
    _, _, fields = house.services.asked[0]
    assert ((b"x-safety-level", b"2") in fields) is has_asked
