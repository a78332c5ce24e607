"""What is kept of a policy says no secret of it."""

from tta_gateway.features.escalation.bound import EscalationBound, Hook, Ladder, ladder_of


def test_no_secret_is_shown() -> None:
    hook = Hook(name="pager", url="http://h/kanarie", token="kanarie", secret="kanarie")
    assert repr(hook) == "<webhook pager>"
    assert "kanarie" not in repr(EscalationBound(contacts=(hook,)))


def test_a_ladder_without_more_is_repeated_as_its_last_rung() -> None:
    made = ladder_of(1.0, 2.0, contacts=("a",))
    assert made == Ladder(made.rungs, 2.0)
    assert [(one.contacts, one.within) for one in made.rungs] == [(("a",), 1.0), (("a",), 2.0)]
