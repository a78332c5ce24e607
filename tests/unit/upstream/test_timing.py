"""How long an endpoint takes for a route."""

import pytest

from tta_gateway.support.metrics import Registry
from tta_gateway.upstream.timing import DURATION, Timings


def test_what_is_typical_for_a_route_is_so_for_all_endpoints() -> None:
    timings = Timings("players", None)
    one, other = timings.of("h:1", "chat"), timings.of("h:2", "chat")
    assert one.observe(0.1) == 1.0
    assert other.observe(0.3) == pytest.approx(3.0)


def test_what_is_slow_for_one_route_is_typical_for_another() -> None:
    timings = Timings("players", None)
    chat, profile = timings.of("h:1", "chat"), timings.of("h:1", "profile")
    assert (chat.observe(10.0), profile.observe(0.01)) == (1.0, 1.0)


def test_times_are_counted_by_endpoint_and_route() -> None:
    registry = Registry()
    timing = Timings("players", registry).of("h:1", "chat")
    timing.observe(0.02)
    timing.observe(40.0)
    cells = registry.child(DURATION, "players", "h:1", "chat").values()
    assert (sum(cells[:-1]), cells[4], cells[-2], cells[-1]) == (2.0, 1.0, 1.0, 40.02)


def test_what_is_typical_for_a_route_that_is_gone_is_forgotten() -> None:
    timings = Timings("players", None)
    for route in ("chat", "profile"):
        timings.of("h:1", route).observe(1.0)
    timings.retain({"chat"})
    chat, profile = timings.of("h:2", "chat"), timings.of("h:2", "profile")
    assert chat.observe(2.0) == pytest.approx(2.0)
    assert profile.observe(2.0) == 1.0
