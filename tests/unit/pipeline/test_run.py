"""The driver, with policies that keep a diary: `a>` is a's request phase, `<a` its response phase,
`a.` its end.  Coroutines are driven by hand, one step at a `turn`."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest

from tests.helpers.builders import Bound, a_head, a_plan, an_exchange, from_upstream
from tests.helpers.fake_origin import FakeOrigin
from tests.helpers.sayings import a_saying
from tests.helpers.steps import Gate, Work, turn
from tta_gateway.kernel.errors import ClientFault, UpstreamFault
from tta_gateway.kernel.exchange import Exchange, Sink
from tta_gateway.kernel.message import NO_FIELDS, Fields, Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.problem import (
    BODY_TOO_LARGE,
    INTERNAL,
    NOT_FOUND,
    UPSTREAM_GARBAGE,
    UPSTREAM_RESET,
    Problem,
)
from tta_gateway.kernel.rote import PLACE
from tta_gateway.kernel.said import Said
from tta_gateway.pipeline.run import Runner

Then = Callable[[Exchange], object]


class Bug(Exception):
    """Something that nobody expects."""


class House:
    """A runner, the works that it has begun, and the diary of everybody."""

    def __init__(self) -> None:
        self.works: list[Work] = []
        self.reported: list[BaseException] = []
        self.diary: list[str] = []
        self.runner = Runner(self.works.append, lambda _, error: self.reported.append(error))

    def policy(
        self,
        name: str,
        *,
        request: Then | None = None,
        response: Then | None = None,
        finish: Then | None = None,
    ) -> Bound:
        """Return a policy that writes the diary, and then does what the test says."""
        return Bound(
            on_request=self.step(f"{name}>", request),
            on_response=self.step(f"<{name}", response),
            on_finish=self.step(f"{name}.", finish),
        )

    def step(self, line: str, then: Then | None = None) -> Then:
        """Return a step that writes this line."""

        def step(exchange: Exchange) -> object:
            self.diary.append(line)
            return then(exchange) if then is not None else None

        return step

    def scan(self, then: Then | None = None) -> Bound:
        """Return a policy that looks at refused requests too."""

        class Scan(Bound):
            scans_refused: ClassVar = True

        return Scan(on_request=self.step("scan>", then), on_finish=self.step("scan."))

    def ask(
        self, policies: Sequence[Bound], forward: Callable[[Exchange], None] | None = None
    ) -> FakeOrigin:
        """Let a piece of the gateway ask; the service answers 200 unless the test says else."""
        origin = FakeOrigin(self.runner)
        plan = a_plan(policies, forward=forward or self.service)
        origin.exchange = an_exchange(a_head(), origin=origin, plan=plan)
        self.runner.begin(origin.exchange)
        return origin

    def service(self, exchange: Exchange) -> None:
        """Answer with a body that streams."""
        self.diary.append("service")
        self.runner.respond(exchange, from_upstream())
        exchange.sink.send_data(b"ok")
        exchange.sink.send_end()

    def turn(self) -> None:
        """Let every work that is under way go one step on."""
        turn(self.works)


@pytest.fixture
def house() -> House:
    return House()


def answers(response: Response | Refusal) -> Callable[[Exchange], Answer]:
    return lambda _: response


def waits(gate: Gate) -> Callable[[Exchange], Gate]:
    return lambda _: gate


def fails(error: Exception) -> Callable[[Exchange], Answer]:
    def step(_: Exchange) -> Answer:
        raise error

    return step


def exchange_of(origin: FakeOrigin) -> Exchange:
    assert origin.exchange is not None
    return origin.exchange


def response_of(exchange: Exchange) -> Response:
    assert exchange.response is not None
    return exchange.response


# --- the order -----------------------------------------------------------------------------------


def test_requests_go_down_the_order_and_answers_up(house: House) -> None:
    house.ask([house.policy("a"), house.policy("b")])
    assert house.diary == ["a>", "b>", "service", "<b", "<a", "b.", "a."]


def test_an_exchange_from_inside_without_a_socket_runs_the_same_plan_and_gets_its_answer(
    house: House,
) -> None:
    marked = house.policy("a", response=lambda one: response_of(one).fields.append((b"seen", b"a")))
    origin = house.ask([marked])
    assert (origin.head and origin.head.fields, origin.said) == (
        [(b"seen", b"a")],
        ["200", b"ok", "end"],
    )


def test_an_answer_on_the_way_down_ends_the_way_there(house: House) -> None:
    house.ask([house.policy("a"), house.policy("b", request=answers(Response(204))), Bound()])
    assert house.diary == ["a>", "b>", "<b", "<a", "b.", "a."]


def test_an_answer_on_the_way_down_reaches_the_client(house: House) -> None:
    origin = house.ask([house.policy("a", request=answers(Response(204)))])
    assert origin.said == ["204", "end"]


def test_only_policies_that_were_entered_see_the_answer(house: House) -> None:
    house.ask([house.policy("a", request=answers(Response(204))), house.policy("b")])
    assert house.diary == ["a>", "<a", "a."]


def test_a_policy_without_a_request_phase_is_entered_when_its_turn_has_passed(
    house: House,
) -> None:
    silent = Bound(on_finish=house.step("silent."))
    house.ask([silent, house.policy("b", request=answers(Response(204)))])
    assert house.diary == ["b>", "<b", "b.", "silent."]


def test_policies_behind_the_last_request_phase_are_entered_by_what_is_forwarded(
    house: House,
) -> None:
    house.ask([house.policy("a"), Bound(on_response=house.step("<silent"))])
    assert house.diary == ["a>", "service", "<silent", "<a", "a."]


def test_an_answer_may_be_replaced_on_its_way_up(house: House) -> None:
    origin = house.ask([house.policy("a", response=answers(Response(418)))], forward=_nothing)
    house.runner.respond(exchange_of(origin), from_upstream())
    assert origin.said == ["418", "end"]


def test_policies_further_out_see_the_answer_that_replaced_another(house: House) -> None:
    seen: list[int] = []
    outer = house.policy("a", response=lambda one: seen.append(response_of(one).status))
    house.ask([outer, house.policy("b", response=answers(Response(418)))])
    assert seen == [418]


def test_an_answer_that_was_sent_is_told_so(house: House) -> None:
    origin = house.ask([house.policy("a")], forward=_nothing)
    assert house.runner.respond(exchange_of(origin), from_upstream())


def test_the_first_to_wrap_the_body_takes_it_first(house: House) -> None:
    def wraps(mark: bytes) -> Callable[[Exchange], None]:
        def step(exchange: Exchange) -> None:
            exchange.wraps = [*(exchange.wraps or []), lambda sink: Marking(sink, mark)]

        return step

    inner, outer = house.policy("b", response=wraps(b"b")), house.policy("a", response=wraps(b"a"))
    assert house.ask([outer, inner]).body == b"okba"


def test_a_body_that_came_with_its_head_goes_the_way_of_the_wraps_too(house: House) -> None:
    def wraps(exchange: Exchange) -> None:
        exchange.wraps = [lambda sink: Marking(sink, b"!")]

    origin = house.ask([house.policy("a", response=wraps)], forward=_nothing)
    response = from_upstream()
    response.body = b"whole"
    house.runner.respond(exchange_of(origin), response)
    assert (origin.said, exchange_of(origin).sent) == (["200", b"whole!", "end"], 5)


def test_a_body_of_ours_is_nobody_s_to_wrap(house: House) -> None:
    def wraps(exchange: Exchange) -> None:
        exchange.wraps = [lambda sink: Marking(sink, b"!")]

    origin = house.ask([house.policy("a", response=wraps)], forward=_nothing)
    house.runner.respond(exchange_of(origin), Response(200, body=b"ours"))
    assert origin.said == ["200", b"ours", "end"]


class Marking:
    """A sink that adds its mark to every part of the body."""

    def __init__(self, sink: Sink, mark: bytes) -> None:
        self._sink = sink
        self._mark = mark

    def send_data(self, data: bytes) -> None:
        self._sink.send_data(data + self._mark)

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        self._sink.send_end(trailers)

    def abort(self) -> None:
        self._sink.abort()


def test_an_answer_of_ours_gives_up_the_attempt_that_it_stands_in_for(house: House) -> None:
    attempt = FakeAttempt()
    origin = house.ask([house.policy("a", response=answers(Response(418)))], forward=_nothing)
    exchange_of(origin).attempt = attempt
    house.runner.respond(exchange_of(origin), from_upstream())
    assert attempt.told == ["cancel"]


class FakeAttempt:
    """An attempt that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def cancel(self) -> None:
        self.told.append("cancel")

    def pause_answer(self) -> None:
        self.told.append("pause")

    def fall_behind(self) -> None: ...

    def catch_up(self) -> None: ...

    def resume_answer(self) -> None:
        self.told.append("resume")


