"""Questions on an open connection, by a real driver and policies that the tests lay down."""

from collections.abc import Callable

import pytest

from tests.helpers.builders import Bound, a_head, a_plan, a_route, an_exchange
from tests.helpers.steps import Gate, Work, turn
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.kernel.traffic import CRISIS, THERAPEUTIC
from tta_gateway.node.inquiry import Inquiries, Inquiry, Sparing, pass_on
from tta_gateway.pipeline.run import Runner

Step = Callable[[Exchange], object]


class House:
    """A driver, one policy that keeps a diary, and whoever asks, who keeps the same."""

    def __init__(self, asked: Step = lambda _: None, answered: Step = lambda _: None) -> None:
        self.diary: list[str] = []
        self.works: list[Work] = []
        self.runner = Runner(self.works.append, lambda _, error: self.diary.append(repr(error)))
        self.policy = Bound(
            on_request=self.step("asked", asked),
            on_response=self.step("answered", answered),
            on_finish=self.step("finished", lambda _: None),
        )
        self.like = an_exchange()

    def step(self, line: str, then: Step) -> Step:
        def step(exchange: Exchange) -> object:
            self.diary.append(line)
            return then(exchange)

        return step

    def may(self, inquiry: Inquiry) -> None:  # noqa: ARG002 - a port
        self.diary.append("may")

    def may_not(self, inquiry: Inquiry, response: Response) -> None:  # noqa: ARG002 - likewise
        self.diary.append(f"may not: {response.status}")

    def ended(self, inquiry: Inquiry, code: int, reason: bytes) -> None:  # noqa: ARG002 - likewise
        self.diary.append(f"ended: {code} {reason.decode()}")

    def ask(self) -> Inquiry:
        plan = a_plan([self.policy], forward=pass_on)
        inquiries = Inquiries(self.runner, clock=lambda: 5.0)
        return inquiries.ask(plan, a_head(), like=self.like, params={"id": "a"}, asker=self)

    def told(self) -> list[str]:
        """Return what has been written since the last look."""
        told, self.diary = self.diary, []
        return told


def no(_: Exchange) -> Response:
    return answer_of(NOT_FOUND)


def test_it_is_asked_as_on_the_connection_that_it_came_by() -> None:
    house = House()
    exchange = house.ask().exchange
    assert (exchange.peer, exchange.client) == (house.like.peer, house.like.client)
    assert (exchange.params, exchange.started) == ({"id": "a"}, 5.0)


def test_what_is_done_at_once_runs_through_all_phases() -> None:
    house = House()
    house.ask().done()
    assert house.told() == ["asked", "may", "answered", "finished"]


def test_what_goes_on_is_finished_when_it_is_over() -> None:
    house = House()
    inquiry = house.ask()
    inquiry.keep()
    assert house.told() == ["asked", "may", "answered"]
    response = inquiry.exchange.response
    assert response is not None
    assert response.status == 101
    inquiry.over()
    assert house.told() == ["finished"]


@pytest.mark.parametrize("answer", [no, lambda exchange: Refusal(no(exchange), deferrable=True)])
def test_a_refusal_is_told_and_the_end(answer: Step) -> None:
    house = House(asked=answer)
    house.ask()
    assert house.told() == ["asked", "answered", "finished", "may not: 404"]


def test_a_fault_is_a_refusal() -> None:
    def fails(_: Exchange) -> None:
        raise ValueError("of a policy")

    house = House(asked=fails)
    house.ask()
    assert house.told() == ["asked", "ValueError('of a policy')", "may not: 500"]


def test_a_policy_may_take_its_time() -> None:
    gate = Gate()
    house = House(asked=lambda _: gate)
    inquiry = house.ask()
    turn(house.works)
    assert house.told() == ["asked"]
    gate.open()
    turn(house.works)
    assert house.told() == ["may"]
    inquiry.done()
    assert house.told() == ["answered", "finished"]


