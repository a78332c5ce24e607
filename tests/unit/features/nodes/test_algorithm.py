"""Who is waited for, and how long what is known may be gone by."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.nodes.algorithm import (
    BEHIND,
    LEASE,
    PATIENCE,
    RENEWED,
    Held,
    Seen,
    Waiting,
    due,
    heard_until,
    may_renew,
)


def seen(name: str, acknowledged: int = 0, number: int = 1) -> Seen:
    return Seen(name, number=number, acknowledged=acknowledged)


def test_a_node_that_is_behind_for_long_lets_its_lease_go() -> None:
    assert may_renew(None, 5.0)
    assert may_renew(5.0, 4.99 + BEHIND)
    assert not may_renew(5.0, 5.1 + BEHIND)


@given(st.floats(0.0, RENEWED), st.floats(0.0, 1.0))
def test_every_lease_of_who_is_behind_ends_while_it_is_waited_for(
    renewal: float, at: float
) -> None:
    """Told at 0, heard at a renewal at the latest; renewed as long as that may be."""
    heard = renewal * at
    renewed = renewal if may_renew(heard, renewal) or heard == renewal else renewal - RENEWED
    while may_renew(heard, renewed + RENEWED):
        renewed += RENEWED
    assert renewed + LEASE <= PATIENCE


def test_what_is_known_holds_by_a_proved_lease_or_by_sql_whichever_is_longer() -> None:
    held = Held(1, "e", ends=10.0)
    assert heard_until(None, 5.0) == 5.0 + LEASE
    assert heard_until(held, 5.0) == 5.0 + LEASE
    held.is_proved = True
    assert heard_until(held, 5.0) == 10.0
    assert heard_until(held, 9.5) == 9.5 + LEASE
    assert held.is_of(1, "e")
    assert not held.is_of(2, "e")
    assert not held.is_of(1, "f")


def test_there_is_something_to_take_up_where_more_was_told() -> None:
    assert due({"a": 3, "b": 1, "c": 2}, {"a": 2, "b": 1}) == ["a", "c"]


def test_all_others_are_waited_for_until_they_have_acknowledged() -> None:
    nodes = [seen("me"), seen("b"), seen("c", 7)]
    waiting = Waiting("me", 7, nodes)
    assert not waiting.is_over(nodes, age=9.0)
    assert (waiting.behind, waiting.lapsed) == ({"b"}, set())
    assert waiting.is_over([seen("me"), seen("b", 8), seen("c", 7)], age=9.0)
    assert (waiting.acknowledged, waiting.lapsed) == ({"b", "c"}, set())


def test_who_lets_their_lease_end_or_holds_another_is_not_waited_for() -> None:
    waiting = Waiting("me", 7, [seen("b"), seen("c")])
    assert waiting.is_over([seen("c", number=2)], age=9.0)
    assert waiting.lapsed == {"b", "c"}


def test_who_acknowledged_and_went_did_not_lapse() -> None:
    waiting = Waiting("me", 7, [seen("b"), seen("c")])
    assert not waiting.is_over([seen("b", 7), seen("c")], age=9.0)
    assert waiting.is_over([seen("c", 7)], age=9.0)
    assert waiting.lapsed == set()


def test_a_store_that_has_just_begun_may_not_know_all_leases() -> None:
    waiting = Waiting("me", 1, [])
    assert not waiting.is_over([], age=0.5)
    assert not waiting.is_over([seen("b")], age=LEASE + 1)
    assert waiting.is_over([seen("b", 1)], age=LEASE + 1)