def _nothing(_: object) -> None:
    """Leave the exchange where it is."""


# --- the end -------------------------------------------------------------------------------------


def test_an_exchange_ends_once(house: House) -> None:
    origin = house.ask([house.policy("a")])
    house.runner.finish(exchange_of(origin))
    assert house.diary.count("a.") == 1


def test_one_policy_s_fault_at_the_end_is_not_the_others(house: House) -> None:
    house.ask([house.policy("a"), house.policy("b", finish=fails(Bug()))])
    assert house.diary[-2:] == ["b.", "a."]


def test_a_fault_at_the_end_is_reported(house: House) -> None:
    house.ask([house.policy("a", finish=fails(bug := Bug()))])
    assert house.reported == [bug]


def test_an_exchange_that_its_client_left_ends_for_those_who_were_entered(house: House) -> None:
    house.ask([house.policy("a")], forward=_nothing).leave()
    assert house.diary == ["a>", "a."]


# --- refusals ------------------------------------------------------------------------------------


def test_a_refusal_stands_at_once_where_nothing_is_scanned(house: House) -> None:
    refusal = Refusal(Response(429), deferrable=True)
    origin = house.ask([house.policy("a", request=answers(refusal))])
    assert (origin.status, house.works) == (429, [])


def test_a_refusal_that_may_not_wait_stands_at_once_on_a_scanned_route(house: House) -> None:
    origin = house.ask([house.policy("a", request=answers(Refusal(Response(403)))), house.scan()])
    assert (origin.status, house.diary) == (403, ["a>", "<a", "a."])


