"""A change as it is kept."""

from tests.contract.changes.test_store import a_change
from tta_gateway.features.changes.algorithm import State


def test_what_is_proposed_is_open_and_decided_by_nobody() -> None:
    one = a_change()
    assert (one.state, one.decided_by, one.decided) == (State.PROPOSED, "", 0.0)
