"""Leases: what an instance is called, what others declare, and who is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.register_store import a_registration
from tta_gateway.features.registration.algorithm import (
    Known,
    is_id,
    renew_after,
)


def test_a_lease_is_renewed_three_times_while_it_lasts() -> None:
    assert renew_after(15.0) == 5.0


@pytest.mark.parametrize(
    ("text", "good"),
    [("a-B.3_~", True), ("a" * 128, True), ("", False), ("a" * 129, False), ("a/b", False)],
)
def test_an_id_is_what_a_path_holds_as_it_stands(text: str, good: bool) -> None:
    assert is_id(text) is good


# --- who is there --------------------------------------------------------------------------------


ONE, OTHER = a_registration("players/a", lease=15.0), a_registration("players/b", lease=30.0)


def test_who_is_told_of_is_there_and_who_is_not_is_gone() -> None:
    known = Known()
    assert known.told([ONE, OTHER], 0.0)
    assert not known.told([OTHER, ONE], 1.0)
    assert known.told([OTHER], 2.0)
    assert known.of("players") == [OTHER]
    assert known.of("worlds") == []


def test_after_the_store_was_away_whoever_was_known_has_a_whole_lease() -> None:
    known = Known([ONE, OTHER])
    known.shaken(100.0)
    assert not known.told([], 100.0)
    assert not known.passed(114.9)
    assert known.passed(115.0)
    assert known.of("players") == [OTHER]
    assert known.passed(130.0)
    assert known.of("players") == []


def test_who_has_come_back_is_not_waited_for() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    known.told([ONE], 101.0)
    assert not known.passed(116.0)
    assert known.told([], 117.0)


def test_who_is_over_when_something_is_told_is_gone() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    assert known.told([OTHER], 116.0)
    assert known.of("players") == [OTHER]


def test_who_leaves_is_not_waited_for() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    assert known.left(ONE.name) == [(ONE, None)]
    assert known.left(ONE.name) == []
    assert (known.told([], 100.0), known.of("players")) == ([], [])


def test_who_leaves_and_is_in_the_store_is_there_until_that_says_otherwise() -> None:
    known = Known([ONE])
    assert (known.left(ONE.name), known.of("players")) == ([], [ONE])


def test_what_is_heard_of_some_changes_nobody_else() -> None:
    known = Known([ONE, OTHER])
    moved = a_registration("players/a", port=9002)
    assert known.heard({ONE.name: moved, "players/c": None}, 0.0) == [(ONE, moved)]
    assert known.heard({ONE.name: moved}, 0.0) == []
    assert known.heard({OTHER.name: None}, 0.0) == [(OTHER, None)]
    assert (known.of("players"), list(known.services)) == ([moved], ["players"])
    assert known.heard({moved.name: None}, 0.0) == [(moved, None)]
    assert (known.all, list(known.services)) == ({}, [])


def test_who_is_waited_for_is_there_though_the_store_has_forgotten_it() -> None:
    known = Known([ONE])
    known.shaken(100.0)
    assert known.heard({ONE.name: None}, 101.0) == []
    assert known.heard({OTHER.name: OTHER}, 115.0) == [(ONE, None), (None, OTHER)]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("told"), st.sets(st.sampled_from("ab"))),
            st.tuples(st.sampled_from(["shaken", "passed"]), st.just(set[str]())),
            st.tuples(st.just("wait"), st.sets(st.sampled_from("ab"))),
        ),
        max_size=30,
    )
)
def test_nobody_outlives_a_lease_and_nobody_who_is_told_of_is_missing(
    steps: list[tuple[str, set[str]]],
) -> None:
    known, now = Known(), 0.0
    last = {"a": -1e9, "b": -1e9}  # when each was told of, or the store was shaken while known
    by_name = {"a": ONE, "b": OTHER}
    for step, names in steps:
        if step == "told":
            known.told([by_name[name] for name in names], now)
            last |= dict.fromkeys(names, now)
            assert names <= {one.id for one in known.of("players")}
        elif step == "shaken":
            last |= {one.id: now for one in known.of("players")}
            known.shaken(now)
        elif step == "passed":
            known.passed(now)
        else:
            now += 10.0
    known.told([], now)
    assert all(now - last[one.id] < one.lease for one in known.of("players"))


def test_the_instances_of_a_service_are_counted() -> None:
    known = Known([ONE])
    assert (known.count("players"), known.count("nobody")) == (1, 0)
    known.heard({OTHER.name: OTHER}, 0.0)
    assert known.count("players") == 2
