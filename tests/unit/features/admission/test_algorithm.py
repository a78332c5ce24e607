"""The room at a service: who gets some, who waits, and in which order they are let in."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tta_gateway.features.admission.algorithm import (
    DISPLACED,
    LATE,
    LEAST_WAITING,
    LEFT,
    LET_IN,
    PASSED,
    PROMPT,
    Room,
    Waiting,
    fitting,
)
from tta_gateway.kernel.traffic import BACKGROUND, CLASSES, CRISIS, STANDARD, THERAPEUTIC

RESERVED = (10, 40, 5, 0)


class Hall:
    """A room, and what has become of those who wait for it."""

    def __init__(
        self, limit: int, *, reserved: Sequence[int] = (0, 0, 0, 0), waiting: int = 100
    ) -> None:
        self.room = Room(limit, reserved=reserved, waiting=waiting)
        self.said: list[str] = []
        self.outcomes: dict[str, int] = {}

    def take(self, *traffic: int) -> list[bool]:
        return [self.room.take(one) for one in traffic]

    def wait(self, name: str, traffic: int, *, until: float = 10.0, now: float = 0.0) -> Waiting:
        def decided(outcome: int) -> None:
            assert name not in self.outcomes, "decided twice"
            self.outcomes[name] = outcome
            self.said.append(name)

        one = Waiting(traffic, until, decided)
        if not self.room.wait(one, now):
            self.outcomes[name] = -1
        return one

    def leave_one(self, traffic: int, *, now: float = 0.0) -> None:
        self.room.give_back(traffic)
        self.room.fill(now)


def test_who_comes_is_let_in_while_there_is_room() -> None:
    hall = Hall(2)
    assert hall.take(STANDARD, STANDARD, STANDARD) == [True, True, False]
    assert (hall.room.peak, hall.room.wanted) == (2, True)


def test_what_is_kept_for_a_class_is_had_by_no_other() -> None:
    hall = Hall(10, reserved=RESERVED)
    assert hall.take(*[BACKGROUND] * 6) == [True] * 5 + [False]
    assert hall.take(*[THERAPEUTIC] * 5) == [True] * 4 + [False]
    assert hall.take(CRISIS, CRISIS) == [True, False]


def test_while_nothing_is_short_only_what_is_for_crises_is_kept() -> None:
    hall = Hall(10, reserved=RESERVED)
    hall.room.resize(10, short=False)
    assert hall.take(*[BACKGROUND] * 10) == [True] * 9 + [False]
    hall.room.resize(10, short=True)
    assert hall.room.reserved_for(THERAPEUTIC) == 4


def test_over_the_ceiling_only_those_above_are_let_in_for_whom_room_is_kept() -> None:
    hall = Hall(20, reserved=RESERVED)
    hall.room.resize(20, ceiling=6)
    assert hall.take(*[BACKGROUND] * 7) == [True] * 6 + [False]
    assert hall.take(STANDARD) == [False]
    assert hall.take(*[THERAPEUTIC] * 9) == [True] * 8 + [False]
    assert hall.take(*[CRISIS] * 3) == [True] * 2 + [False]


def test_of_those_above_all_wait_though_few_are_let_in_and_of_others_few() -> None:
    for traffic, waiting in ((THERAPEUTIC, 30), (STANDARD, LEAST_WAITING)):
        hall = Hall(0)
        for name in range(30):
            hall.wait(str(name), traffic, until=2.0)
        assert hall.room.waiting == waiting


def test_those_above_who_have_waited_enough_are_let_in_over_the_limit_if_that_is_bearable() -> None:
    hall = Hall(1)
    hall.room.bearable = 3
    hall.take(STANDARD)
    for name, traffic in (("c", CRISIS), ("s", STANDARD), ("t0", THERAPEUTIC), ("t1", THERAPEUTIC)):
        hall.wait(name, traffic, until=1.0)
    hall.room.look(1.0, 1.0)
    assert hall.outcomes == {"c": LET_IN, "t0": LET_IN, "t1": LATE, "s": LATE}
    assert (hall.room.in_flight, hall.room.of) == (3, [1, 1, 1, 0])


def test_nobody_below_is_let_in_over_the_limit_before_those_in_a_crisis_who_wait() -> None:
    hall = Hall(2)
    hall.room.bearable = 4
    hall.take(THERAPEUTIC, THERAPEUTIC)
    hall.wait("t0", THERAPEUTIC, until=1.0)
    hall.wait("t1", THERAPEUTIC, until=1.0)
    hall.wait("c", CRISIS, until=9.0)
    hall.room.look(1.0, 1.0)
    assert hall.said == ["c", "t0", "t1"]
    assert hall.outcomes == {"c": LET_IN, "t0": LET_IN, "t1": LATE}
    assert (hall.room.in_flight, hall.room.of, hall.room.waiting) == (4, [1, 3, 0, 0], 0)


@pytest.mark.parametrize(
    ("traffic", "places", "gone"),
    [(CRISIS, 10, {"10": -1}), (THERAPEUTIC, 20, {"0": DISPLACED}), (STANDARD, 4, None)],
)
def test_of_those_in_need_as_many_wait_as_the_service_answers_in_time_however_few_places(
    traffic: int, places: int, gone: dict[str, int] | None
) -> None:
    hall = Hall(1, waiting=4)
    hall.room.bearable = 21
    hall.take(STANDARD)
    for name in range(places):
        hall.wait(str(name), traffic)
    assert (hall.outcomes, hall.room.waiting) == ({}, places)
    hall.wait(str(places), traffic)
    assert hall.outcomes == (gone or {"0": DISPLACED})
    assert hall.room.waiting == places


def test_who_can_wait_gives_their_place_up_before_more_wait_than_there_are_places() -> None:
    hall = Hall(1, waiting=2)
    hall.room.bearable = 20
    hall.take(STANDARD)
    for name, traffic in (("s", STANDARD), ("t0", THERAPEUTIC), ("t1", THERAPEUTIC)):
        hall.wait(name, traffic)
    assert hall.outcomes == {"s": DISPLACED}
    hall.wait("t2", THERAPEUTIC)
    hall.wait("b", BACKGROUND)
    assert (hall.outcomes, hall.room.waiting) == ({"s": DISPLACED, "b": -1}, 3)


def test_who_has_less_than_is_kept_for_them_is_let_in_while_therapy_is_over_the_limit() -> None:
    hall = Hall(40, reserved=RESERVED)
    hall.room.bearable = 100
    hall.take(*[THERAPEUTIC] * 34)
    for name in range(20):
        hall.wait(f"t{name}", THERAPEUTIC, until=1.0)
    hall.room.look(1.0, 1.0)
    assert hall.room.in_flight == 54
    assert hall.take(STANDARD, STANDARD, STANDARD, BACKGROUND) == [True, True, False, False]


def test_a_crisis_has_what_is_kept_for_it_whatever_is_over_the_limit() -> None:
    hall = Hall(20, reserved=RESERVED)
    hall.take(*[THERAPEUTIC] * 17)
    hall.room.resize(10)
    assert hall.take(THERAPEUTIC, CRISIS, CRISIS) == [False, True, False]


@pytest.mark.parametrize(("limit", "kept"), [(1, 0), (2, 1), (10, 1), (100, 10)])
def test_a_place_is_kept_for_a_crisis_where_there_are_two(limit: int, kept: int) -> None:
    assert Room(limit, reserved=RESERVED, waiting=1).reserved_for(CRISIS) == kept


@pytest.mark.parametrize("reserved", [(10, 50, 5, 0), (5, 85, 0, 0), (1, 0, 0, 89), (0, 45, 45, 0)])
@pytest.mark.parametrize("limit", range(1, 30))
def test_however_little_room_there_is_no_class_starves(
    limit: int, reserved: tuple[int, ...]
) -> None:
    for traffic in (CRISIS, THERAPEUTIC, STANDARD, BACKGROUND):
        assert Hall(limit, reserved=reserved).take(traffic) == [True]
    kept = Room(limit, reserved=reserved, waiting=1).reserved_for(CRISIS)
    assert kept >= 1 or limit == 1 or not reserved[0]


def test_nothing_is_kept_for_a_class_of_which_that_is_said() -> None:
    assert Room(2, reserved=(0, 0, 0, 0), waiting=1).reserved_for(CRISIS) == 0


def test_a_higher_class_is_let_in_first() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    for name, traffic in (("b", BACKGROUND), ("s", STANDARD), ("t", THERAPEUTIC), ("c", CRISIS)):
        hall.wait(name, traffic)
    for traffic in (STANDARD, CRISIS, THERAPEUTIC, STANDARD):
        hall.leave_one(traffic)
    assert hall.said == ["c", "t", "s", "b"]
    assert set(hall.outcomes.values()) == {LET_IN}


def test_within_a_class_who_came_first_is_let_in_first() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    hall.wait("first", STANDARD)
    hall.wait("second", STANDARD)
    hall.leave_one(STANDARD)
    assert hall.said == ["first"]


def test_nobody_overtakes_those_of_their_class_who_wait() -> None:
    hall = Hall(2, reserved=(10, 0, 0, 0))
    hall.take(STANDARD)
    hall.wait("s", STANDARD)
    assert hall.take(STANDARD, CRISIS) == [False, True]


def test_a_class_that_waits_is_passed_over_only_so_often() -> None:
    hall = Hall(1)
    hall.take(THERAPEUTIC)
    hall.wait("b", BACKGROUND, until=1e9)
    for number in range(PASSED + 5):
        hall.wait(f"t{number}", THERAPEUTIC, until=1e9)
        hall.leave_one(BACKGROUND if "b" in hall.said[-1:] else THERAPEUTIC)
    assert hall.said.index("b") == PASSED


def test_of_two_classes_the_one_that_was_passed_over_more_often_comes_first() -> None:
    hall = Hall(1)
    hall.take(THERAPEUTIC)
    hall.wait("b", BACKGROUND, until=1e9)
    for number in range(PASSED):
        if number == 1:
            hall.wait("s", STANDARD, until=1e9)
        hall.wait(f"t{number}", THERAPEUTIC, until=1e9)
        hall.leave_one(THERAPEUTIC)
    hall.wait("t", THERAPEUTIC, until=1e9)
    for traffic in (THERAPEUTIC, BACKGROUND, THERAPEUTIC):
        hall.leave_one(traffic)
    assert hall.said[-3:] == ["b", "t", "s"]


def test_one_more_than_can_be_let_in_in_time_displaces_the_oldest_of_its_class() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    for number in range(LEAST_WAITING + 1):
        hall.wait(f"s{number}", STANDARD)
    assert hall.outcomes == {"s0": DISPLACED}


def test_as_many_wait_as_are_let_in_within_their_patience() -> None:
    hall = Hall(5)
    hall.take(*[STANDARD] * 5)
    for now in range(1, 30):
        hall.room.look(1.0, float(now))
        for _ in range(20):
            hall.room.give_back(STANDARD)
            hall.take(STANDARD)
    for number in range(12):
        hall.wait(f"s{number}", STANDARD, now=30.0, until=30.5)
    assert hall.outcomes == {"s0": DISPLACED, "s1": DISPLACED, "s2": DISPLACED}


def test_where_all_who_may_wait_do_the_oldest_of_the_lowest_class_goes() -> None:
    hall = Hall(1, waiting=3)
    hall.take(STANDARD)
    hall.wait("b0", BACKGROUND)
    hall.wait("b1", BACKGROUND)
    hall.wait("s", STANDARD)
    hall.wait("t", THERAPEUTIC)
    assert hall.outcomes == {"b0": DISPLACED}
    hall.wait("b2", BACKGROUND)
    assert hall.outcomes == {"b0": DISPLACED, "b1": DISPLACED}


def test_who_comes_where_only_higher_classes_wait_is_turned_away() -> None:
    hall = Hall(1, waiting=2)
    hall.take(STANDARD)
    hall.wait("t0", THERAPEUTIC)
    hall.wait("t1", THERAPEUTIC)
    hall.wait("s", STANDARD)
    assert hall.outcomes == {"s": -1}


def test_nobody_in_a_crisis_is_displaced() -> None:
    hall = Hall(1, waiting=10)
    hall.take(CRISIS)
    for number in range(6):
        hall.wait(f"c{number}", CRISIS)
    assert hall.outcomes == {"c5": -1}
    for number in range(6):
        hall.wait(f"t{number}", THERAPEUTIC)
    assert "c0" not in hall.outcomes


def test_who_could_not_be_served_in_time_does_not_begin_to_wait() -> None:
    hall = Hall(1)
    hall.take(CRISIS)
    hall.wait("c", CRISIS, until=5.0, now=5.0)
    assert hall.outcomes == {"c": -1}
    assert hall.room.waiting == 0


def test_who_is_late_when_their_turn_comes_is_not_let_in() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    hall.wait("late", STANDARD, until=1.0)
    hall.wait("in time", STANDARD, until=3.0)
    hall.leave_one(STANDARD, now=2.0)
    assert hall.outcomes == {"late": LATE, "in time": LET_IN}


def test_who_has_waited_enough_is_let_go() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    hall.wait("s0", STANDARD, until=1.0)
    hall.wait("s1", STANDARD, until=3.0)
    hall.room.look(1.0, 2.0)
    assert hall.outcomes == {"s0": LATE}
    assert (hall.room.waiting, hall.room.wanted) == (1, True)


def test_who_has_gone_waits_no_longer() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    one = hall.wait("s", STANDARD)
    hall.room.leave(one)
    hall.room.leave(one)
    assert hall.outcomes == {"s": LEFT}
    assert hall.room.waiting == 0


def test_more_room_lets_in_who_fits_then() -> None:
    hall = Hall(1)
    hall.take(STANDARD)
    hall.wait("s0", STANDARD)
    hall.wait("s1", STANDARD)
    hall.room.resize(2)
    hall.room.fill(0.0)
    assert hall.said == ["s0"]
    hall.room.adopt(reserved=(10, 0, 0, 0), waiting=1)
    assert hall.room.reserved_for(CRISIS) == 1


def test_less_room_sends_nobody_away_who_is_in() -> None:
    hall = Hall(10)
    hall.take(*[STANDARD] * 10)
    hall.room.resize(2)
    hall.room.resize(2)
    assert hall.room.in_flight == 10
    hall.wait("s", STANDARD)
    for _ in range(8):
        hall.leave_one(STANDARD)
    assert hall.outcomes == {}
    hall.leave_one(STANDARD)
    assert hall.outcomes == {"s": LET_IN}


def test_a_look_begins_the_count_anew() -> None:
    hall = Hall(1)
    hall.take(STANDARD, STANDARD)
    hall.room.look(1.0, 0.0)
    assert (hall.room.peak, hall.room.wanted) == (1, False)


def test_few_who_take_long_are_as_much_to_wait_as_many_who_are_answered_at_once() -> None:
    hall = Hall(100)
    hall.take(*[BACKGROUND] * 60)
    for now in range(1, 100):
        for _ in range(20):
            hall.take(THERAPEUTIC)
            hall.room.give_back(THERAPEUTIC)
        hall.room.look(0.2, now * 0.2)
    assert hall.room.mix.relief(20.0) == pytest.approx(0.75, abs=0.05)


def test_it_says_what_an_operator_wants_to_know() -> None:
    hall = Hall(7)
    hall.take(STANDARD)
    hall.wait("s", STANDARD)
    assert repr(hall.room) == "<room for 7, 1 in flight, 1 waiting>"


class Comings(RuleBasedStateMachine):
    """Everything in any order, against a list of who is in and who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room(6, reserved=(20, 30, 10, 0), waiting=12)
        self.now = 0.0
        self.inside: list[int] = []
        self.waiting: list[Waiting] = []
        self.passed = dict.fromkeys(range(len(CLASSES)), 0)
        self.decisions = 0

    @rule(traffic=st.sampled_from(range(4)), patience=st.sampled_from((0.0, 1.0, 50.0)))
    def come(self, traffic: int, patience: float) -> None:
        if self.room.take(traffic):
            self.inside.append(traffic)
            return
        box: list[Waiting] = []

        def decided(outcome: int) -> None:
            (one,) = box
            self.waiting.remove(one)  # ValueError if it was decided before
            if outcome == LET_IN:
                self.inside.append(traffic)
                self.count_passing(traffic)

        one = Waiting(traffic, self.now + patience, decided)
        box.append(one)
        if self.room.wait(one, self.now):
            self.waiting.append(one)
        else:
            crises = sum(one.traffic == CRISIS for one in self.waiting)
            assert traffic != CRISIS or patience == 0.0 or crises >= 6

    def count_passing(self, traffic: int) -> None:
        self.passed[traffic] = 0
        for lower in range(traffic + 1, len(CLASSES)):
            held = any(one.traffic == lower for one in self.waiting)
            self.passed[lower] = self.passed[lower] + 1 if held else 0

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.inside) - 1))
        self.room.give_back(self.inside.pop(at))
        self.room.fill(self.now)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.room.leave(data.draw(st.sampled_from(self.waiting)))

    @rule(limit=st.integers(2, 9))
    def resize(self, limit: int) -> None:
        self.room.resize(limit)
        self.room.fill(self.now)

    @rule(seconds=st.sampled_from((0.2, 2.0)))
    def look(self, seconds: float) -> None:
        self.now += seconds
        self.room.look(seconds, self.now)
        self.room.fill(self.now)

    @invariant()
    def everybody_is_counted(self) -> None:
        room = self.room
        assert room.in_flight == len(self.inside) == sum(room.of)
        assert room.of == [self.inside.count(traffic) for traffic in range(4)]
        assert room.waiting == len(self.waiting) <= 12

    @invariant()
    def what_is_kept_is_free(self) -> None:
        """Whoever comes of a class that has not what is kept for it is let in, but for a limit
        that has become smaller under those who were in."""
        room = self.room
        unmet = sum(max(0, room.reserved_for(one) - room.of[one]) for one in range(4))
        kept = sum(room.reserved_for(one) for one in range(4))
        assert kept < room.limit
        if room.in_flight + unmet <= room.limit:
            for one in self.waiting:
                assert room.of[one.traffic] >= room.reserved_for(one.traffic)

    @invariant()
    def nobody_starves(self) -> None:
        assert max(self.passed.values()) <= PASSED + 2 * len(CLASSES)

    @invariant()
    def nobody_waits_who_fits(self) -> None:
        room = self.room
        for one in self.waiting:
            unmet = sum(
                max(0, room.reserved_for(other) - room.of[other])
                for other in range(4)
                if other != one.traffic
            )
            assert room.in_flight + unmet >= room.limit


