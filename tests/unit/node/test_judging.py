"""What control does about endpoints by what all workers saw together."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import an_endpoint
from tests.helpers.judged import FAST, OUTLIERS, PLAYERS, SLOW, Judged
from tests.helpers.known_services import ONE, OTHER, THIRD
from tta_gateway.kernel.events import EndpointChanged
from tta_gateway.kernel.route import Outliers, Service
from tta_gateway.node.readmission import Look

ALL = (ONE, OTHER, THIRD)


@pytest.fixture
def house() -> Judged:
    return Judged()


def fails(house: Judged, *, asked: int = 12) -> None:
    """One fails every second time, the others never: each worker alone sees too few answers."""
    for endpoint, failed in zip(ALL, (asked // 2, 0, 0), strict=True):
        house.counted(endpoint, asked, failed)


def lags(house: Judged, *, times: int = 6) -> None:
    """One is slow: each worker alone sees six answers of each."""
    for endpoint, seconds in zip(ALL, (SLOW, FAST, FAST), strict=True):
        house.took(endpoint, seconds, times)


# Failures


def test_what_all_workers_saw_together_ejects_an_endpoint_for_all_of_them(house: Judged) -> None:
    fails(house)
    house.elapse(10.0)
    until = house.clock.wall() + 30.0
    cause = "12 of 24 failed, by what all workers saw; for 30 s"
    assert house.changes() == [("9001", "ejected", cause)]
    assert (house.stand(9001).ejected_until, house.stand(9001).ejections) == (until, 1)


def test_not_before_the_interval_is_over_and_not_by_what_was_before_it(house: Judged) -> None:
    fails(house, asked=8)
    house.elapse(9.0)
    assert house.changes() == []
    house.elapse(1.0)
    fails(house, asked=8)
    house.elapse(10.0)
    assert house.changes() == []


def test_without_settings_for_it_nobody_is_ejected() -> None:
    house = Judged(msgspec.structs.replace(PLAYERS, outliers=None))
    fails(house)
    house.elapse(10.0)
    assert house.changes() == []


def test_who_is_ejected_already_is_not_ejected_again(house: Judged) -> None:
    """A worker was faster: it counts once, as what it said."""
    now = house.clock.wall() + 9.0
    fails(house)
    house.bus.publish(
        EndpointChanged(
            service="players",
            endpoint=ONE.name,
            change="ejected",
            at=now,
            until=now + 30.0,
            by="worker 7",
        )
    )
    house.elapse(10.0)
    assert (len(house.changes()), house.stand(9001).ejections) == (1, 1)


def test_a_worker_that_ejects_at_the_same_moment_does_not_count_twice(house: Judged) -> None:
    fails(house)
    house.elapse(10.0)
    at = house.clock.wall() - 0.1
    for by in ("worker 7", "worker 8"):
        house.bus.publish(
            EndpointChanged(
                service="players",
                endpoint=ONE.name,
                change="ejected",
                at=at,
                until=at + 30.0,
                by=by,
            )
        )
    assert house.stand(9001).ejections == 1
    house.elapse(31.0)
    fails(house)
    house.elapse(10.0)
    assert house.changes()[-1][2].endswith("for 60 s")
    assert house.stand(9001).ejections == 2


def out(house: Judged, lasts: float) -> float:
    """Let a worker eject the first for so long; return when it did."""
    at = house.clock.wall()
    house.bus.publish(
        EndpointChanged(
            service="players",
            endpoint=ONE.name,
            change="ejected",
            at=at,
            until=at + lasts,
            by="worker 7",
            proof="answer",
        )
    )
    return at


def test_what_a_worker_has_ejected_it_for_does_not_eject_it_again_when_checks_have_passed(
    house: Judged,
) -> None:
    """Red without `has_paid` in node/judging.py: it was out again, for a minute that no check ends.

    The workers tell a moment later of what they had seen before.
    """
    house.elapse(2.0)
    at = out(house, 30.0)
    for began in (at + 1.0, at + 3.0):
        look = Look(began=began, passed=True, shows="answer", healthy=2)
        house.services.heard.saw("players", ONE.name, look)
    assert house.known().ejected_until == 0.0
    fails(house, asked=24)
    house.elapse(8.0)
    assert (len(house.changes()), house.known().ejections) == (1, 1)
    fails(house, asked=24)
    house.elapse(10.0)
    assert house.stand(9001).ejections == 2


@pytest.mark.parametrize("before", [2.0, 9.0])
def test_nor_when_its_time_was_over_before_the_interval_was(house: Judged, before: float) -> None:
    house.elapse(before)
    out(house, 1.0)
    fails(house, asked=12)
    house.elapse(10.0 - before)
    assert len(house.changes()) == 1
    fails(house, asked=12)
    house.elapse(10.0)
    assert len(house.changes()) == (2 if before == 2.0 else 1)


def test_each_ejection_lasts_longer_until_there_was_calm(house: Judged) -> None:
    lasts = []
    for calm in (1.0, 1.0, 400.0, 1.0):
        fails(house)
        house.elapse(10.0)
        lasts.append(round(house.stand(9001).ejected_until - house.clock.wall()))
        house.elapse(lasts[-1] + calm)
        house.elapse(10.0)
    assert lasts == [30, 60, 90, 30]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=7),
    st.floats(0.0, 1.0),
    st.integers(0, 5),
)
def test_never_the_only_one_that_is_good_nor_more_than_the_share(
    counts: list[tuple[int, int]], most: float, down: int
) -> None:
    endpoints = tuple(an_endpoint(9001 + number) for number in range(len(counts)))
    settings = Outliers(interval=10.0, least_asked=20, most=most)
    house = Judged(Service(name="players", endpoints=endpoints, outliers=settings))
    for endpoint in endpoints[: min(down, len(endpoints) - 1)]:
        house.known(endpoint).state = "down"
    for _ in range(3):
        for endpoint, one in zip(endpoints, counts, strict=True):
            house.counted(endpoint, max(one), min(one))
        house.elapse(10.0)
    now = house.clock.wall()
    known = [house.known(one) for one in endpoints]
    assert any(one.is_good(now) for one in known)
    ejected = sum(one.ejected_until > now for one in known)
    assert ejected <= max(1, int(len(endpoints) * most))


# Times


def test_who_is_slow_for_all_together_is_told_to_all(house: Judged) -> None:
    lags(house)
    house.elapse(10.0)
    stand = house.stand(9001)
    assert stand.slow_since == house.clock.wall()
    assert stand.slow_ratio == pytest.approx(20.0)
    cause = "20.0 times as slow as its peers, by what all workers saw"
    assert house.changes() == [("9001", "penalised", cause)]


def test_who_is_asked_little_is_judged_once_there_is_enough_beside_the_same_time_of_the_others(
    house: Judged,
) -> None:
    """Of 0.4 s for each answer: others have long had enough when it has."""
    for _ in range(4):
        lags(house, times=1)
        for endpoint in (OTHER, THIRD):
            house.took(endpoint, FAST, 9)
        assert house.changes() == []
        house.elapse(10.0)
    lags(house, times=1)
    house.elapse(10.0)
    assert [(port, change) for port, change, _ in house.changes()] == [("9001", "penalised")]


def test_one_that_is_penalised_already_is_not_waited_for(house: Judged) -> None:
    for endpoint in ALL[1:]:
        house.took(endpoint, FAST, 5)
    house.took(ONE, SLOW, 1)
    house.elapse(5.0)
    house.sighted(penalised=True)
    house.elapse(5.0)
    assert house.times.begun("players", OTHER.name) == house.clock.wall()


def test_who_is_slow_already_is_not_told_again(house: Judged) -> None:
    for _ in range(2):
        lags(house)
        house.sighted(penalised=True)
        house.elapse(10.0)
    assert len(house.changes()) == 1


def test_what_a_worker_s_probes_have_just_shown_stands(house: Judged) -> None:
    lags(house)
    house.clock.advance(5.0)
    fast = EndpointChanged(
        service="players",
        endpoint=ONE.name,
        change="as_fast_as_its_peers",
        at=house.clock.wall(),
        by="worker 7",
    )
    house.bus.publish(fast)
    house.elapse(5.0)
    assert house.stand_or_none(9001) is None


def test_where_pace_does_not_count_nobody_is_slow() -> None:
    house = Judged(msgspec.structs.replace(PLAYERS, balance="round_robin"))
    lags(house)
    house.elapse(10.0)
    assert house.changes() == []


def test_the_only_endpoint_is_not_judged() -> None:
    house = Judged(Service(name="players", endpoints=(ONE,), outliers=OUTLIERS))
    house.took(ONE, SLOW, 20)
    house.counted(ONE, 30, 30)
    house.elapse(10.0)
    assert house.changes() == []


def test_who_is_ejected_is_not_judged_by_its_pace(house: Judged) -> None:
    house.known().ejected_until = house.clock.wall() + 60.0
    lags(house)
    house.elapse(10.0)
    assert house.changes() == []


def test_an_endpoint_that_comes_later_is_judged_from_then_on(house: Judged) -> None:
    """What was counted of one of its name long ago says nothing."""
    late = an_endpoint(9004)
    house.took(late, SLOW, 50)
    house.found(9004)
    house.elapse(10.0)
    for endpoint in (late, OTHER, THIRD):
        house.took(endpoint, FAST, 10)
    house.elapse(10.0)
    assert [change for _, change, _ in house.changes()] == ["appeared"]


# Many services


def test_services_that_are_gone_are_forgotten(house: Judged) -> None:
    house.services.adopt([], checked=lambda _: False)
    house.elapse(10.0)
    house.services.adopt([PLAYERS], checked=lambda _: False)
    house.elapse(10.0)
    fails(house)
    house.elapse(10.0)
    assert house.stand(9001).ejections == 1


def test_of_many_endpoints_only_some_are_judged_in_one_tick() -> None:
    """And who has waited longest comes first, however short the intervals are."""
    house = Judged()
    many = [
        Service(name=f"s{one}", endpoints=(ONE, OTHER), outliers=Outliers(interval=0.1))
        for one in range(400)
    ]
    house.services.adopt(many, checked=lambda _: False)
    house.elapse(0.0)
    done = []
    for _ in range(4):
        house.elapse(0.2)
        due = list(house.judging._due)
        done.append(due[-1])
    assert done == ["s149", "s299", "s49", "s199"]
