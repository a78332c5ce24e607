from typing import ClassVar

from tests.helpers.builders import Bound, a_plan, a_route, an_exchange
from tests.helpers.sayings import Words
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.policy import BoundPolicy
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS, STANDARD
from tta_gateway.pipeline.plan import bind


class Absent(Bound):
    def for_route(self, route: Route | None) -> None:  # type: ignore[override]  # noqa: ARG002
        return None


class Scanning(Bound):
    scans_refused: ClassVar = True


def step(_: object) -> None:
    """Do nothing."""


def message_step(_: object, __: object) -> None:
    """Do nothing."""


def other_step(_: object, __: object) -> None:
    """Do nothing."""


def test_a_policy_with_nothing_to_do_on_a_route_is_absent_from_its_plan() -> None:
    there = Bound()
    assert a_plan([Absent(), there]).policies == (there,)


def test_a_policy_binds_to_the_route_that_it_is_asked_about() -> None:
    asked: list[Route | None] = []

    class Curious(Bound):
        def for_route(self, route: Route | None) -> BoundPolicy:
            asked.append(route)
            return self

    route = a_route()
    bind([Curious()], route, forward=step)
    assert asked == [route]


def test_steps_come_with_the_number_of_policies_that_are_entered_then() -> None:
    plan = a_plan([Bound(on_finish=step), Bound(on_request=step)])
    assert plan.request == ((2, step),)


def test_the_response_phase_is_in_reverse() -> None:
    plan = a_plan([Bound(on_response=step), Bound(), Bound(on_response=step)])
    assert [number for number, _ in plan.response] == [3, 1]


def test_the_end_is_in_reverse() -> None:
    plan = a_plan([Bound(on_finish=step), Bound(on_finish=step)])
    assert [number for number, _ in plan.finish] == [2, 1]


def test_the_steps_of_messages_have_no_numbers() -> None:
    assert a_plan([Bound(on_message=message_step)]).message == (message_step,)


def test_what_services_say_is_looked_at_by_whoever_wants_to_in_reverse() -> None:
    plan = a_plan(
        [
            Bound(on_message=message_step),
            Bound(on_message=other_step, hears_replies=True),
            Bound(on_message=message_step, hears_replies=True),
        ]
    )
    assert plan.reply == (message_step, other_step)


def test_the_first_policy_that_has_words_speaks_for_the_gateway() -> None:
    words = Words()
    plan = a_plan([Bound(), Bound(wording=words), Bound(wording=Words())])
    assert plan.wording is words
    assert a_plan([Bound()]).wording is None


def test_the_scan_is_found_by_its_number() -> None:
    assert a_plan([Bound(), Scanning(on_request=step)]).scan == 2


def test_the_scan_of_messages_is_found_where_it_looks_at_them() -> None:
    looks = Scanning(on_message=message_step)
    assert a_plan([Bound(on_message=other_step), looks]).message_scan == message_step
    assert a_plan([Scanning(on_request=step)]).message_scan is None
    assert a_plan([Bound(on_message=message_step)]).message_scan is None


def test_a_plan_without_a_scan_has_no_number_for_it() -> None:
    assert a_plan([Bound()]).scan is None


def test_a_plan_ends_where_it_is_told_to() -> None:
    ended: list[Exchange] = []
    a_plan(forward=ended.append).forward(exchange := an_exchange())
    assert ended == [exchange]


# --- what is told by rote ------------------------------------------------------------------------


class Alike(Bound):
    words_alike: ClassVar = True


class Unheard(Bound):
    words_nothing: ClassVar = True


def test_those_who_word_alike_are_known_up_to_the_first_of_whom_nobody_knows() -> None:
    first, second = Alike(on_response=step), Alike(on_response=step, likeness=lambda _: b"s")
    plan = a_plan(
        [first, Bound(), Unheard(on_response=step), second, Bound(), Bound(on_response=step)]
    )
    assert plan.rote is not None
    assert plan.rote.worders == (first, second)
    assert [one(an_exchange()) for one in plan.rote.likenesses] == [b"s"]
    assert (plan.rote.least, plan.rote.most) == (4, 5)


def test_where_all_word_alike_it_does_not_matter_who_refuses() -> None:
    plan = a_plan([Alike(on_response=step), Bound()])
    assert plan.rote is not None
    assert (plan.rote.least, plan.rote.most) == (1, 2)


def test_where_nobody_words_alike_nothing_is_told_by_rote() -> None:
    assert a_plan([Bound(on_response=step), Alike(on_response=step)]).rote is None
    assert a_plan().rote is None


def test_the_class_of_a_plan_is_what_a_policy_says_and_else_standard() -> None:
    assert a_plan([Bound(), Bound(traffic=CRISIS)]).traffic == CRISIS
    assert a_plan([Bound()]).traffic == STANDARD