def test_who_goes_meanwhile_hears_nothing() -> None:
    gate = Gate()
    house = House(asked=lambda _: gate)
    inquiry = house.ask()
    turn(house.works)
    inquiry.over()
    assert house.told() == ["asked", "finished"]
    gate.open(answer_of(NOT_FOUND))
    turn(house.works)
    assert house.told() == []


def test_what_goes_on_ends_when_it_is_allowed_no_longer() -> None:
    house = House()
    inquiry = house.ask()
    inquiry.keep()
    house.told()
    inquiry.exchange.origin.dismiss(3000, b"expired")
    inquiry.exchange.origin.dismiss(3000, b"expired")
    assert house.told() == ["finished", "ended: 3000 expired"]


def test_a_fault_behind_the_answer_ends_it() -> None:
    house = House(answered=lambda _: None)
    inquiry = house.ask()
    inquiry.keep()
    house.told()
    inquiry.exchange.origin.abort()
    assert house.told() == ["finished", "ended: 1011 a fault of the gateway's"]


def test_what_is_over_stays_so() -> None:
    house = House()
    inquiry = house.ask()
    inquiry.done()
    house.told()
    inquiry.keep()
    inquiry.done()
    inquiry.over()
    inquiry.passed()
    assert house.told() == []


def test_nothing_but_a_code_is_taken_of_an_answer() -> None:
    house = House()
    inquiry = house.ask()
    origin = inquiry.exchange.origin
    origin.send_interim(Response(103))
    origin.send_data(b"a")
    origin.send_end()
    origin.flush()
    origin.pause_upload()
    origin.resume_upload()
    assert house.told() == ["asked", "may"]
    with pytest.raises(AssertionError):
        origin.open_tunnel(None)  # type: ignore[arg-type]  # nobody has one


class Found:
    """What was found in what somebody says (the port Noticed)."""

    def __init__(self, level: int, *, is_spared: bool) -> None:
        self.level = level
        self.is_spared = is_spared

    async def keep(self, *, delivered: bool) -> None:
        """Keep nothing."""


@pytest.mark.parametrize(
    ("noticed", "told"),
    [
        (None, "may not: 429"),
        (Found(2, is_spared=False), "may not: 429"),
        (Found(2, is_spared=True), "may"),
    ],
)
def test_a_limit_does_not_stop_what_somebody_at_risk_says(noticed: Found | None, told: str) -> None:
    house = House(lambda _: Refusal(Response(429), deferrable=True))
    sparing = Sparing()
    assert sparing.for_route(None) is None
    assert sparing.explain().startswith("has what people at risk say pass")
    plan = a_plan([house.policy, sparing], route=a_route(), forward=pass_on)
    inquiries = Inquiries(house.runner, clock=lambda: 5.0)
    inquiries.ask(plan, a_head(), like=house.like, params={}, asker=house, noticed=noticed)
    for _ in range(5):
        turn(house.works)
    assert told in house.told()


def test_a_refusal_that_may_not_wait_stands() -> None:
    house = House(no)
    plan = a_plan([house.policy, Sparing()], route=a_route(), forward=pass_on)
    inquiries = Inquiries(house.runner, clock=lambda: 5.0)
    found = Found(3, is_spared=True)
    inquiries.ask(plan, a_head(), like=house.like, params={}, asker=house, noticed=found)
    assert "may not: 404" in house.told()


@pytest.mark.parametrize(("level", "traffic"), [(1, THERAPEUTIC), (2, CRISIS)])
def test_what_is_urgent_is_of_the_class_of_crises(level: int, traffic: int) -> None:
    house = House()
    plan = a_plan([house.policy], forward=pass_on)
    inquiries = Inquiries(house.runner, clock=lambda: 5.0)
    found = Found(level, is_spared=False)
    made = inquiries.ask(plan, a_head(), like=house.like, params={}, asker=house, noticed=found)
    assert made.exchange.traffic == traffic


def test_other_exchanges_are_spared_by_nobody() -> None:
    exchange = an_exchange()
    exchange.refusal = Response(429)
    Sparing().on_request(exchange)
    assert exchange.refusal is not None
