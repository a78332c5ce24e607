"""When to ask again, when to tell, and what stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.discovery.algorithm import (
    LEAST_TTL,
    MOST_TTL,
    Debounce,
    merged,
    pause,
    preferred,
    refresh,
)
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance

CHANCE = st.floats(0, 1, exclude_max=True)
INSTANCES = st.builds(
    lambda host, name, draining: Instance(
        id=name, endpoint=Endpoint(host=f"10.0.0.{host}", port=1), draining=draining
    ),
    st.integers(1, 5),
    st.sampled_from("abc"),
    st.booleans(),
)


@given(st.integers(0, 1_000_000), CHANCE)
def test_a_pause_is_never_none_and_never_long(failures: int, chance: float) -> None:
    assert 0.25 <= pause(failures, chance) <= 30.0


@given(st.integers(1, 50), CHANCE)
def test_a_pause_grows_with_every_failure(failures: int, chance: float) -> None:
    assert pause(failures, chance) <= pause(failures + 1, chance)


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.5), (2, 1.0), (4, 4.0), (7, 30.0)])
def test_pauses_double_and_are_spread_over_their_second_half(failures: int, longest: float) -> None:
    assert pause(failures, 0.0) == longest / 2
    assert pause(failures, 0.999) == pytest.approx(longest, rel=0.01)


@given(st.floats(-10, 1e9), CHANCE)
def test_a_name_is_asked_again_within_bounds(ttl: float, chance: float) -> None:
    assert LEAST_TTL <= refresh(ttl, chance) <= MOST_TTL


@given(st.floats(1.2, 300), CHANCE)
def test_what_may_be_kept_is_kept_and_never_longer(ttl: float, chance: float) -> None:
    assert 0.89 * ttl <= refresh(ttl, chance) <= ttl


@pytest.mark.parametrize(
    ("ttl", "chance", "seconds"), [(0, 0.0, 1.0), (0, 0.5, 3.0), (0.2, 0.9, 1.0), (9999, 0, 300.0)]
)
def test_what_may_not_be_kept_is_asked_for_after_one_to_five_seconds(
    ttl: float, chance: float, seconds: float
) -> None:
    assert refresh(ttl, chance) == seconds


@given(st.lists(INSTANCES))
def test_each_endpoint_stands_once_and_drains_only_if_all_say_so(found: list[Instance]) -> None:
    together = merged(found)
    names = [one.endpoint.name for one in together]
    assert names == sorted({one.endpoint.name for one in found})
    for one in together:
        same = [other for other in found if other.endpoint.name == one.endpoint.name]
        assert one.draining == all(other.draining for other in same)


@given(st.lists(INSTANCES), st.randoms())
def test_the_order_of_what_is_said_tells_nothing(found: list[Instance], dice: object) -> None:
    other = list(found)
    dice.shuffle(other)  # type: ignore[attr-defined]  # a random.Random
    assert merged(other) == merged(found)


def test_what_several_declare_for_one_endpoint_it_declares() -> None:
    a, b, c = (Declared(path=path, auth="none") for path in ("/a", "/b", "/c"))
    endpoint = Endpoint(host="10.0.0.1", port=1)

    def declares(id: str, *routes: Declared) -> Instance:
        return Instance(id=id, endpoint=endpoint, routes=routes)

    assert merged([declares("x", b, a)]) == (declares("x", b, a),)
    some = [declares("y", c), declares("x", b, a), declares("z")]
    assert merged(some) == merged(reversed(some)) == (declares("x", a, b, c),)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535))))
def test_the_lowest_priority_alone_is_asked(records: list[tuple[int, int]]) -> None:
    weights = preferred(records)
    first = min((priority for priority, _ in records), default=0)
    assert [weight > 0 for weight in weights] == [priority == first for priority, _ in records]
    assert all(0 <= weight <= 1000 for weight in weights)


@pytest.mark.parametrize(
    ("records", "weights"),
    [
        ([(10, 30), (10, 10), (20, 99)], [30, 10, 0]),
        ([(0, 65535), (0, 6553), (0, 0)], [1000, 100, 1]),
        ([(5, 0), (5, 0)], [1, 1]),
        ([], []),
    ],
)
def test_weights_become_those_of_endpoints(
    records: list[tuple[int, int]], weights: list[int]
) -> None:
    assert preferred(records) == weights


def test_a_change_is_told_once_it_is_quiet() -> None:
    debounce = Debounce(quiet=0.2, latest=2.0)
    assert (debounce.next(), debounce.due(0.0)) == (None, [])
    debounce.put("a", 0.0)
    debounce.put("a", 0.1)
    debounce.put("b", 0.15)
    assert debounce.next() == pytest.approx(0.3)
    assert debounce.due(0.29) == []
    assert debounce.due(0.31) == ["a"]
    debounce.drop("b")
    debounce.drop("c")
    assert debounce.next() is None


@given(st.lists(st.floats(0, 0.19), min_size=1, max_size=200))
def test_a_change_is_never_told_later_than_that(gaps: list[float]) -> None:
    debounce = Debounce(quiet=0.2, latest=2.0)
    now, first = 0.0, 0.0
    debounce.put("a", now)
    for gap in gaps:
        now += gap
        if debounce.due(now):
            assert now >= first + 2.0 - 1e-6
            first = now
        debounce.put("a", now)
        due = debounce.next()
        assert due is not None
        assert due <= first + 2.0 + 1e-6
