"""Wording: who is told how soon to look, and never what was written."""

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import acted, opened
from tta_gateway.features.escalation.bound import Act, Other
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.wording import lines, shown, stamp_or_none, title, told
from tta_gateway.kernel.incident import Report


def a_notice(report: Report, number: int = 1) -> Notice:
    return Notice(id="n1", number=number, contact="c", incident=opened(report, NOW), at=NOW)


def test_a_title_says_how_urgent_it_is_and_whether_it_is_said_again() -> None:
    assert title(a_notice(a_report())) == "Level 2 (high): somebody needs you"
    drill = a_notice(a_report(source="drill", level=3), 3)
    assert title(drill) == "[DRILL] Level 3 (imminent): somebody needs you, call 3"


def test_a_text_names_the_incident_and_not_the_person() -> None:
    text = "\n".join(lines(a_notice(a_report(delivered=False)), "http://a/incidents"))
    assert "ada" not in text
    assert "messages: 1, of which 1 reached no service" in text
    assert f"http://a/incidents/{a_notice(a_report()).incident.id}" in text
    assert "Please acknowledge" in text


def test_a_drill_says_so_and_who_is_not_proved_is_said_too() -> None:
    assert "This is a drill: nobody is in need." in lines(a_notice(a_report(source="drill")), "")
    assert "who it is has not been proved" in lines(a_notice(a_report(identity="unknown")), "")


def test_tools_get_all_that_is_known_and_nothing_that_was_written() -> None:
    made = told(a_notice(a_report(evidence=b"kanarie")), node="edge-1", link="")
    assert "kanarie" not in repr(made)
    assert (made["id"], made["number"], made["node"], made["link"]) == ("n1", 1, "edge-1", None)
    incident = made["incident"]
    assert isinstance(incident, dict)
    assert (incident["person"], incident["level_name"], incident["state"]) == (
        "ada",
        "high",
        "open",
    )


def test_what_is_over_has_an_end_and_no_call_to_come() -> None:
    act = Act(id="a", incident="i", does="resolve", by="ben", at=NOW + 5.0)
    over = shown(acted(opened(a_report(), NOW), act))
    assert (over["next_call_at"], over["resolved_at"]) == (None, "2023-11-14T22:13:25.000Z")
    assert stamp_or_none(0.0) is None


def test_a_part_is_told_of_as_the_incident_that_people_know() -> None:
    other = Other(id="w", person="ada", level=1, is_open=True)
    part = opened(a_report(), NOW, other)
    notice = Notice(id="n1", number=1, contact="c", incident=part, at=NOW)
    made = told(notice, node="edge", link="http://a")
    assert made["link"] == "http://a/w"
    incident = made["incident"]
    assert isinstance(incident, dict)
    assert (incident["id"], incident["part_of"]) == ("w", "w")
    assert "incident: w" in lines(notice, "http://a")
    assert shown(part)["id"] == part.id
