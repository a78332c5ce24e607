"""Readmission: which checks end an ejection, and when."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.events import EndpointChanged, Proof
from tta_gateway.node.readmission import Ejection, Look

AT = 1000.0
EJECTED = EndpointChanged(
    service="players", endpoint="a:1", change="ejected", at=AT, until=AT + 30.0, proof="connection"
)


def ejection(
    proof: Proof = "connection", *, times: int = 1, before: Ejection | None = None
) -> Ejection:
    event = msgspec.structs.replace(EJECTED, proof=proof, until=AT + 30.0 * times)
    return Ejection(event, shortest=30.0, before=before)


def look(after: float, *, passed: bool = True, shows: Proof = "answer", healthy: int = 2) -> Look:
    return Look(began=AT + after, passed=passed, shows=shows, healthy=healthy)


def needed(one: Ejection) -> int:
    """How many good checks in a row it takes."""
    return next(number for number in range(1, 10_000) if one.ends(look(float(number))))


def test_as_many_checks_must_pass_as_bring_back_who_was_down() -> None:
    one = ejection()
    assert [one.ends(look(1.0)), one.ends(look(3.0))] == [False, True]
    assert one.since == AT + 1.0


@pytest.mark.parametrize(
    ("proofs", "shows", "ends"),
    [
        (("", "connection"), "answer", False),
        (("connection", ""), "answer", False),
        (("answer", "connection"), "connection", False),
        (("connection", "answer"), "connection", False),
        (("connection", "answer"), "answer", True),
    ],
)
def test_of_two_that_workers_tell_of_both_must_be_over(
    proofs: tuple[Proof, Proof], shows: Proof, *, ends: bool
) -> None:
    """Whichever was told of first."""
    one = ejection(proofs[1], before=ejection(proofs[0]))
    assert any([one.ends(look(1.0, shows=shows)), one.ends(look(2.0, shows=shows))]) is ends


def test_one_that_began_before_the_ejection_says_nothing() -> None:
    one = ejection()
    assert [one.ends(look(after)) for after in (-2.0, 0.0, 1.0)] == [False] * 3
    assert one.ends(look(2.0))


def test_one_that_fails_begins_the_row_anew() -> None:
    one = ejection()
    looks = [look(1.0), look(2.0, passed=False), look(3.0), look(4.0)]
    assert [one.ends(each) for each in looks] == [False, False, False, True]
    assert one.since == AT + 3.0


@pytest.mark.parametrize(
    ("proof", "shows", "ends"),
    [
        ("connection", "connection", True),
        ("connection", "answer", True),
        ("answer", "connection", False),
        ("answer", "answer", True),
        ("", "connection", False),
        ("", "answer", False),
        ("connection", "", False),
        ("answer", "", False),
        ("", "", False),
    ],
)
def test_a_check_must_show_what_had_failed(proof: Proof, shows: Proof, ends: bool) -> None:
    one = ejection(proof)
    assert any(one.ends(look(float(number), shows=shows)) for number in range(1, 99)) == ends


@pytest.mark.parametrize(("times", "checks"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32)])
def test_each_ejection_in_a_row_takes_twice_as_many(times: int, checks: int) -> None:
    assert needed(ejection(times=times)) == checks


def test_what_another_worker_told_of_a_longer_one_stays_so() -> None:
    assert needed(ejection(before=ejection(times=3))) == 8
    assert needed(ejection(times=3, before=ejection())) == 8


def test_an_ejection_for_ever_is_for_ever() -> None:
    one = ejection(times=10_000)
    assert not any(one.ends(look(float(number))) for number in range(1, 99))


@given(
    st.lists(st.tuples(st.floats(-5, 50), st.booleans()), max_size=40),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_it_never_ends_without_a_row_of_good_checks_that_began_behind_it(
    looks: list[tuple[float, bool]], healthy: int, times: int
) -> None:
    one, row = ejection(times=times), 0
    for after, passed in sorted(looks):
        row = row + 1 if passed and AT + after > AT else 0
        ends = one.ends(look(after, passed=passed, healthy=healthy))
        assert ends == (row > 0 and row >= healthy * 2 ** (times - 1))
        if ends:
            return
