"""By what plans tethers open, and what a service is asked."""

import asyncio
import gc
from dataclasses import replace
from typing import Any, Final, cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.own_sockets import Echo
from tests.helpers.steps import Work
from tta_gateway.edge.own_socket import OwnSockets
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.features.tether.bond import Bonded
from tta_gateway.features.tether.bound import SOCKET, TetherBound
from tta_gateway.features.tether.desk import Asker
from tta_gateway.features.tether.guest import Guest
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Auth
from tta_gateway.kernel.said import Hearing, Need, Said
from tta_gateway.kernel.socket import LegHearer
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.node.policies import policies
from tta_gateway.node.tethering import Tethering
from tta_gateway.pipeline.run import Runner
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry

SNAPSHOT: Final = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())


def _died(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


class Loop:
    """A loop that never turns."""

    def call_soon(self, call: object) -> None: ...


class House:
    """The tethers of a worker whose policies are those of every worker."""

    def __init__(self, auth: Auth = "required", **bound: object) -> None:
        works: list[Work] = []
        runner = Runner(works.append, lambda _, __: None)
        sweeper = Sweeper(cast("asyncio.AbstractEventLoop", Loop()), lambda: 0.0)
        sockets = OwnSockets(sweeper, runner, lambda _, __: None)
        self.tethering = Tethering(
            sweeper,
            runner,
            sockets,
            clock=FakeClock(),
            registry=Registry(),
            died=lambda _, __: None,
        )
        raw = msgspec.Raw(msgspec.msgpack.encode(TetherBound(**bound)))  # type: ignore[arg-type]
        route = a_route(
            "/ws",
            auth=auth,
            socket=SOCKET,
            features={SOCKET: raw},
            request_fields=(("x-a", "b"),),
        )
        made = policies(SNAPSHOT, registry=Registry(), lines=None, clock=FakeClock())
        self.forwarded: list[Exchange] = []
        self.plan: Plan = self.tethering.plan(route, made, self.forwarded.append)

    def guest(self, target: str, token: bytes = b"") -> Guest:
        fields = [(b"authorization", b"Bearer old"), (b"x-socket-number", b"99"), (b"x-c", b"d")]
        exchange = an_exchange(a_head(target=target, fields=fields), plan=self.plan)
        exchange.request.path = b"/ws"
        guest = Guest(exchange, None, token)
        guest.session, guest.number = "of-this", 2
        return guest

    def asked(self, target: str, token: bytes = b"") -> Exchange:
        hearer = cast("LegHearer", Echo())
        return self.tethering.open(self.guest(target, token), hearer).exchange


def _names(plan: Plan) -> list[str]:
    return [type(one).__name__ for one in plan.policies]


def test_who_comes_is_judged_once_and_what_the_service_sees_is_made_for_each_socket() -> None:
    house = House()
    opening, service = _names(house.plan), _names(house.asked("/ws").plan)
    assert "BoundIdentity" in opening
    assert "BoundIdentity" in service
    assert "BoundTransform" not in opening
    assert "BoundTransform" in service
    assert "BoundWebSocketOrigin" not in service


def test_a_socket_to_the_service_is_let_in_there_as_a_request_is() -> None:
    house = House()
    assert "BoundGate" not in _names(house.plan)
    assert "BoundGate" in _names(house.asked("/ws").plan)


@pytest.mark.parametrize(("first", "needed"), [(0.0, True), (10.0, False)])
def test_who_may_show_a_token_later_is_not_asked_for_one_before(
    first: float, *, needed: bool
) -> None:
    plan = House(first_message=first).plan
    told = [one.explain() for one in plan.policies]
    assert ("asks for an access token" in told) is needed
    assert ("takes an access token, and lets in who shows none" in told) is not needed


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/ws", b"/ws"),
        ("/ws?session_id=a&x=1", b"/ws?session_id=a&x=1"),
        ("/ws?resume=secret&session_id=a&received=1", b"/ws?session_id=a"),
        ("/ws?resume=secret", b"/ws"),
        ("/ws?r%65sume=secret&%72eceived=1&a%3Db=c", b"/ws?a%3Db=c"),
    ],
)
def test_the_service_sees_no_resume_token(target: str, asked: bytes) -> None:
    assert House().asked(target).request.target == asked


def test_the_service_sees_which_session_and_which_socket_of_it_this_is() -> None:
    fields = House().asked("/ws").request.fields
    assert (b"x-socket-session", b"of-this") in fields
    assert [value for name, value in fields if name == b"x-socket-number"] == [b"2"]
    assert (b"x-c", b"d") in fields


