import pytest

from tta_gateway.features.admission.mix import Mix


def asked(*came: int, looks: int = 100) -> Mix:
    """As many came at each of these looks, a fifth of a second apart."""
    mix = Mix()
    for at in range(looks):
        mix.look(came, at / 5)
    return mix


def test_where_nobody_asks_nobody_could_wait() -> None:
    assert Mix().relief(0.0) == 0.0


def test_where_all_are_of_one_class_nobody_is_before_anybody() -> None:
    assert asked(0, 7, 0, 0).relief(20.0) == 0.0
    assert asked(0, 0, 0, 7).relief(20.0) == 0.0


def test_whoever_is_below_the_highest_could_wait() -> None:
    assert asked(0, 3, 1, 4).relief(20.0) == pytest.approx(5 / 8)


def test_one_in_a_crisis_is_enough_that_all_others_could_wait() -> None:
    mix = asked(0, 10, 0, 0)
    mix.look([1, 10, 0, 0], 20.0)
    assert mix.relief(20.2) > 0.9


def test_who_has_not_asked_lately_is_nobody_to_wait_for() -> None:
    mix = asked(0, 5, 5, 0)
    for at in range(40):
        mix.look([0, 0, 5, 0], 20.0 + at / 5)
    assert mix.relief(28.0) > 0.8
    for at in range(40, 60):
        mix.look([0, 0, 5, 0], 20.0 + at / 5)
    assert mix.relief(32.0) < 0.05
