"""Procedures that services do: who may call them, and who is asked."""

import asyncio
import json
from collections.abc import Awaitable

import pytest

from tests.helpers.asked_services import AskedServices
from tests.helpers.builders import Bound, a_head, a_route, an_exchange
from tta_gateway.features.identity.problems import MISSING
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.bound import Procedure, Question, RealtimeBound
from tta_gateway.features.realtime.codes import Disconnection, Refused
from tta_gateway.features.realtime.doorkeeper import Caller
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.node.handed_procedures import HandedProcedures
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.hub_services import HubServices
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.metrics import Registry

ADA = Caller("ada", "1")


def procedure(name: str) -> Procedure:
    rule = Route(name=f"call {name}", path="/call", auth="required")
    return Procedure(name=name, rule=rule, asked=Question(route=a_route(f"/{name}")))


class House:
    """Procedures, a connection, and a policy that refuses what it is told to."""

    def __init__(self, *names: str) -> None:
        self.services = AskedServices()
        hub = HubServices(self, Registry(), clock=lambda: 0.0)
        hub.asks = self.services
        runner = Runner(lambda work: work.close(), self.failed)
        inquiries = Inquiries(runner, clock=lambda: 0.0)
        desk = HubDesk(inquiries, wall=lambda: 0.0, services=hub)
        desk.adopt(RealtimeBound(), ())
        desk.came("1", an_exchange(a_head(fields=[(b"authorization", b"Bearer t")])))
        self.refused: Problem | None = None
        self.asked: list[str] = []
        self.handed = HandedProcedures(desk, inquiries, hub)
        policy = Bound(on_request=self.on_request)
        self.handed.adopt([procedure(name) for name in names], [policy])

    def failed(self, _: Exchange, error: BaseException) -> None:
        raise error

    def event(self, name: str, **fields: object) -> None:
        self.asked.append(f"{name} {fields}")

    def on_request(self, exchange: Exchange) -> Response | None:
        request = exchange.request
        assert request.get(b"authorization") == b"Bearer t"
        self.asked.append(f"{request.method.decode()} {request.path.decode()}")
        return None if self.refused is None else answer_of(self.refused)

    def call(self, method: str, data: bytes = b"[1]", caller: Caller = ADA) -> object:
        async def work() -> object:
            returned = self.handed.call(method, data, caller)
            return await returned if isinstance(returned, Awaitable) else returned

        return asyncio.run(work())


def test_a_service_does_what_is_called_and_returns() -> None:
    house = House("chat.close")
    house.services.answer(b'{"result":{"data":{"done":true}}}')
    assert house.call("chat.close") == b'{"done":true}'
    ((path, body, _),) = house.services.asked
    told = json.loads(body)
    assert (path, told["method"], told["data"], told["user"]) == (
        "/chat.close",
        "chat.close",
        [1],
        "ada",
    )
    assert house.asked == ["CALL /call"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b'{"error":{"code":404,"message":"x"}}', Refused(404, "x")),
        (b'{"disconnect":{"code":4000}}', Disconnection(4000, "")),
        (b"[]", codes.INTERNAL),
    ],
)
def test_a_service_may_refuse_and_what_it_says_by_mistake_is_an_error(
    said: bytes, why: object
) -> None:
    house = House("chat.close")
    house.services.answer(said)
    assert house.call("chat.close") == why


@pytest.mark.parametrize(
    ("problem", "why"),
    [(NOT_FOUND, codes.PERMISSION_DENIED), (MISSING, codes.PERMISSION_DENIED)],
)
def test_who_may_not_call_it_is_told_and_no_service_is_asked(problem: Problem, why: object) -> None:
    house = House("chat.close")
    house.refused = problem
    assert house.call("chat.close") == why
    assert house.services.asked == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("chat.close", "/chat.close"),
        ("chat.open", "/chat."),
        ("chat.room:1", "/chat.room:"),
        ("chat.", "/chat."),
    ],
)
def test_a_procedure_is_done_by_whose_name_or_longest_beginning_it_has(
    method: str, path: str
) -> None:
    house = House("chat.", "chat.close", "chat.room:", "x")
    house.call(method)
    assert house.services.asked[0][0] == path


@pytest.mark.parametrize("method", ["chat", "x.y", "xy", "", "other.", "a" * 60_000 + "."])
def test_what_nobody_does_is_not_available(method: str) -> None:
    assert House("chat.", "x").call(method) == codes.NOT_AVAILABLE
    assert House().call(method) == codes.NOT_AVAILABLE


def test_who_has_gone_calls_nothing() -> None:
    assert House("chat.").call("chat.x", caller=Caller("ada", "2")) == codes.NOT_AVAILABLE


def test_what_is_sent_is_taken_by_nobody() -> None:
    assert House("chat.").handed.send(b"1", ADA) == codes.UNAVAILABLE
