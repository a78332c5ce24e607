"""What is counted of real time."""

from typing import Final

from tta_gateway.support.metrics import Metric

QUESTIONS: Final = Metric(
    "tta_gateway_realtime_questions_total",
    "counter",
    "Times that a service was asked about what a client of the hub wants (`event`: `connect`,"
    " `refresh`, `subscribe`, `publish` or `rpc`), by what it said: `allowed`; `refused`;"
    " `unclear`, which is not of the contract; `away`, nothing in its time, or no status 200.",
    ("service", "event", "result"),
)
DEAD_LETTERS: Final = Metric(
    "tta_gateway_realtime_dead_letters",
    "gauge",
    "Letters that nobody has acknowledged in time, of all users; each node tells of all of them.",
)
