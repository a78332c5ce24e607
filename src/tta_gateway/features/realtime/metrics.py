"""What is counted about real time."""

from typing import Final

from tta_gateway.support.metrics import Metric

DEAD_LETTERS: Final = Metric(
    "tta_gateway_realtime_dead_letters",
    "gauge",
    "Letters that nobody has acknowledged in time, of all users; each node tells of all of them.",
)
