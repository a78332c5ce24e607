"""Families of refresh tokens: every state with every token, and any order of uses."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.family import Family, Verdict, judge

GRACE, IDLE, NOW = 30.0, 1_000.0, 10_000.0
LASTS, OVER = NOW + 5_000.0, NOW
FRESH, LATELY, LONG_AGO = None, NOW - 30.0, NOW - 30.1
ACTIVE, STILL = NOW - 999.0, NOW - 1_000.1

# last use of the session, its end, whether somebody has ended it -> by when the token was used
TABLE = {
    (ACTIVE, LASTS, False): (Verdict.ROTATE, Verdict.FOLLOW, Verdict.REUSED),
    (ACTIVE, LASTS, True): (Verdict.ENDED, Verdict.ENDED, Verdict.ENDED),
    (ACTIVE, OVER, False): (Verdict.OVER, Verdict.OVER, Verdict.REUSED),
    (ACTIVE, OVER, True): (Verdict.ENDED, Verdict.ENDED, Verdict.ENDED),
    (STILL, LASTS, False): (Verdict.IDLE, Verdict.IDLE, Verdict.REUSED),
    (STILL, LASTS, True): (Verdict.ENDED, Verdict.ENDED, Verdict.ENDED),
    (STILL, OVER, False): (Verdict.OVER, Verdict.OVER, Verdict.REUSED),
    (STILL, OVER, True): (Verdict.ENDED, Verdict.ENDED, Verdict.ENDED),
}


def test_the_table_is_whole() -> None:
    assert {*TABLE} == {*product((ACTIVE, STILL), (LASTS, OVER), (False, True))}


@pytest.mark.parametrize(("state", "verdicts"), TABLE.items())
def test_each_token_in_each_state(
    state: tuple[float, float, bool], verdicts: tuple[Verdict, Verdict, Verdict]
) -> None:
    family = Family(*state)
    found = tuple(
        judge(family, used, now=NOW, grace=GRACE, idle=IDLE) for used in (FRESH, LATELY, LONG_AGO)
    )
    assert found == verdicts


class Chain:
    """A session in memory: its tokens are numbers, each behind the one before."""

    def __init__(self) -> None:
        self.used: list[float | None] = [None]
        self.last = 0.0
        self.ended = False

    def show(self, token: int, now: float) -> tuple[Verdict, int]:
        """Do as the store does."""
        family = Family(self.last, 1e9, self.ended)
        first, at = True, token
        while True:
            verdict = judge(family, self.used[at], now=now, grace=GRACE, idle=1e9)
            if verdict is Verdict.FOLLOW:
                at, first = at + 1, False
                continue
            break
        if verdict is Verdict.ROTATE:
            self.last = now
            if first:
                self.used[at] = now
                self.used.append(None)
                at += 1
        self.ended = self.ended or verdict is Verdict.REUSED
        return verdict, at


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0.0, 40.0)), max_size=40))
def test_in_whatever_order_tokens_are_shown_one_at_most_is_unused(
    shown: list[tuple[int, float]],
) -> None:
    chain, now = Chain(), 0.0
    for token, pause in shown:
        now += pause
        verdict, following = chain.show(min(token, len(chain.used) - 1), now)
        assert chain.used.count(None) == 1
        assert chain.used[-1] is None
        assert verdict is not Verdict.ROTATE or following == len(chain.used) - 1


@given(st.lists(st.floats(0.0, 1_000.0), min_size=2, max_size=20), st.integers(0, 18))
def test_whoever_comes_with_an_old_one_ends_the_session_for_everybody(
    pauses: list[float], old: int
) -> None:
    chain, now = Chain(), 0.0
    for number, pause in enumerate(pauses):
        now += pause
        assert chain.show(number, now)[0] is Verdict.ROTATE
    stolen = min(old, len(pauses) - 1)
    used = chain.used[stolen]
    assert used is not None
    assert chain.show(stolen, used + GRACE + 1.0)[0] is Verdict.REUSED
    for token in range(len(chain.used)):
        assert chain.show(token, now + 2 * GRACE)[0] is Verdict.ENDED


@given(st.lists(st.floats(0.0, GRACE), min_size=5, max_size=5))
def test_tabs_within_the_grace_are_all_given_the_one_that_counts(after: list[float]) -> None:
    chain = Chain()
    found = [chain.show(0, pause) for pause in sorted(after)]
    assert {verdict for verdict, _ in found} == {Verdict.ROTATE}
    assert {token for _, token in found} == {1}
