"""A service that suddenly takes two hundred times as long: whose requests are still answered."""

import threading
from pathlib import Path
from typing import Final

from tests.e2e.test_overload import CLASSES, gateway_to, share
from tests.helpers.overload import changing_service, load

STEP: Final = 2.0
"""What took ten milliseconds takes so many seconds."""


def test_a_step_to_seconds_sheds_what_can_wait_and_keeps_the_times_of_therapy(
    tmp_path: Path,
) -> None:
    """Scenario 25: after the step the service can do 20 a second, and is asked for 45.

    Five of them are therapeutic.  Administration is `standard` at most, whatever its routes say
    (`tests/unit/features/admission/test_policy.py`).
    """
    with changing_service(servers=40, takes=0.01, otherwise=STEP) as (port, change):
        gateway = gateway_to(port, tmp_path)
        timers = [threading.Timer(after, change) for after in (3.0, 25.0)]
        try:
            for timer in timers:
                timer.start()
            asked = load(gateway.port, [(45.0, 34)])
        finally:
            for timer in timers:
                timer.cancel()
            gateway.stop()
    assert share(asked, *CLASSES, end=2) == 1.0
    assert share(asked, "crisis") == 1.0
    assert share(asked, "therapeutic", begin=17, end=24) >= 0.95
    took = sorted(
        one.took
        for one in asked
        if one.traffic == "therapeutic" and one.status == 200 and 17 <= one.at < 24
    )
    # Who has waited its patience (3 s) is let in over the limit, and then takes the step.
    assert took[int(0.99 * (len(took) - 1))] <= 3 * STEP
    for traffic, most in (("standard", 0.8), ("background", 0.5)):
        assert share(asked, traffic, begin=17, end=24) <= most
    assert share(asked, *CLASSES, begin=31) >= 0.98
    assert {one.status for one in asked} <= {200, 503}
