"""When an endpoint that fails beside its peers is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.events import Proof
from tta_gateway.kernel.problem import (
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_GARBAGE,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TLS,
)
from tta_gateway.kernel.route import Outliers
from tta_gateway.upstream.outlier import LONG_AGO, Record, is_calm, may_eject, outliers, proof_of

SETTINGS = Outliers()


def a_record(asked: int, failed: int) -> Record:
    record = Record()
    record.asked, record.failed = asked, failed
    return record


def test_failures_in_a_row_are_counted_until_one_succeeds() -> None:
    record = Record()
    for _ in range(3):
        record.did_not("answer")
    seen = [record.in_a_row]
    record.succeeded()
    assert (seen, record.in_a_row, record.asked, record.failed) == ([3], 0, 4, 3)


@pytest.mark.parametrize(
    ("proofs", "both"),
    [
        (["connection", "connection"], "connection"),
        (["connection", "answer"], "answer"),
        (["answer", "connection", "connection"], "answer"),
        (["connection", "", "connection"], ""),
        (["", "answer"], ""),
    ],
)
def test_a_check_must_show_that_it_fails_in_none_of_the_ways(
    proofs: list[Proof], both: Proof
) -> None:
    record = Record()
    record.did_not("")
    record.succeeded()  # what was before counts no more
    for proof in proofs:
        record.did_not(proof)
    assert record.proof == both


def test_each_ejection_lasts_longer_up_to_a_bound() -> None:
    record = Record()
    lasts = []
    now = 1000.0
    for _ in range(12):
        lasts.append(record.eject(SETTINGS, now))
        now = record.until + 1.0
    assert lasts == [30.0 * min(10, number) for number in range(1, 13)]


def test_after_a_long_calm_the_next_ejection_is_as_short_as_the_first() -> None:
    record = Record()
    record.eject(SETTINGS, 1000.0)
    record.eject(SETTINGS, 1040.0)
    assert record.eject(SETTINGS, record.until + 10 * 30.0 + 1) == 30.0


@given(st.integers(1, 50), st.floats(0, 1))
def test_no_more_than_a_share_is_left_out_but_one_of_several_may_be(of: int, most: float) -> None:
    settings = Outliers(most=most)
    ejected = 0
    while may_eject(ejected=ejected, of=of, settings=settings):
        ejected += 1
    assert ejected == (0 if of == 1 else max(1, int(of * most)))


def test_who_fails_well_more_often_than_its_peers_is_an_outlier() -> None:
    bad = a_record(100, 40)
    assert outliers([a_record(100, 1), bad, a_record(100, 2)], SETTINGS) == [bad]


@pytest.mark.parametrize(
    "records",
    [
        [a_record(100, 50), a_record(100, 45), a_record(100, 55)],  # all of them fail
        [a_record(19, 19), a_record(100, 0)],  # too few answers
        [a_record(100, 100)],  # nobody to compare with
        [a_record(100, 25), a_record(100, 0)],  # not so much more
        [],
    ],
)
def test_nobody_is_an_outlier_without_peers_that_do_better(records: list[Record]) -> None:
    assert outliers(records, SETTINGS) == []


@pytest.mark.parametrize(
    ("failure", "proof"),
    [
        ("", "answer"),
        (UPSTREAM_RESET.code, "answer"),
        (UPSTREAM_REFUSED.code, "connection"),
        (UPSTREAM_CONNECT_TIMEOUT.code, "connection"),
        (UPSTREAM_TLS.code, "connection"),
        (UPSTREAM_FIRST_BYTE_TIMEOUT.code, ""),
        (UPSTREAM_GARBAGE.code, ""),
    ],
)
def test_what_failed_says_what_a_check_must_show(failure: str, proof: Proof) -> None:
    assert proof_of(failure) == proof


# What control is told of it, and says


def test_control_is_told_each_answer_once_whatever_intervals_end_meanwhile() -> None:
    record = Record()
    told = []
    for _ in range(3):
        record.succeeded()
        record.did_not("answer")
        record.begin_anew()
        record.succeeded()
        told.append(record.untold)
        record.tell()
    assert (told, record.untold) == ([(3, 1)] * 3, (0, 0))


def test_what_could_not_be_told_is_still_owed() -> None:
    record = Record()
    record.succeeded()
    record.begin_anew()
    record.did_not("")
    assert (record.untold, record.asked) == ((2, 1), 1)


def test_an_ejection_that_control_tells_counts_once() -> None:
    record = Record()
    record.adopt(SETTINGS, lasts=30.0, times=1, now=1000.0)
    record.adopt(SETTINGS, lasts=29.0, times=1, now=1001.0)
    assert (record.ejections, record.until, record.since) == (1, 1030.0, LONG_AGO)
    assert record.eject(SETTINGS, 1031.0) == 60.0


def test_one_that_this_worker_has_counted_is_not_counted_again() -> None:
    record = Record()
    record.eject(SETTINGS, 1000.0)
    record.eject(SETTINGS, 1031.0)
    record.adopt(SETTINGS, lasts=60.0, times=2, now=1031.5)
    assert record.ejections == 2


def test_behind_a_long_calm_it_is_control_s_to_say_the_how_many_eth_it_is() -> None:
    record = Record()
    for number in range(4):
        record.eject(SETTINGS, 1000.0 + number)
    now = record.until + 301.0
    assert is_calm(now - record.until, SETTINGS)
    record.adopt(SETTINGS, lasts=30.0, times=1, now=now)
    assert record.ejections == 1
