"""Which of several nodes goes on with an incident: by the newest token, and what is a part."""

from msgspec.structs import replace

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import State
from tta_gateway.features.escalation.tenure import Row, by_itself, taken_over, taken_up, told

INCIDENT = opened(a_report(), NOW)


def a_row(**changed: object) -> Row:
    made = Row(incident=INCIDENT, owner="one", token=1, held=1)
    return replace(made, **changed)


def test_a_node_tells_of_its_own_incident() -> None:
    first = told(None, INCIDENT, "one", "")
    assert first == a_row()
    assert told(first, replace(INCIDENT, reports=2), "one", "") == a_row(
        incident=replace(INCIDENT, reports=2)
    )


def test_what_another_node_goes_on_with_counts_no_more_from_the_first() -> None:
    taken = taken_over(a_row(), "two")
    assert (taken.owner, taken.token, taken.held, taken.incident.token) == ("two", 2, 1, 2)
    assert not taken.is_held
    assert told(taken, INCIDENT, "one", "") is None
    assert told(taken, INCIDENT, "two", "") is None  # by the token that it had before
    held = told(taken, taken.incident, "two", "")
    assert held is not None
    assert (held.held, held.is_held) == (2, True)


def test_what_comes_second_is_a_part_and_stays_it_while_the_whole_is_there() -> None:
    part = told(None, INCIDENT, "two", "w")
    assert part is not None
    assert (part.part_of, part.is_main, part.is_alarming) == ("w", False, True)
    again = told(part, INCIDENT, "two", "")
    assert again is not None
    assert again.is_main
    first = told(a_row(), INCIDENT, "one", "w")
    assert first is not None
    assert first.is_main  # it was there before
    assert by_itself(part, "").is_main
    assert taken_over(part, "one").incident.part_of == "w"


def test_a_part_that_is_taken_up_and_what_is_resolved_alarm_no_more() -> None:
    up = taken_up(a_row(part_of="w"))
    assert (up.is_open, up.is_alarming, up.is_held) == (False, False, True)
    over = told(a_row(), replace(INCIDENT, state=State.RESOLVED), "one", "")
    assert over is not None
    assert (over.is_open, over.is_main) == (False, False)
    yielded = told(a_row(), replace(INCIDENT, holder="two"), "one", "")
    assert yielded is not None
    assert (yielded.is_open, yielded.incident.holder) == (False, "")
