"""What is kept of a policy says no secret of it."""

import pytest

from tta_gateway.features.escalation.bound import (
    Contact,
    EscalationBound,
    Hook,
    Ladder,
    Mailbox,
    ServiceHook,
    is_subscriber,
    ladder_of,
    subscriber,
)


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        (
            Hook(name="pager", url="http://h/kanarie", token="kanarie", secret="kanarie"),
            "<webhook pager>",
        ),
        (
            Mailbox(
                name="ward",
                host="mail",
                port=587,
                user="kanarie",
                password="kanarie",
                sender="a@b",
                to=("c@d",),
            ),
            "<mail ward>",
        ),
        (
            ServiceHook(name="desk", service="carer", path="/notices", secret="kanarie"),
            "<service carer /notices>",
        ),
    ],
)
def test_no_secret_is_shown(contact: Contact, shown: str) -> None:
    assert repr(contact) == shown
    assert "kanarie" not in repr(EscalationBound(contacts=(contact,)))


@pytest.mark.parametrize(
    ("level", "place"), [(-1, 0), (0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (9, 2)]
)
def test_each_level_has_its_ladder_and_what_is_outside_has_the_nearest(
    level: int, place: int
) -> None:
    ladders = (ladder_of(1.0), ladder_of(2.0), ladder_of(3.0))
    assert EscalationBound(ladders=ladders).ladder(level) is ladders[place]


def test_a_ladder_without_more_is_repeated_as_its_last_rung() -> None:
    made = ladder_of(1.0, 2.0, contacts=("a",))
    assert made == Ladder(made.rungs, 2.0)
    assert [(one.contacts, one.within) for one in made.rungs] == [(("a",), 1.0), (("a",), 2.0)]


def test_subscribers_are_told_apart_from_those_whom_a_rung_names() -> None:
    one = subscriber("care", "/crisis", "word")
    assert one == ServiceHook(
        name="safety.* care/crisis", service="care", path="/crisis", secret="word"
    )
    assert is_subscriber(one.name)
    assert not is_subscriber("care")
