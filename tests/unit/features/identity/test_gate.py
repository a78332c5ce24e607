"""Who comes in, by the table of the module."""

import pytest

from tta_gateway.features.identity.bound import SecondFactor
from tta_gateway.features.identity.gate import Gate, gate, is_late, needs

RULES = SecondFactor(required_roles=("admin", "therapist"), within=100.0)


@pytest.mark.parametrize("has_one", [False, True])
@pytest.mark.parametrize("needs_one", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_the_table(*, has_one: bool, needs_one: bool, late: bool) -> None:
    told = {
        (False, False): Gate.OPEN,
        (False, True): Gate.ENROLS if late else Gate.OPEN,
        (True, False): Gate.CHALLENGED,
        (True, True): Gate.CHALLENGED,
    }
    assert gate(has_one=has_one, needs_one=needs_one, is_late=late) is told[has_one, needs_one]


def test_roles_that_need_one_are_those_that_the_operator_names() -> None:
    assert needs(("player", "admin"), RULES) == {"admin"}
    assert needs(("player",), RULES) == frozenset()
    assert needs(("admin",), SecondFactor()) == frozenset()


@pytest.mark.parametrize(
    ("granted", "late"), [(None, True), (0.0, True), (900.0, True), (900.1, False), (1001.0, False)]
)
def test_late_is_who_was_granted_the_role_long_ago(granted: float | None, *, late: bool) -> None:
    assert is_late(granted, RULES, now=1000.0) == late


def test_without_a_while_everybody_is_late_at_once() -> None:
    assert is_late(1000.0, SecondFactor(required_roles=("admin",)), now=1000.0)
