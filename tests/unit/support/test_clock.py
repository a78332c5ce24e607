from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.clock import HttpDate, Stamp, SystemClock


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.5, "2023-11-14T22:13:20.500Z"),
        (1_700_000_000.9999, "2023-11-14T22:13:20.999Z"),
        (1_709_164_800.007, "2024-02-29T00:00:00.007Z"),
    ],
)
def test_a_stamp_is_the_time_of_day_in_utc_to_the_millisecond(wall: float, text: str) -> None:
    assert Stamp(FakeClock(wall=wall).wall).text() == text


@pytest.mark.parametrize("step", [0.001, 0.999, 1.0, 3600.0, -1.0])
def test_a_stamp_follows_the_clock(step: float) -> None:
    clock = FakeClock(wall=1_700_000_000.25)
    stamp = Stamp(clock.wall)
    stamp.text()
    clock.advance(step)
    assert stamp.text() == Stamp(clock.wall).text()


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=4))
def test_a_stamp_reads_back_as_the_time_whatever_was_stamped_before(walls: list[float]) -> None:
    clock = FakeClock()
    stamp = Stamp(clock.wall)
    for wall in walls:
        clock._wall = wall
        assert 0 <= wall - datetime.fromisoformat(stamp.text()).timestamp() < 0.00101


def test_the_machine_s_own_clock_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


def test_a_date_is_as_http_has_it() -> None:
    assert HttpDate(FakeClock(wall=784111777.9).wall).text() == b"Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("step", [0.1, 1.0, 86_400.0, -1.0])
def test_a_date_follows_the_clock(step: float) -> None:
    clock = FakeClock(wall=1_700_000_000.25)
    date = HttpDate(clock.wall)
    date.text()
    clock.advance(step)
    assert date.text() == HttpDate(clock.wall).text()
