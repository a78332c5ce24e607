"""A drill on its way, and what its answer says of that."""

from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.drill import Drill, report_of
from tta_gateway.kernel.verdict import Verdict


def a_drill(clock: FakeClock, level: int = 2) -> Drill:
    return Drill("7", by="ben", level=level, now=clock.monotonic)


def test_it_is_of_nobody_and_one_report() -> None:
    drill = a_drill(FakeClock())
    assert (drill.person, drill.report) == ("drill 7 of ben", "drill-7")
    assert drill.report == report_of("7")


def test_each_step_is_told_with_the_first_time_that_it_came_by() -> None:
    clock = FakeClock()
    drill = a_drill(clock)
    clock.advance(0.25)
    drill.judged(Verdict(3, ("suicide",), ("rule",), "7", 0.9))
    clock.advance(0.5)
    drill.judged(Verdict(2))
    drill.kept()
    assert drill.timing() == (
        b'worker;desc="takes it";dur=0.000, detector;desc="level 3 found";dur=250.000, '
        b'journal;desc="durable";dur=750.000'
    )


def test_what_is_found_counts_as_the_level_that_was_asked_for_or_not_at_all() -> None:
    found = Verdict(2, ("suicide",), ("rule",), "7", 0.9)
    assert a_drill(FakeClock(), 1).judged(found) == Verdict(1, ("suicide",), ("rule",), "7", 0.9)
    assert a_drill(FakeClock(), 2).judged(found) == found
    assert a_drill(FakeClock(), 3).judged(found) == Verdict()
