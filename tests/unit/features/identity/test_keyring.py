"""Which key signs, and when the next one is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.keyring import (
    Change,
    Schedule,
    StoredKey,
    due,
    proving,
    rotated,
    signing,
)

SCHEDULE = Schedule(every=1_000.0, ahead=100.0, lasting=60.0)
NOW = 10_000.0


def a_key(name: str, signs_from: float, proves_until: float | None = None) -> StoredKey:
    return StoredKey(
        id=name,
        algorithm="EdDSA",
        public="{}",
        private=b"kanarie",
        signs_from=signs_from,
        proves_until=proves_until,
    )


def ours(_: StoredKey) -> bool:
    return True


def test_nothing_secret_is_shown() -> None:
    assert "kanarie" not in repr(a_key("a", 0.0))


@pytest.mark.parametrize(
    ("keys", "change"),
    [
        ([], Change(signs_from=NOW)),
        ([a_key("a", NOW)], Change()),
        ([a_key("a", NOW - 899.0)], Change()),
        ([a_key("a", NOW - 900.0)], Change(signs_from=NOW + 100.0)),
        ([a_key("a", NOW - 5_000.0)], Change(signs_from=NOW + 100.0)),
        ([a_key("a", NOW - 950.0), a_key("b", NOW + 50.0)], Change()),
        (
            [a_key("a", NOW - 1_000.0), a_key("b", NOW)],
            Change(proves_until=(("a", NOW + 60.0),)),
        ),
        ([a_key("a", NOW - 1_000.0, NOW + 60.0), a_key("b", NOW)], Change()),
        ([a_key("a", NOW - 1_000.0, NOW), a_key("b", NOW)], Change(gone=("a",))),
        ([a_key("a", NOW - 9.0, NOW - 1.0)], Change(signs_from=NOW, gone=("a",))),
    ],
)
def test_what_is_due(keys: list[StoredKey], change: Change) -> None:
    assert due(keys, ours, SCHEDULE, now=NOW) == change


def test_one_that_cannot_be_used_here_signs_nothing() -> None:
    keys = [a_key("a", NOW - 10.0), a_key("b", NOW - 5.0), a_key("c", NOW + 5.0)]
    found = signing(keys, lambda one: one.id != "b", NOW)
    assert found is not None
    assert found.id == "a"
    assert signing(keys, lambda _: False, NOW) is None
    assert due(keys, lambda _: False, SCHEDULE, now=NOW).signs_from == NOW


def test_a_rotation_by_hand_lets_the_old_ones_prove_what_they_have_signed() -> None:
    keys = [a_key("a", 0.0, NOW + 9.0), a_key("b", 5.0), a_key("c", NOW + 50.0)]
    change = rotated(keys, SCHEDULE, at_once=False, now=NOW)
    assert change == Change(NOW + 5.0, (("b", NOW + 65.0),), ("c",))


def test_at_once_nothing_of_them_counts_any_more() -> None:
    keys = [a_key("a", 0.0), a_key("b", NOW + 50.0)]
    assert rotated(keys, SCHEDULE, at_once=True, now=NOW) == Change(
        NOW, (), ("a", "b"), (NOW, NOW + SCHEDULE.lasting)
    )


def test_only_what_changes_anything_is_needed() -> None:
    assert [one.is_needed for one in (Change(), Change(gone=("a",)), Change(1.0))] == [
        False,
        True,
        True,
    ]


@given(st.lists(st.floats(0.1, 400.0), max_size=60))
def test_whenever_nodes_look_a_token_can_be_signed_and_proved_until_its_end(
    pauses: list[float],
) -> None:
    keys: list[StoredKey] = []
    now, made = NOW, 0
    signed: list[tuple[str, float]] = []  # by whom, and until when tokens of it live
    for pause in pauses:
        now += pause
        change = due(keys, ours, SCHEDULE, now=now)
        ends = dict(change.proves_until)
        kept = [one for one in keys if one.id not in change.gone]
        keys = [a_key(one.id, one.signs_from, ends.get(one.id, one.proves_until)) for one in kept]
        if change.signs_from is not None:
            made += 1
            keys.append(a_key(f"k{made}", change.signs_from))
        current = signing(keys, ours, now)
        assert current is not None
        signed.append((current.id, now + 50.0))
        proved = {one.id for one in proving(keys, now)}
        assert all(name in proved for name, until in signed if until > now)
        assert len(keys) <= 4