def deferred(house: House, scan: Then | None = None) -> FakeOrigin:
    refusal = Refusal(Response(429), deferrable=True)
    refuser = house.policy("a", request=answers(refusal))
    return house.ask([refuser, house.policy("between"), house.scan(scan)])


def test_a_deferrable_refusal_is_held_until_the_scan_has_looked(house: House) -> None:
    gate = Gate()
    origin = deferred(house, waits(gate))
    house.turn()
    assert (origin.said, house.diary) == ([], ["a>", "scan>"])
    gate.open()
    house.turn()


def test_a_deferred_refusal_stands_if_the_scan_finds_nothing(house: House) -> None:
    origin = deferred(house)
    house.turn()
    assert origin.status == 429


def test_the_scan_s_answer_stands_in_place_of_a_deferred_refusal(house: House) -> None:
    origin = deferred(house, answers(Response(202)))
    house.turn()
    assert origin.status == 202


def test_the_scan_s_own_refusal_stands_in_place_of_a_deferred_one(house: House) -> None:
    origin = deferred(house, answers(Refusal(Response(422), deferrable=True)))
    house.turn()
    assert origin.status == 422


def test_the_scan_may_take_its_time(house: House) -> None:
    origin = deferred(house, waits(gate := Gate()))
    house.turn()
    gate.open(Response(202))
    house.turn()
    assert origin.status == 202


def test_the_scan_can_read_which_refusal_waits_for_it(house: House) -> None:
    origin = deferred(house)
    house.turn()
    refusal = exchange_of(origin).refusal
    assert refusal is not None
    assert refusal.status == 429


def test_policies_between_a_deferred_refusal_and_the_scan_are_not_asked(house: House) -> None:
    deferred(house)
    house.turn()
    assert house.diary == ["a>", "scan>", "<a", "a."]


def test_a_refusal_behind_the_scan_stands_at_once(house: House) -> None:
    refusal = Refusal(Response(429), deferrable=True)
    origin = house.ask([house.scan(), house.policy("a", request=answers(refusal))])
    assert (origin.status, house.works) == (429, [])


def test_a_refusal_that_had_to_be_waited_for_is_deferred_too(house: House) -> None:
    refuser = house.policy("a", request=waits(gate := Gate()))
    origin = house.ask([refuser, house.scan(answers(Response(202)))])
    house.turn()
    gate.open(Refusal(Response(429), deferrable=True))
    house.turn()
    house.turn()
    assert origin.status == 202


def test_a_fault_of_the_scan_is_answered_as_one(house: House) -> None:
    origin = deferred(house, fails(Bug()))
    house.turn()
    assert (origin.code, len(house.reported)) == ("internal", 1)


# --- steps that wait, on the way down ------------------------------------------------------------


def test_nothing_waits_where_every_step_answers_at_once(house: House) -> None:
    house.ask([house.policy("a"), house.policy("b")])
    assert house.works == []


def test_a_step_that_waits_holds_the_request(house: House) -> None:
    house.ask([house.policy("a", request=waits(gate := Gate())), house.policy("b")])
    house.turn()
    assert house.diary == ["a>"]
    gate.open()
    house.turn()


@pytest.mark.parametrize("waiting", ["a", "b", "c"])
def test_a_request_goes_on_behind_a_step_that_waited_wherever_it_stands(
    house: House, waiting: str
) -> None:
    gate = Gate()
    steps = {waiting: waits(gate)}
    house.ask([house.policy(name, request=steps.get(name)) for name in "abc"])
    house.turn()
    gate.open()
    house.turn()
    assert house.diary == ["a>", "b>", "c>", "service", "<c", "<b", "<a", "c.", "b.", "a."]


def test_several_steps_may_wait_one_after_the_other(house: House) -> None:
    gates = [Gate(), Gate()]
    house.ask(
        [house.policy("a", request=waits(gates[0])), house.policy("b", request=waits(gates[1]))]
    )
    house.turn()
    gates[0].open()
    house.turn()
    assert house.diary == ["a>", "b>"]
    gates[1].open()
    house.turn()
    assert house.diary[-4:] == ["<b", "<a", "b.", "a."]


