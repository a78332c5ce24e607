"""What limits are, and what becomes of them when somebody says otherwise."""

import msgspec
import pytest

from tta_gateway.features.ratelimit.bound import (
    Limit,
    Override,
    Overrides,
    changed,
    overrides_of,
    short,
)

LIMIT = Limit(id="a", name="a", handle="a", amount=100, per=60.0, burst=100, key=("user",))


def test_a_section_comes_back_as_it_went() -> None:
    overrides = Overrides(limits={"a": Override(amount=5)})
    assert overrides_of(msgspec.Raw(msgspec.msgpack.encode(overrides))) == overrides


def test_what_is_no_section_is_not_read() -> None:
    with pytest.raises(msgspec.DecodeError):
        overrides_of(msgspec.Raw(msgspec.msgpack.encode({"limits": []})))


@pytest.mark.parametrize(
    ("key", "early"),
    [((), True), (("address",), True), (("user",), False), (("address", "role"), False)],
)
def test_a_limit_that_looks_at_nobodys_name_is_early(key: tuple[str, ...], *, early: bool) -> None:
    assert msgspec.structs.replace(LIMIT, key=key).is_early is early


def test_a_limit_of_which_nothing_is_said_stays() -> None:
    assert changed(LIMIT, None) is LIMIT
    assert changed(LIMIT, Override()) == LIMIT


def test_what_is_said_stands_instead() -> None:
    made = changed(LIMIT, Override(amount=10, per=1.0, burst=3, dry_run=True))
    assert (made.amount, made.per, made.burst, made.dry_run) == (10, 1.0, 3, True)


def test_where_all_may_come_at_once_that_stays_so() -> None:
    assert changed(LIMIT, Override(amount=10)).burst == 10
    less = msgspec.structs.replace(LIMIT, burst=20)
    assert changed(less, Override(amount=10)).burst == 20


def test_a_burst_is_never_less_than_one_request_costs() -> None:
    dear = msgspec.structs.replace(LIMIT, cost=5)
    assert changed(dear, Override(burst=1)).burst == 5


@pytest.mark.parametrize("kind", [{"quota": True}, {"of": "concurrent"}])
def test_nor_is_what_does_not_trickle_in(kind: dict[str, object]) -> None:
    dear = msgspec.structs.replace(LIMIT, cost=5, **kind)
    assert changed(dear, Override(amount=1)).amount == 5


@pytest.mark.parametrize(
    ("kind", "override", "lacking"),
    [
        ({}, Override(burst=4), ("burst", 4)),
        ({}, Override(burst=5), None),
        ({}, Override(amount=4), ("amount", 4)),
        ({}, Override(amount=4, burst=5), None),
        ({"burst": 20}, Override(amount=4), None),
        ({"quota": True}, Override(amount=4), ("amount", 4)),
        ({"quota": True}, Override(amount=5), None),
        ({"of": "concurrent"}, Override(amount=4), ("amount", 4)),
        ({"of": "concurrent"}, Override(dry_run=True), None),
    ],
)
def test_what_is_less_than_one_request_takes_is_told(
    kind: dict[str, object], override: Override, lacking: tuple[str, int] | None
) -> None:
    assert short(msgspec.structs.replace(LIMIT, cost=5, **kind), override) == lacking


def test_what_is_no_rate_has_no_depth() -> None:
    limit = Limit(id="a", name="a", handle="a", amount=10, per=60.0, burst=5)
    assert limit.depth == 30.0
    assert msgspec.structs.replace(limit, quota=True).depth == 0.0
    assert msgspec.structs.replace(limit, of="concurrent").depth == 0.0
