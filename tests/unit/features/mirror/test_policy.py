"""Copies of requests, over a way upstream that is not there."""

from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, from_upstream
from tests.helpers.fake_origin import FakeTunnel
from tta_gateway.features.mirror.bound import MirrorBound
from tta_gateway.features.mirror.metrics import MIRRORED
from tta_gateway.features.mirror.policy import LARGEST, NOWHERE, BoundMirror, Mirror, Shadow, Ways
from tta_gateway.kernel.exchange import Exchange, Spliced
from tta_gateway.kernel.message import CHUNKED, Response, answer_of
from tta_gateway.kernel.problem import UPSTREAM_RESET
from tta_gateway.kernel.route import Fallback, Route
from tta_gateway.support.metrics import Registry


class Attempt:
    """A try that only notes that it was given up."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def pause_answer(self) -> None:
        """Nobody asks."""

    def fall_behind(self) -> None: ...

    def catch_up(self) -> None: ...

    def resume_answer(self) -> None:
        """Nobody asks."""


class House:
    """A mirror, and what it has sent."""

    def __init__(self, *, number: float = 0.0, spares: bool = False, **bound: object) -> None:
        self.later: list[Callable[[], None]] = []
        self.begun: list[Exchange] = []
        self.registry = Registry()
        self.policy = Mirror(
            Ways(later=self.later.append, begin=self.begun.append, forward=self.begun.append),
            chance=lambda: number,
            registry=self.registry,
            spares=lambda _: spares,
        )
        self.route = mirrored(**bound)
        found = self.policy.for_route(self.route)
        assert found is not None
        self.bound: BoundMirror = found

    def ask(self, exchange: Exchange | None = None) -> None:
        self.bound.on_request(exchange or an_exchange())

    def copy(self, exchange: Exchange | None = None) -> tuple[Exchange, Shadow]:
        """The copy of one request, on its way."""
        self.ask(exchange)
        self.later.pop()()
        copy = self.begun.pop()
        origin = copy.origin
        assert isinstance(origin, Shadow)
        copy.attempt = Attempt()
        return copy, origin

    def counted(self) -> dict[str, float]:
        outcomes = ("answered", "failed", "left_out")
        found = {one: self.registry.child(MIRRORED, "shadow", one) for one in outcomes}
        return {
            name: child.cells[child.at] for name, child in found.items() if child.cells[child.at]
        }


def mirrored(**bound: object) -> Route:
    struct = msgspec.structs.replace(MirrorBound(service="shadow"), **bound)
    return a_route(features={"mirror": msgspec.Raw(msgspec.msgpack.encode(struct))})


@pytest.mark.parametrize("route", [None, a_route()])
def test_a_route_without_a_shadow_is_left_alone(route: Route | None) -> None:
    assert House().policy.for_route(route) is None


def test_a_copy_leaves_when_the_request_s_own_turn_is_over() -> None:
    house = House()
    house.ask()
    assert (len(house.later), house.begun) == (1, [])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "TRACE", "CUSTOM"])
def test_what_may_change_anything_is_never_copied(method: str) -> None:
    house = House()
    house.ask(an_exchange(a_head(method)))
    assert house.later == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_reads_is_copied(method: str) -> None:
    house = House()
    house.ask(an_exchange(a_head(method)))
    assert len(house.later) == 1


@pytest.mark.parametrize("length", [1, CHUNKED])
def test_what_has_a_body_is_not_copied(length: int) -> None:
    house = House()
    house.ask(an_exchange(a_head(length=length)))
    assert house.later == []


def test_what_asks_for_another_protocol_is_not_copied() -> None:
    house, head = House(), a_head()
    head.upgrade = b"websocket"
    house.ask(an_exchange(head))
    assert house.later == []


def test_what_nobody_else_may_see_is_not_copied() -> None:
    house = House(spares=True)
    house.ask()
    assert house.later == []


@pytest.mark.parametrize(("number", "copies"), [(0.0, 1), (0.09, 1), (0.1, 0), (0.9, 0)])
def test_a_share_is_copied(number: float, copies: int) -> None:
    house = House(number=number, share=0.1)
    house.ask()
    assert len(house.later) == copies


def test_what_is_too_much_at_once_is_left_out_and_counted() -> None:
    house = House(in_flight=2)
    for _ in range(3):
        house.ask()
    assert (len(house.later), house.counted()) == (2, {"left_out": 1.0})


def test_a_copy_is_what_the_service_gets_and_says_that_it_is_one() -> None:
    house, exchange = House(), an_exchange()
    exchange.client, exchange.upstream_path = "192.0.2.9", b"/inner"
    exchange.upstream_fields, exchange.extra = [(b"a", b"b")], [(b"x-request-id", b"1")]
    copy, _ = house.copy(exchange)
    assert copy.request is exchange.request
    assert (copy.client, copy.upstream_path, copy.upstream_fields) == (
        "192.0.2.9",
        b"/inner",
        [(b"a", b"b")],
    )
    assert copy.extra == [(b"x-request-id", b"1"), (b"x-mirrored", b"1")]
    assert exchange.extra == [(b"x-request-id", b"1")]


def test_a_copy_is_tried_once_at_the_shadow_and_no_policy_sees_it() -> None:
    copy, _ = House().copy()
    route = copy.plan.route
    assert route is not None
    assert (route.service, route.tries, route.features, route.upgrade) == ("shadow", 1, {}, ())
    assert (copy.plan.policies, copy.service, copy.key) == ((), "", b"")


def test_an_answer_in_one_piece_is_the_end() -> None:
    house = House()
    _, shadow = house.copy()
    shadow.send_head(Response(200, body=b"all"))
    assert (house.bound.under_way, house.counted()) == (0, {"answered": 1.0})


def test_an_answer_that_streams_ends_with_its_end_and_counts_once() -> None:
    house = House()
    _, shadow = house.copy()
    shadow.send_interim(Response(103))
    shadow.send_head(from_upstream())
    shadow.send_data(b"some")
    assert house.bound.under_way == 1
    shadow.send_end()
    shadow.abort()
    shadow.flush()
    assert (house.bound.under_way, house.counted()) == (0, {"answered": 1.0})


def test_an_error_of_ours_is_a_failure() -> None:
    house = House()
    _, shadow = house.copy()
    shadow.send_head(answer_of(UPSTREAM_RESET))
    assert (house.bound.under_way, house.counted()) == (0, {"failed": 1.0})


def test_an_answer_that_breaks_off_is_a_failure() -> None:
    house = House()
    _, shadow = house.copy()
    shadow.send_head(from_upstream())
    shadow.abort()
    assert (house.bound.under_way, house.counted()) == (0, {"failed": 1.0})


def test_an_answer_that_is_too_long_is_given_up() -> None:
    house = House()
    copy, shadow = house.copy()
    attempt = copy.attempt
    shadow.send_head(from_upstream())
    shadow.send_data(b"x" * LARGEST)
    assert house.bound.under_way == 1
    shadow.send_data(b"x")
    assert isinstance(attempt, Attempt)
    assert attempt.cancelled
    assert (house.bound.under_way, house.counted()) == (0, {"failed": 1.0})


def test_nothing_is_asked_of_a_copy_that_it_has_not() -> None:
    _, shadow = House().copy()
    shadow.pause_upload()
    shadow.resume_upload()
    with pytest.raises(AssertionError):
        shadow.open_tunnel(cast("Spliced", FakeTunnel()))


def test_an_explanation_sends_nothing() -> None:
    policy = Mirror(NOWHERE, chance=lambda: 0.0, registry=Registry(), spares=lambda _: False)
    found = policy.for_route(mirrored(share=0.1))
    assert found is not None
    found.on_request(an_exchange())
    assert found.explain() == "copies 10 % of GET, HEAD and OPTIONS to shadow"


def test_a_copy_goes_to_nobody_in_the_shadow_s_place() -> None:
    house = House()
    route = msgspec.structs.replace(house.route, fallback=Fallback(service="players"))
    bound = house.policy.for_route(route)
    assert bound is not None
    bound.on_request(an_exchange())
    house.later[-1]()
    found = house.begun[-1].plan.route
    assert found is not None
    assert found.fallback is None