def test_an_answer_that_had_to_be_waited_for_ends_the_way_there(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate())), house.policy("b")])
    house.turn()
    gate.open(Response(204))
    house.turn()
    assert (origin.status, house.diary) == (204, ["a>", "<a", "a."])


def test_a_refusal_that_had_to_be_waited_for_stands(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate()))])
    house.turn()
    gate.open(Refusal(Response(403)))
    house.turn()
    assert origin.status == 403


def test_an_exchange_that_waits_says_so(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate()))])
    house.turn()
    assert exchange_of(origin).suspended
    gate.open()
    house.turn()
    assert not exchange_of(origin).suspended


def test_what_was_said_behind_a_wait_is_let_go(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate()))])
    house.turn()
    gate.open()
    house.turn()
    assert origin.flushes == 1


def test_a_policy_that_waits_hears_of_the_end_if_the_client_leaves(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate())), house.policy("b")])
    house.turn()
    origin.leave()
    assert house.diary == ["a>", "a."]
    gate.open()
    house.turn()


def test_nothing_goes_on_for_a_client_that_left_while_a_policy_waited(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate())), house.policy("b")])
    house.turn()
    origin.leave()
    gate.open()
    house.turn()
    assert (house.diary, origin.said) == (["a>", "a."], [])


def test_a_second_step_that_waits_hears_of_the_end_too(house: House) -> None:
    gates = [Gate(), Gate()]
    steps = [house.policy("a", request=waits(gates[0])), house.policy("b", request=waits(gates[1]))]
    origin = house.ask(steps)
    house.turn()
    gates[0].open()
    house.turn()
    origin.leave()
    gates[1].open()
    house.turn()
    assert house.diary == ["a>", "b>", "b.", "a."]


def test_a_request_that_was_answered_while_a_policy_waited_goes_nowhere(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate()))])
    house.turn()
    house.runner.fail(exchange_of(origin), ClientFault(BODY_TOO_LARGE))
    gate.open()
    house.turn()
    assert (origin.said, house.diary) == (["413", "end"], ["a>", "<a", "a."])


def test_a_fault_behind_a_wait_is_answered_once(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate()))])
    house.turn()
    gate.open(error=Bug())
    house.turn()
    assert (origin.said, len(house.reported)) == (["500", "end"], 1)


def test_a_fault_in_a_later_step_behind_a_wait_is_answered_once(house: House) -> None:
    steps = [
        house.policy("a", request=waits(gate := Gate())),
        house.policy("b", request=fails(Bug())),
    ]
    origin = house.ask(steps)
    house.turn()
    gate.open()
    house.turn()
    assert (origin.said, len(house.reported)) == (["500", "end"], 1)


def test_a_fault_of_the_forwarder_behind_a_wait_is_answered_once(house: House) -> None:
    def forward(_: Exchange) -> None:
        raise Bug

    origin = house.ask([house.policy("a", request=waits(gate := Gate()))], forward=forward)
    house.turn()
    gate.open()
    house.turn()
    assert (origin.said, len(house.reported)) == (["500", "end"], 1)


def test_a_fault_behind_a_wait_tells_nobody_when_the_client_has_left(house: House) -> None:
    origin = house.ask([house.policy("a", request=waits(gate := Gate()))])
    house.turn()
    origin.leave()
    gate.open(error=Bug())
    house.turn()
    assert (origin.said, len(house.reported)) == ([], 1)


# --- steps that wait, on the way up --------------------------------------------------------------


@pytest.mark.parametrize("waiting", ["a", "b", "c"])
def test_an_answer_goes_on_behind_a_step_that_waited_wherever_it_stands(
    house: House, waiting: str
) -> None:
    gate = Gate()
    steps = {waiting: waits(gate)}
    policies = [house.policy(name, response=steps.get(name)) for name in "abc"]
    origin = house.ask(policies, forward=_nothing)
    house.runner.respond(exchange_of(origin), Response(200))
    house.turn()
    gate.open()
    house.turn()
    assert (origin.said, house.diary[3:]) == (
        ["200", "end"],
        ["<c", "<b", "<a", "c.", "b.", "a."],
    )


def suspended(house: House, gate: Gate) -> FakeOrigin:
    """Ask, and let the answer wait in the middle of three policies."""
    policies = [house.policy("a"), house.policy("b", response=waits(gate)), house.policy("c")]
    origin = house.ask(policies, forward=_nothing)
    assert not house.runner.respond(exchange_of(origin), from_upstream())
    house.turn()
    return origin


def test_an_answer_that_waits_is_not_sent(house: House) -> None:
    gate = Gate()
    origin = suspended(house, gate)
    assert origin.said == []
    gate.open()
    house.turn()


