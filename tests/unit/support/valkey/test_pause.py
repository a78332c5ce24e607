"""Pauses between two tries to connect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.valkey.pause import LONGEST, pause


def test_the_first_try_comes_at_once() -> None:
    assert pause(0, 0.7) == 0.0


def test_pauses_grow_to_a_second() -> None:
    whole = [pause(failures, 1.0) for failures in range(1, 8)]
    assert whole == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@given(st.integers(1, 10_000), st.floats(0.0, 1.0))
def test_chance_spreads_a_pause_over_its_half(failures: int, chance: float) -> None:
    whole = pause(failures, 1.0)
    assert whole / 2 <= pause(failures, chance) <= whole <= LONGEST
