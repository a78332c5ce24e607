"""What is counted of transitions and alerts."""

from typing import Final

from tta_gateway.support.metrics import Metric

TRANSITIONS: Final = Metric(
    "tta_gateway_transitions_total",
    "counter",
    "Changes of endpoints, services, breakers, registries and certificates, as workers and control"
    " saw them.",
    ("kind",),
)
FIRING: Final = Metric(
    "tta_gateway_alerts_firing", "gauge", "Alerts whose cause is not over.", ("alert",)
)
SENT: Final = Metric(
    "tta_gateway_alerts_sent_total", "counter", "Notices that a sink has taken.", ("sink",)
)
FAILED: Final = Metric(
    "tta_gateway_alerts_failures_total",
    "counter",
    "Tries to send that failed; what was to be sent is tried again.",
    ("sink",),
)
DROPPED: Final = Metric(
    "tta_gateway_alerts_dropped_total",
    "counter",
    "Notices that were lost: the sink refused them for good, or was away and too many waited.",
    ("sink",),
)
WAITING: Final = Metric(
    "tta_gateway_alerts_waiting", "gauge", "Notices that a sink has not taken yet.", ("sink",)
)