def test_an_attempt_goes_on_when_the_head_that_waited_has_left(house: House) -> None:
    gate, attempt = Gate(), FakeAttempt()
    origin = suspended(house, gate)
    exchange_of(origin).attempt = attempt
    gate.open()
    house.turn()
    assert attempt.told == ["resume"]


def test_an_attempt_whose_answer_was_replaced_does_not_go_on(house: House) -> None:
    gate, attempt = Gate(), FakeAttempt()
    origin = suspended(house, gate)
    exchange_of(origin).attempt = attempt
    gate.open(Response(503))
    house.turn()
    assert (origin.said, attempt.told) == (["503", "end"], ["cancel"])


def test_an_answer_may_be_replaced_by_a_step_that_waited(house: House) -> None:
    gate = Gate()
    origin = suspended(house, gate)
    gate.open(Response(503))
    house.turn()
    assert origin.status == 503


def test_an_answer_may_wait_twice(house: House) -> None:
    gates = [Gate(), Gate()]
    policies = [house.policy(name, response=waits(gates["ab".index(name)])) for name in "ab"]
    origin = house.ask(policies, forward=_nothing)
    house.runner.respond(exchange_of(origin), Response(200))
    house.turn()
    gates[1].open()
    house.turn()
    assert origin.said == []
    gates[0].open()
    house.turn()
    assert origin.said == ["200", "end"]


def test_nothing_is_sent_to_a_client_that_left_while_the_answer_waited(house: House) -> None:
    gate = Gate()
    origin = suspended(house, gate)
    origin.leave()
    gate.open()
    house.turn()
    assert (origin.said, house.diary[-3:]) == ([], ["c.", "b.", "a."])


def test_a_fault_of_an_answer_that_waits_is_answered_once(house: House) -> None:
    gate = Gate()
    origin = suspended(house, gate)
    gate.open(error=Bug())
    house.turn()
    assert (origin.said, len(house.reported)) == (["500", "end"], 1)


def test_a_fault_of_an_answer_that_waits_goes_on_outwards(house: House) -> None:
    gate = Gate()
    suspended(house, gate)
    gate.open(error=Bug())
    house.turn()
    assert house.diary[3:] == ["<c", "<b", "<a", "c.", "b.", "a."]


def test_a_fault_outside_an_answer_that_waited_is_answered_once(house: House) -> None:
    policies = [
        house.policy("a", response=fails(Bug())),
        house.policy("b", response=waits(gate := Gate())),
    ]
    origin = house.ask(policies, forward=_nothing)
    house.runner.respond(exchange_of(origin), from_upstream())
    house.turn()
    gate.open()
    house.turn()
    assert (origin.said, len(house.reported)) == (["500", "end"], 1)


def test_it_is_too_late_to_refuse_on_the_way_up(house: House) -> None:
    origin = house.ask([house.policy("a", response=answers(Refusal(Response(403))))])
    assert (origin.code, len(house.reported)) == ("internal", 1)


def test_it_is_too_late_to_refuse_behind_a_wait_on_the_way_up(house: House) -> None:
    gate = Gate()
    origin = suspended(house, gate)
    gate.open(Refusal(Response(403)))
    house.turn()
    assert (origin.code, len(house.reported)) == ("internal", 1)


# --- faults --------------------------------------------------------------------------------------


def test_an_error_of_ours_is_answered_with_its_problem(house: House) -> None:
    origin = house.ask([house.policy("a", request=fails(UpstreamFault(UPSTREAM_RESET)))])
    assert origin.code == UPSTREAM_RESET.code


def test_an_error_of_ours_is_nobody_s_bug(house: House) -> None:
    house.ask([house.policy("a", request=fails(UpstreamFault(UPSTREAM_RESET)))])
    assert house.reported == []


def test_an_error_of_ours_is_answered_with_its_detail(house: House) -> None:
    origin = house.ask([house.policy("a", request=fails(UpstreamFault(UPSTREAM_RESET, "why")))])
    assert origin.head is not None
    assert origin.head.detail == "why"


def test_an_unexpected_exception_is_answered_with_500(house: House) -> None:
    origin = house.ask([house.policy("a", request=fails(Bug("secret")))])
    assert (origin.status, origin.code) == (500, INTERNAL.code)


def test_an_unexpected_exception_is_reported_once(house: House) -> None:
    house.ask([house.policy("a", request=fails(bug := Bug()))])
    assert house.reported == [bug]


def test_what_an_unexpected_exception_says_is_not_told_to_the_client(house: House) -> None:
    origin = house.ask([house.policy("a", request=fails(Bug("secret")))])
    assert origin.head is not None
    assert origin.head.detail is None


def test_the_exchange_keeps_its_error(house: House) -> None:
    origin = house.ask([house.policy("a", request=fails(Bug()))])
    error = exchange_of(origin).error
    assert error is not None
    assert error.problem is INTERNAL


