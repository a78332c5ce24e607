"""Two people make a change: the states, and who may bring it from one to the next."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.changes.algorithm import (
    TABLE,
    Over,
    State,
    Step,
    after,
    is_same,
    refusal,
)

PEOPLE = st.sampled_from(["p1", "p2", "clinic:p1", "clinic:p2", "home:p1", "a:b:p2", ""])


@pytest.mark.parametrize(("state", "step"), list(product(State, Step)))
def test_each_step_is_in_the_table_or_raises(state: State, step: Step) -> None:
    if (state, step) in TABLE:
        assert after(state, step) is not state
    else:
        with pytest.raises(Over, match=state.value):
            after(state, step)


@given(st.lists(st.tuples(st.sampled_from(Step), PEOPLE)), PEOPLE)
def test_it_is_made_at_most_once_and_never_by_who_proposed_it(
    steps: list[tuple[Step, str]], proposer: str
) -> None:
    state, approved = State.PROPOSED, []
    for step, by in steps:
        if refusal(step, by=by, proposer=proposer):
            continue
        try:
            state = after(state, step)
        except Over:
            assert state is not State.PROPOSED
            continue
        if state is State.APPLIED:
            approved.append(by)
    assert len(approved) <= 1
    assert all(not is_same(by, proposer) for by in approved)


@given(PEOPLE, PEOPLE)
def test_either_both_are_one_person_or_none_is(one: str, other: str) -> None:
    assert is_same(one, other) is is_same(other, one)
    assert is_same(one, one)


def test_the_same_subject_of_another_issuer_is_the_same_person() -> None:
    assert refusal(Step.APPROVE, by="clinic:p1", proposer="p1")
    assert refusal(Step.REJECT, by="p1", proposer="p1")
    assert not refusal(Step.APPROVE, by="clinic:p2", proposer="p1")


def test_who_proposed_alone_withdraws_and_anybody_s_time_is_over() -> None:
    assert not refusal(Step.WITHDRAW, by="p1", proposer="p1")
    assert refusal(Step.WITHDRAW, by="p2", proposer="p1")
    assert not refusal(Step.EXPIRE, by="", proposer="p1")
