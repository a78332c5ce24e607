"""Affinity: which endpoint belongs to a key."""

from collections import Counter
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_gateway.kernel.route import Endpoint, EndpointLimits
from tta_gateway.upstream.affinity import (
    ID,
    MARKED,
    bounded,
    highest,
    is_session,
    marked,
    mixed,
    new_session,
    seed_of,
    share_of,
    tagged,
)
from tta_gateway.upstream.pool import Pool

One = Pool[str, int]
KEYS = [b"player-%d" % number for number in range(4000)]


def some(*weights: int, in_flight: int = 1_000_000) -> list[One]:
    limits = EndpointLimits(in_flight=in_flight)
    return [
        Pool(Endpoint(host=f"10.0.0.{number}", port=80, weight=weight), limits)
        for number, weight in enumerate(weights, start=1)
    ]


def shares(pools: list[One]) -> list[float]:
    counted = Counter(highest(pools, key).name for key in KEYS)
    return [counted[pool.name] / len(KEYS) for pool in pools]


def test_numbers_that_are_close_are_mixed_far_apart() -> None:
    flipped = [(mixed(number) ^ mixed(number ^ 1)).bit_count() for number in range(1000)]
    assert 15 < sum(flipped) / 1000 < 17


def test_what_a_key_belongs_to_is_the_same_everywhere_and_for_ever() -> None:
    pools = some(1, 1, 1)
    found = [highest(pools, b"player-%d" % number).name[-4] for number in range(12)]
    assert "".join(found) == "123132332221"


def test_the_order_of_the_endpoints_does_not_matter() -> None:
    pools = some(1, 2, 3, 4)
    there = [highest(pools, key).name for key in KEYS[:500]]
    assert [highest(pools[::-1], key).name for key in KEYS[:500]] == there


@pytest.mark.parametrize("weights", [(1, 1), (1, 1, 1, 1, 1), (1, 3), (5, 1, 4)])
def test_each_has_its_share_of_the_keys_by_weight(weights: tuple[int, ...]) -> None:
    for share, weight in zip(shares(some(*weights)), weights, strict=True):
        assert share == pytest.approx(weight / sum(weights), abs=0.025)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.data())
def test_only_the_keys_of_an_endpoint_that_goes_move(
    weights: list[int], data: st.DataObject
) -> None:
    pools = some(*weights)
    gone = pools[data.draw(st.integers(0, len(pools) - 1))]
    left = [pool for pool in pools if pool is not gone]
    moved = 0
    for key in KEYS[:1000]:
        before, after = highest(pools, key), highest(left, key)
        assert after is before or before is gone  # and so for one that comes, read backwards
        moved += before is gone
    fair = gone.endpoint.weight / sum(weights)
    assert moved <= 1000 * fair + 5 * (1000 * fair * (1 - fair)) ** 0.5 + 1


ROUNDING = 1e-9  # a share that is a whole number may be reckoned a little above or below


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.floats(1.01, 3.0),
    st.integers(1, 300),
    st.booleans(),
)
def test_nobody_gets_more_than_the_bound(
    weights: list[int], bound: float, count: int, one_key: bool
) -> None:
    pools = some(*weights)
    for number in range(count):
        key = b"hot" if one_key else KEYS[number]
        chosen = bounded(pools, key, bound)
        total = 1 + sum(pool.in_flight for pool in pools)
        chosen.in_flight += 1
        share = bound * total * chosen.endpoint.weight / sum(weights)
        assert chosen.in_flight <= ceil(share + ROUNDING)


def test_below_the_bound_a_key_has_the_endpoint_that_is_its_own() -> None:
    pools = some(1, 1, 1)
    assert all(bounded(pools, key, 1.25) is highest(pools, key) for key in KEYS[:300])


def test_what_overflows_goes_to_the_next_of_the_key() -> None:
    pools = some(1, 1, 1)
    first = highest(pools, b"hot")
    first.in_flight = 10
    second = highest([pool for pool in pools if pool is not first], b"hot")
    assert bounded(pools, b"hot", 1.25) is second