def test_a_policy_that_fails_on_the_way_down_has_not_been_entered(house: House) -> None:
    house.ask([house.policy("a"), house.policy("b", request=fails(Bug()))])
    assert house.diary == ["a>", "b>", "<a", "a."]


def test_policies_without_a_request_phase_word_the_fault_of_the_next(house: House) -> None:
    wording = Bound(on_response=house.step("<wording"))
    house.ask([wording, house.policy("b", request=fails(Bug()))])
    assert house.diary == ["b>", "<wording"]


def test_a_fault_of_the_forwarder_is_answered_with_500(house: House) -> None:
    origin = house.ask([house.policy("a")], forward=fails(Bug()))  # type: ignore[arg-type]
    assert (origin.status, house.diary) == (500, ["a>", "<a", "a."])


def test_a_fault_on_the_way_up_is_answered_with_500(house: House) -> None:
    origin = house.ask([house.policy("a", response=fails(Bug()))], forward=_nothing)
    house.runner.respond(exchange_of(origin), from_upstream())
    assert (origin.said, len(house.reported)) == (["500", "end"], 1)


def test_an_error_of_ours_on_the_way_up_is_answered_with_its_problem(house: House) -> None:
    fault = UpstreamFault(UPSTREAM_GARBAGE)
    origin = house.ask([house.policy("a", response=fails(fault))], forward=_nothing)
    house.runner.respond(exchange_of(origin), from_upstream())
    assert origin.code == UPSTREAM_GARBAGE.code


def test_a_fault_on_the_way_up_is_worded_by_the_policies_outside_of_it(house: House) -> None:
    policies = [house.policy("a"), house.policy("b", response=fails(Bug())), house.policy("c")]
    house.ask(policies, forward=_nothing_but(house, from_upstream()))
    assert house.diary[3:] == ["<c", "<b", "<a", "c.", "b.", "a."]


def test_a_fault_on_the_way_up_gives_up_the_attempt(house: House) -> None:
    attempt = FakeAttempt()
    origin = house.ask([house.policy("a", response=fails(Bug()))], forward=_nothing)
    exchange_of(origin).attempt = attempt
    house.runner.respond(exchange_of(origin), from_upstream())
    assert attempt.told == ["cancel"]


def test_every_policy_may_fail_on_the_way_up_and_there_is_still_an_answer(house: House) -> None:
    policies = [house.policy(name, response=fails(Bug())) for name in "abc"]
    origin = house.ask(policies, forward=_nothing_but(house, from_upstream()))
    assert (origin.said, len(house.reported)) == (["500", "end"], 3)


def _nothing_but(house: House, response: Response) -> Callable[[Exchange], None]:
    """Return a forwarder whose service answers with a head, and no more for now."""
    return lambda exchange: _ignored(house.runner.respond(exchange, response))


def _ignored(_: object) -> None:
    """Take what is of no interest."""


def test_a_fault_behind_the_head_breaks_the_answer_off(house: House) -> None:
    origin = house.ask([house.policy("a")], forward=_nothing_but(house, from_upstream()))
    house.runner.fail(exchange_of(origin), Bug())
    assert (origin.said, len(house.reported)) == (["200", "abort"], 1)


def test_a_fault_while_the_head_is_sent_breaks_the_answer_off(house: House) -> None:
    def wrap(_: Sink) -> Sink:
        raise Bug

    def step(exchange: Exchange) -> None:
        exchange.wraps = [wrap]

    response = _nothing_but(house, from_upstream())
    origin = house.ask([house.policy("a", response=step)], forward=response)
    assert (origin.said, len(house.reported)) == (["abort"], 1)


def test_a_fault_behind_the_end_harms_nobody(house: House) -> None:
    origin = house.ask([house.policy("a")])
    house.runner.fail(exchange_of(origin), ClientFault(BODY_TOO_LARGE))
    assert origin.said == ["200", b"ok", "end"]


def test_a_fault_before_the_first_policy_is_answered(house: House) -> None:
    origin = FakeOrigin(house.runner)
    plan = a_plan([house.policy("a")], forward=_nothing)
    origin.exchange = an_exchange(origin=origin, plan=plan)
    house.runner.fail(origin.exchange, ClientFault(BODY_TOO_LARGE))
    assert (origin.said, house.diary) == (["413", "end"], [])


# --- messages ------------------------------------------------------------------------------------


def on_message(house: House, *answers: object) -> Exchange:
    """Return an exchange whose policies give these answers to every message."""

    def bound(number: int, answer: object) -> Bound:
        def step(_: Exchange, said: Said) -> object:
            house.diary.append(f"{number} {said.data.decode()}")
            return answer

        return Bound(on_message=step)

    policies = [bound(number, answer) for number, answer in enumerate(answers)]
    return an_exchange(plan=a_plan(policies))


