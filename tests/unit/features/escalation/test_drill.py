"""Drills: what is said in one is found, and what comes of it is about nobody."""

import pytest

from tta_gateway.features.escalation.drill import SAID, Drill, report_of
from tta_gateway.features.safety.detector import load
from tta_gateway.kernel.verdict import Verdict

DETECTOR = load()


@pytest.mark.parametrize("level", SAID)
def test_the_detector_finds_at_least_the_level_of_what_is_said(level: int) -> None:
    assert DETECTOR.of_person(SAID[level]).level >= level


def test_its_report_is_of_nobody_and_of_the_level_that_was_asked_for() -> None:
    found = Verdict(3, ("suicide",), ("suicide.intent",), "v1", 1.0)
    drill = Drill(id="7", by="ben", level=2)
    report = report_of(drill, found, 5.0)
    assert (report.id, report.source, report.at) == ("drill-7", "drill", 5.0)
    assert report.person == drill.person == "drill 7 of ben"
    assert (report.level, report.rules, report.version) == (2, ("suicide.intent",), "v1")
    assert (report.delivered, report.evidence) == (True, b"")