TestComings = Comings.TestCase
TestComings.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


# --- a worker that is late -----------------------------------------------------------------------


@given(rate=st.floats(0.0, 5000.0), wait=st.floats(0.0, 10.0))
def test_by_little_s_law_nobody_waits_longer_than_is_said(rate: float, wait: float) -> None:
    """The last of so many, let in one after the other at that rate, has waited no longer."""
    count = fitting(rate, wait)
    assert count >= LEAST_WAITING
    if count > LEAST_WAITING:
        assert count / rate <= wait * (1 + 1e-9)
        assert (count + 1) / rate > wait * (1 - 1e-9)


class Crowd:
    """People of one class at a room that lets in so many a second; they keep how long they waited.

    They come a hundredth of a second apart, `times` as many as are let in.
    """

    def __init__(self, rate: int, *, times: float, traffic: int) -> None:
        self.room = Room(max(1, rate // 20), reserved=(0, 0, 0, 0), waiting=10_000)
        self.traffic, self.rate, self.times = traffic, rate, times
        self.waited: list[float] = []
        self.now, self.answered = 0.0, 0
        self._due = [0.0, 0.0]

    def run(self, seconds: float, *, patience: float) -> None:
        for turn in range(round(seconds / 0.01)):
            self.now += 0.01
            for _ in range(self._count(0, self.times)):
                self._come(self.now, patience)
            for _ in range(min(self._count(1, 1.0), self.room.in_flight)):
                self.answered += 1
                self.room.give_back(self.traffic)
                self.room.fill(self.now)
            if turn % 20 == 19:
                self.room.look(0.2, self.now)

    def _count(self, what: int, times: float) -> int:
        due = self._due[what] + times * self.rate * 0.01
        self._due[what] = due - int(due)
        return int(due)

    def _come(self, came: float, patience: float) -> None:
        if not self.room.take(self.traffic):
            waiting = Waiting(
                self.traffic, came + patience, lambda _: self.waited.append(self.now - came)
            )
            self.room.wait(waiting, came)


@given(
    rate=st.integers(40, 1000),
    times=st.floats(1.2, 5.0),
    traffic=st.sampled_from((STANDARD, BACKGROUND)),
)
def test_in_a_hurry_no_lower_class_waits_long_and_the_service_has_as_much_to_do(
    rate: int, times: float, traffic: int
) -> None:
    crowd = Crowd(rate, times=times, traffic=traffic)
    crowd.room.is_hurried = True
    crowd.run(4.0, patience=PROMPT)
    assert max(crowd.waited) <= PROMPT + 0.2 + 1e-6
    assert crowd.answered >= 0.95 * rate * 4.0 - 2


def test_in_a_hurry_therapy_waits_as_ever() -> None:
    hall = Hall(50)
    hall.room.is_hurried = True
    hall.take(*[THERAPEUTIC] * 50)
    for name in range(30):
        hall.wait(f"t{name}", THERAPEUTIC)
        hall.wait(f"s{name}", STANDARD)
    assert DISPLACED not in [hall.outcomes.get(f"t{name}") for name in range(30)]
    assert [hall.outcomes.get(f"s{name}") for name in range(30)].count(DISPLACED) == 26