def test_a_message_passes_where_no_policy_objects(house: House) -> None:
    exchange = on_message(house, None, None)
    assert (house.runner.message(exchange, a_saying()), house.diary) == (
        None,
        ["0 hello", "1 hello"],
    )


def test_what_a_service_says_is_looked_at_in_reverse_by_whoever_wants_to(house: House) -> None:
    exchange = on_message(house, None, None, None)
    policies = exchange.plan.policies
    policies[0].hears_replies = policies[2].hears_replies = True  # type: ignore[attr-defined]
    exchange.plan = a_plan(policies)
    house.runner.message(exchange, a_saying(by_service=True))
    assert house.diary == ["2 hello", "0 hello"]


def test_the_first_to_answer_a_message_is_the_last_to_be_asked(house: House) -> None:
    refusal = Refusal(Response(429))
    exchange = on_message(house, refusal, None)
    assert (house.runner.message(exchange, a_saying()), house.diary) == (refusal, ["0 hello"])


async def _of(answer: Answer) -> Answer:
    return answer


def _result(waiting: Answer | Awaitable[Answer]) -> Answer:
    """Return what a coroutine that has nothing to wait for comes to."""
    assert isinstance(waiting, Coroutine)
    with pytest.raises(StopIteration) as stopped:
        waiting.send(None)
    answer: Answer = stopped.value.value
    return answer


def test_a_message_may_have_to_wait_for_a_policy(house: House) -> None:
    exchange = on_message(house, _of(None), None)
    answer = _result(house.runner.message(exchange, a_saying()))
    assert (answer, house.diary) == (None, ["0 hello", "1 hello"])


def test_an_answer_that_a_message_waited_for_stands(house: House) -> None:
    exchange = on_message(house, _of(answer := answer_of(NOT_FOUND)), None)
    assert _result(house.runner.message(exchange, a_saying())) is answer
    assert house.diary == ["0 hello"]


def test_a_later_policy_may_answer_a_message_that_waited(house: House) -> None:
    exchange = on_message(house, _of(None), answer := answer_of(NOT_FOUND))
    assert _result(house.runner.message(exchange, a_saying())) is answer


def test_every_policy_may_wait_for_a_message(house: House) -> None:
    exchange = on_message(house, _of(None), _of(answer := answer_of(NOT_FOUND)))
    assert _result(house.runner.message(exchange, a_saying())) is answer


def asked(house: House, *answers: object) -> list[Answer]:
    """Return what is told of a message that is asked about."""
    told: list[Answer] = []
    house.runner.ask(on_message(house, *answers), a_saying(), told.append)
    return told


def test_whoever_asks_about_a_message_is_told_at_once(house: House) -> None:
    assert asked(house, None, None) == [None]
    assert asked(house, answer := answer_of(NOT_FOUND)) == [answer]


def test_whoever_asks_is_told_later_where_a_policy_waits(house: House) -> None:
    told = asked(house, _of(None), answer := answer_of(NOT_FOUND))
    assert told == []
    with pytest.raises(StopIteration):
        house.works.pop().send(None)
    assert told == [answer]


async def _fails() -> Answer:
    raise ValueError("a fault of a policy")


def test_what_a_policy_fails_at_is_told_as_a_fault(house: House) -> None:
    def fails(_exchange: Exchange, _said: Said) -> Answer:
        raise ValueError("a fault of a policy")

    told = asked(house, _fails())
    with pytest.raises(StopIteration):
        house.works.pop().send(None)
    exchange = an_exchange(plan=a_plan([Bound(on_message=fails)]))
    house.runner.ask(exchange, a_saying(), told.append)
    assert [one.status for one in told if isinstance(one, Response)] == [500, 500]
    assert [type(error) for error in house.reported] == [ValueError, ValueError]


def scanned(house: House, *answers: object, lifts: bool = False, finds: Answer = None) -> Exchange:
    """Return an exchange whose last policy scans what is said, also what is refused."""

    def scan(_: Exchange, said: Said) -> Answer:
        house.diary.append(f"scan {said.data.decode()} {said.refusal!r}")
        if lifts:
            said.refusal = None
        return finds

    before = on_message(house, *answers).plan.policies
    return an_exchange(plan=a_plan([*before, Bound(on_message=scan, scans_refused=True)]))


LATER = Refusal(Response(429), deferrable=True)


def test_a_refused_message_is_scanned_before_that_stands(house: House) -> None:
    exchange = scanned(house, LATER, None)
    assert _result(house.runner.message(exchange, a_saying())) is LATER
    assert house.diary == ["0 hello", "scan hello <answer 429>"]


def test_a_scan_may_lift_the_refusal_of_a_message_which_goes_on_behind_it(house: House) -> None:
    exchange = scanned(house, LATER, None, lifts=True)
    assert _result(house.runner.message(exchange, a_saying())) is None
    assert house.diary == [
        "0 hello",
        "scan hello <answer 429>",
        "1 hello",
        "scan hello None",
    ]