def test_the_bound_lets_nobody_be_asked_who_is_full() -> None:
    pools = some(1, 1, in_flight=2)
    first = highest(pools, b"hot")
    first.in_flight = 2
    assert bounded(pools, b"hot", 100.0) is not first


def test_where_all_with_room_are_beyond_the_bound_one_of_them_is_asked() -> None:
    small, large = some(1, 9, in_flight=3)
    large.in_flight = 3
    small.in_flight = 2
    assert bounded([small, large], b"any", 1.01) is small


def test_where_all_are_full_the_key_has_its_own() -> None:
    pools = some(1, 1, in_flight=0)
    assert bounded(pools, b"hot", 1.25) is highest(pools, b"hot")


def test_where_a_key_stands_is_even() -> None:
    below = sum(share_of(key) < 0.1 for key in KEYS) / len(KEYS)
    assert below == pytest.approx(0.1, abs=0.015)
    assert all(0.0 <= share_of(key) < 1.0 for key in KEYS)


def test_where_a_key_stands_does_not_tell_its_endpoint() -> None:
    pools = some(1, 1)
    first = [key for key in KEYS if share_of(key) < 0.5]
    counted = sum(highest(pools, key) is pools[0] for key in first) / len(first)
    assert counted == pytest.approx(0.5, abs=0.04)


def test_a_session_is_given_digits_and_then_the_tag_of_its_endpoint() -> None:
    key = new_session(0.0, 0.999999999)
    assert (key, len(key)) == (b"00000000fffffffb", ID)
    assert len(marked(key, seed_of("a:80"))) == MARKED


def test_a_session_that_is_marked_anew_keeps_its_id() -> None:
    key = marked(new_session(0.1, 0.2), seed_of("a:80"))
    again = marked(key, seed_of("b:80"))
    assert (again[:ID], again == key) == (key[:ID], False)


def test_a_mark_leads_to_its_endpoint_and_to_no_other() -> None:
    pools = some(1, 1, 1)
    keys = [new_session(number / 300, 0.5) for number in range(300)]
    for key in keys:
        for pool in pools:
            assert tagged(pools, marked(key, pool.seed)) is pool
            assert tagged([one for one in pools if one is not pool], marked(key, pool.seed)) is None


def test_a_mark_says_nothing_in_clear() -> None:
    pool = some(1)[0]
    marks = {marked(new_session(number / 100, 0.5), pool.seed)[ID:] for number in range(100)}
    assert (
        len(marks) == 100
    )  # not one tag for the endpoint that could be told from session to session


@pytest.mark.parametrize(
    "key", [b"", b"0" * 15, b"0" * 17, b"g" * 16, b"+0" * 8, b"1_" * 8, b" " * 16]
)
def test_what_is_no_session_of_ours_is_none(key: bytes) -> None:
    assert not is_session(key)
    assert tagged(some(1), key) is None


@pytest.mark.parametrize("key", [b"0" * 16, b"0" * 22, b"0123456789abcdef"])
def test_what_is_a_session_of_ours_is_one(key: bytes) -> None:
    assert is_session(key)


def test_a_session_without_a_mark_has_no_endpoint() -> None:
    assert tagged(some(1), b"0" * 16) is None


def test_digits_that_are_none_are_no_mark() -> None:
    assert tagged(some(1), b"0" * 16 + b"zzzzzz") is None


def test_who_weighs_nothing_has_no_keys_unless_all_weigh_nothing() -> None:
    one, other = some(0, 1)
    assert {highest([one, other], key).name for key in KEYS[:50]} == {other.name}
    assert {bounded([one, other], key, 1.25).name for key in KEYS[:50]} == {other.name}
    assert (highest([one], b"a"), bounded([one], b"a", 1.25)) == (one, one)
