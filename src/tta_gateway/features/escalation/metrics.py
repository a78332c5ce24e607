"""What is counted of incidents; drills stand under the level `drill`."""

from typing import Final

from tta_gateway.support.metrics import Metric

_QUICK: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
_SLOW: Final = (30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 14400.0, 86400.0)

NOTIFY: Final = Metric(
    "tta_gateway_escalation_notify_seconds",
    "histogram",
    "From the message that began an alarm until the first channel has confirmed a notice of it.",
    ("level",),
    _QUICK,
)
ACKNOWLEDGE: Final = Metric(
    "tta_gateway_escalation_acknowledge_seconds",
    "histogram",
    "From the message that began an alarm until somebody has acknowledged it.",
    ("level",),
    _SLOW,
)
REPORTS: Final = Metric(
    "tta_gateway_escalation_reports_total",
    "counter",
    "Reports of workers that have been taken, each with its incident.",
    ("level",),
)
OPEN: Final = Metric(
    "tta_gateway_escalation_open", "gauge", "Incidents that are not resolved.", ("level",)
)
UNACKNOWLEDGED: Final = Metric(
    "tta_gateway_escalation_unacknowledged",
    "gauge",
    "Incidents that nobody has acknowledged.",
    ("level",),
)
PAST_DUE: Final = Metric(
    "tta_gateway_escalation_past_due",
    "gauge",
    "Incidents that nobody has acknowledged within the time of the first rung.",
    ("level",),
)
NOTICES: Final = Metric(
    "tta_gateway_escalation_notices_total",
    "counter",
    "Tries to bring a notice to a contact, by what came of them: confirmed or failed.",
    ("contact", "outcome"),
)
PARKED: Final = Metric(
    "tta_gateway_escalation_parked_records",
    "gauge",
    "Records of journals that nothing could be made of: somebody has to look at them.",
)
UNCARRIED: Final = Metric(
    "tta_gateway_escalation_uncarried",
    "gauge",
    "Reports, acts and states of incidents that stand on this node's disk alone so far.",
)
