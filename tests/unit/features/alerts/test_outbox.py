"""Outbox: nothing is lost below the bound, and beyond it what matters least."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.alerting import a_notice
from tta_gateway.features.alerts import outbox
from tta_gateway.features.alerts.bound import Notice, Reason
from tta_gateway.features.alerts.outbox import FIRST, LONGEST, Outbox, pause

REASONS: Final[tuple[Reason, ...]] = ("new", "flapping", "repeat", "still", "resolved")


def named(name: str, reason: Reason = "new") -> Notice:
    return a_notice(reason, labels={"service": name})


def names(notices: Sequence[Notice]) -> list[str]:
    return [one.alert.labels["service"] for one in notices]


def test_what_goes_out_comes_in_order_and_is_forgotten_once_it_has_arrived() -> None:
    box = Outbox(newest=False)
    box.put([named("a"), named("b")])
    assert (names(box.take()), len(box)) == (["a", "b"], 2)
    box.arrived()
    assert (box.take(), len(box)) == ([], 0)


def test_what_comes_back_goes_out_first() -> None:
    box = Outbox(newest=False)
    box.put([named("a")])
    box.take()
    box.put([named("b")])
    assert names(box.owed()) == ["a", "b"]
    box.came_back()
    assert names(box.take()) == ["a", "b"]


def test_only_so_many_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    box = Outbox(newest=False)
    box.put([named("a"), named("b"), named("c")])
    assert names(box.take()) == ["a", "b"]
    box.arrived()
    assert names(box.take()) == ["c"]


@pytest.mark.parametrize(
    ("waiting", "lost"),
    [
        (["new", "resolved", "resolved", "new"], 1),
        (["new", "resolved", "repeat", "new"], 2),
        (["new", "repeat", "resolved", "still"], 3),
        (["new", "flapping", "new", "new"], 0),
    ],
)
def test_beyond_the_bound_the_least_worth_goes(
    monkeypatch: pytest.MonkeyPatch, waiting: list[Reason], lost: int
) -> None:
    monkeypatch.setattr(outbox, "MOST", 3)
    box = Outbox(newest=False)
    box.put(named(str(number), reason) for number, reason in enumerate(waiting))
    assert names(box.owed()) == [
        str(one) for one in range(4) if one != lost and waiting[one] != "still"
    ]
    assert box.dropped == 1


def test_of_an_alert_only_the_newest_counts_where_that_is_so() -> None:
    box = Outbox(newest=True)
    box.put([named("a"), named("b"), named("a", "still")])
    assert [(one.reason, *names([one])) for one in box.take()] == [("new", "b"), ("still", "a")]
    box.put([named("a", "resolved")])
    box.came_back()
    assert [(one.reason, *names([one])) for one in box.take()] == [("new", "b"), ("resolved", "a")]


def test_what_is_told_again_by_itself_is_not_owed() -> None:
    box = Outbox(newest=True)
    box.put([named("a", "still"), named("b")])
    assert names(box.owed()) == ["b"]


@given(st.lists(st.tuples(st.sampled_from(REASONS), st.booleans(), st.booleans()), max_size=80))
def test_what_is_put_is_sent_waits_or_was_counted_as_lost(
    steps: list[tuple[Reason, bool, bool]],
) -> None:
    box, put, arrived = Outbox(newest=False), 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "MOST", 5)
        patch.setattr(outbox, "BATCH", 3)
        for reason, sends, succeeds in steps:
            box.put([named("a", reason)])
            put += 1
            taken = len(box.take()) if sends else 0
            (box.arrived if succeeds else box.came_back)()
            arrived += taken if succeeds else 0
            assert len(box) <= 8
    assert put == arrived + len(box) + box.dropped


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_to_a_bound(failures: int, chance: float) -> None:
    assert FIRST / 2 <= pause(failures, chance) <= LONGEST
    assert pause(failures, 0.5) <= pause(failures + 1, 0.5)