@pytest.mark.parametrize(("token", "shown"), [(b"", b"Bearer old"), (b"new", b"Bearer new")])
def test_the_token_that_was_shown_last_counts(token: bytes, shown: bytes) -> None:
    fields = House().asked("/ws", token).request.fields
    assert [value for name, value in fields if name == b"authorization"] == [shown]


class Answers:
    """Keeps what the desk says."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def may(self, inquiry: object) -> None:  # noqa: ARG002 - a port
        self.said.append("may")

    def may_not(self, inquiry: object, response: object) -> None:  # noqa: ARG002 - likewise
        self.said.append("may not")

    def ended(self, inquiry: object, code: int, reason: bytes) -> None:  # noqa: ARG002 - likewise
        self.said.append(code)


@pytest.mark.parametrize(("auth", "said"), [("none", "may"), ("required", "may not")])
def test_a_token_is_proved_as_that_of_a_request(auth: Auth, said: str) -> None:
    house = House(auth)
    asker = Answers()
    guest = house.guest("/ws", b"unknown")
    house.tethering.prove(guest.exchange, b"unknown", cast("Asker", asker))
    assert asker.said == [said]
    assert house.forwarded == []


def test_a_worker_that_goes_keeps_nothing_any_more() -> None:
    house = House()
    house.tethering.tick(SNAPSHOT, is_leaving=False)
    assert not house.tethering.sockets.is_leaving
    house.tethering.tick(SNAPSHOT, is_leaving=True)
    assert house.tethering.sockets.is_leaving


def test_plans_of_routes_that_have_gone_are_forgotten_and_serve_who_is_there() -> None:
    """Red where each reload that renames a route leaves its plans behind."""
    house = House()
    guest = house.guest("/ws")
    assert len(house.tethering._plans) == 1
    house.plan = guest.exchange.plan
    house.tethering._plans.clear()  # as where the table of before has gone
    hearer = cast("LegHearer", Echo())
    assert "BoundGate" in _names(house.tethering.open(guest, hearer).exchange.plan)
    again = House()
    del again.plan
    gc.collect()
    assert len(again.tethering._plans) == 0


def test_a_tether_is_bound_once_there_are_channels() -> None:
    house = House()
    bonded = cast("Bonded", object())
    assert house.tethering.bind("a", bonded, serves=False) is None
    made: list[object] = []

    class Bindings:
        def bind(
            self, channel: str, bonded: Bonded, *, serves: bool, seat: Seat | None = None
        ) -> None:
            made.append((channel, bonded, serves, seat))

    house.tethering.bindings = cast("Any", Bindings())
    seat = Seat("name", 3, 7, "epoch")
    house.tethering.bind("a", bonded, serves=True, seat=seat)
    assert made == [("a", bonded, True, seat)]


class Talk:
    """What a guest is told."""

    def __init__(self) -> None:
        self.told: list[bytes] = []

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:
        assert is_text
        self.told.append(b"help" if is_help else data)

    def inform(self, data: bytes) -> bool:
        raise AssertionError(data)

    def close(self, code: int, reason: bytes) -> None:
        raise AssertionError(code, reason)


@pytest.mark.parametrize("way", ["found", "later", "nobody", "fault"])
def test_what_waits_for_a_service_is_heard_as_its_socket_would_hear_it(way: str) -> None:
    house, talk = House(), Talk()
    guest = house.guest("/ws")
    guest.principal = Principal(subject="ada", issuer="home")
    need = Need(2, is_spared=True, undelivered=lambda: None)

    def found(exchange: Exchange, said: Said) -> None:
        assert exchange.principal is guest.principal
        exchange.traffic = CRISIS
        said.talk.tell(b"card", is_text=True, is_help=True)
        said.need = need
        if way == "fault":
            raise ValueError

    async def later(exchange: Exchange, said: Said) -> None:
        await asyncio.sleep(0)
        found(exchange, said)

    scan = {"later": later, "nobody": None}.get(way, found)
    plans = house.tethering._plans_of(guest.exchange)
    plans.service = replace(plans.service, message_scan=scan)

    async def whole() -> Hearing | None:
        hearing = house.tethering.hear(guest, b"dark", is_text=True, talk=talk)
        assert (hearing is not None and hearing.is_done) is (way == "found")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return hearing

    hearing = asyncio.run(whole())
    assert talk.told == ([] if way == "nobody" else [b"help"])
    assert (hearing is not None and hearing.need is need) is (way in ("found", "later"))


@pytest.mark.parametrize("listens", [False, True])
def test_where_people_are_listened_to_no_end_is_bare(*, listens: bool) -> None:
    house = House()
    exchange = house.guest("/ws").exchange
    plans = house.tethering._plans_of(exchange)
    if not listens:
        plans.service = replace(plans.service, policies=())
    assert (b'"help"' in house.tethering.farewell(exchange)) is listens