def test_what_a_scan_answers_to_a_refused_message_stands(house: House) -> None:
    exchange = scanned(house, LATER, finds=(found := Response(202)))
    assert _result(house.runner.message(exchange, a_saying())) is found


def test_a_refusal_that_had_to_be_waited_for_is_scanned_too(house: House) -> None:
    exchange = scanned(house, _of(None), _of(LATER), lifts=True)
    assert _result(house.runner.message(exchange, a_saying())) is None
    assert house.diary[-2:] == ["scan hello <answer 429>", "scan hello None"]


@pytest.mark.parametrize("answer", [Refusal(Response(429)), Response(429)])
def test_other_refusals_of_a_message_stand_at_once(house: House, answer: Answer) -> None:
    exchange = scanned(house, answer)
    assert house.runner.message(exchange, a_saying()) is answer
    assert house.diary == ["0 hello"]


def test_what_the_scan_itself_refuses_stands(house: House) -> None:
    exchange = scanned(house, None, finds=LATER)
    assert house.runner.message(exchange, a_saying()) is LATER


# --- refusals that are told by rote --------------------------------------------------------------

SHED = Problem("admission_shed", 503, "Too much.", "Later.", retry_after=2)


class Wording(Bound):
    """A policy that words problems, and counts how often it was asked to."""

    words_alike: ClassVar = True

    def __init__(self, breaks: BaseException | None = None) -> None:
        super().__init__()
        self.asked = 0
        self.breaks = breaks

    def on_response(self, exchange: Exchange) -> None:
        self.asked += 1
        if self.breaks is not None and exchange.request_id == PLACE:
            raise self.breaks
        response = response_of(exchange)
        response.body = b"<" + exchange.request_id + b">"
        response.length = len(response.body)
        response.fields.append((b"x-id", exchange.request_id))


def told(problem: Problem, fields: Fields | None = None) -> Callable[[Exchange], Answer]:
    """Return a step that refuses by rote, the request that has this number."""

    def step(exchange: Exchange) -> Answer:
        response = answer_of(problem)
        response.rote = True
        response.fields = list(fields or [])
        exchange.request_id = b"id-%d" % exchange.request.stream_id
        return Refusal(response, deferrable=True)

    return step


def refused(house: House, wording: Bound, *, problem: Problem = SHED) -> Response:
    return response_of(exchange_of(house.ask([wording, Bound(on_request=told(problem))])))


def test_a_refusal_that_is_told_again_and_again_is_worded_once(house: House) -> None:
    wording = Wording()
    for _ in range(3):
        response = refused(house, wording)
        assert (response.body, response.length) == (b"<id-1>", 6)
        assert response.fields == [(b"x-id", b"id-1")]
        assert response.lines == b"x-id: id-1\r\n"
    assert wording.asked == 1
    assert refused(house, wording, problem=replace(SHED)).problem is not SHED
    assert wording.asked == 2  # what is worded is the very problem, not one that looks like it


def test_whoever_was_entered_hears_of_its_end(house: House) -> None:
    finished = Bound(on_finish=house.step("finished"))
    for _ in range(2):
        house.ask([finished, Wording(), Bound(on_request=told(SHED))])
    assert house.diary == ["finished", "finished"]


def test_what_stands_in_a_refusal_already_is_worded_by_itself(house: House) -> None:
    """So that no help is lost which the crisis lane has added."""
    wording = Wording()
    for _ in range(2):
        origin = house.ask([wording, Bound(on_request=told(SHED, [(b"help", b"988")]))])
        assert (b"help", b"988") in response_of(exchange_of(origin)).fields
    assert wording.asked == 2


def test_where_somebody_words_by_themselves_each_is_worded(house: House) -> None:
    wording = Wording()
    for _ in range(2):
        origin = house.ask(
            [wording, Bound(on_response=lambda _: None), Bound(on_request=told(SHED))]
        )
        assert response_of(exchange_of(origin)).body == b"<id-1>"
    assert wording.asked == 2
    origin = house.ask([Bound(on_response=lambda _: None), Bound(on_request=told(SHED))])
    assert response_of(exchange_of(origin)).body == b""


def test_what_cannot_be_worded_for_nobody_is_worded_for_each_and_told(house: House) -> None:
    bug = Bug()
    assert refused(house, Wording(breaks=bug)).body == b"<id-1>"
    assert house.reported == [bug]


def test_only_so_many_words_are_kept(house: House) -> None:
    wording, kinds = Wording(), [replace(SHED) for _ in range(1025)]
    for kind in kinds:
        refused(house, wording, problem=kind)
    assert len(house.runner._words) == 1
    assert refused(house, wording, problem=kinds[0]).body == b"<id-1>"
