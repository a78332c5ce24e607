from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.pipeline.budget import WINDOW, PerPerson, Share, Shares


def test_a_share_of_the_time_may_be_spent() -> None:
    share = Share(0.05, now=0.0)
    assert share.has_some(0.0)
    share.spend(0.05)
    assert not share.has_some(0.0)
    assert share.has_some(0.1)


def test_what_is_overspent_is_missing_later() -> None:
    share = Share(0.05, now=0.0)
    share.spend(0.15)
    assert not share.has_some(1.9)
    assert share.has_some(2.1)


def test_nobody_saves_more_than_a_second_s_worth() -> None:
    share = Share(0.05, now=0.0)
    assert share.has_some(1000.0)
    share.spend(0.051)
    assert not share.has_some(1000.0)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 0.02)), max_size=100))
def test_no_more_is_spent_than_the_share_and_one_burst_with_the_last(
    steps: list[tuple[float, float]],
) -> None:
    share, now, spent = Share(0.05, now=0.0), 0.0, 0.0
    for waited, takes in steps:
        now += waited
        if share.has_some(now):
            share.spend(takes)
            spent += takes
    assert spent <= 0.05 * now + 0.05 + 0.02 + 1e-9


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.0, 20.0)), max_size=100))
def test_nobody_has_more_than_theirs_in_any_minute(asked: list[tuple[str, float]]) -> None:
    people, now = PerPerson(3), 0.0
    taken: dict[str, list[float]] = {"a": [], "b": []}
    for person, waited in asked:
        now += waited
        lately = [at for at in taken[person] if at > now - WINDOW]
        assert people.take(person, now) == (len(lately) < 3)
        if len(lately) < 3:
            taken[person].append(now)


def test_what_was_taken_counts_for_a_minute() -> None:
    people = PerPerson(1)
    assert people.take("a", 0.0)
    assert not people.take("a", WINDOW - 0.1)
    assert people.take("a", WINDOW)


def test_only_so_many_people_are_remembered() -> None:
    people = PerPerson(1)
    for number in range(10_001):
        people.take(str(number), 0.0)
    assert people.take("0", 1.0)
    assert not people.take("10000", 1.0)


def test_each_person_has_a_share_of_their_own() -> None:
    shares = Shares(0.1)
    assert shares.has_some("ada", 0.0)
    shares.spend("ada", 0.1, 0.0)
    shares.spend("ada", 0.2, 0.0)
    assert not shares.has_some("ada", 1.0)
    assert shares.has_some("ben", 1.0)
    assert shares.has_some("ada", 2.1)


def test_only_so_many_shares_are_remembered() -> None:
    shares = Shares(0.1)
    for number in range(10_001):
        shares.spend(str(number), 1.0, 0.0)
    assert shares.has_some("0", 0.0)
    assert not shares.has_some("10000", 0.0)
