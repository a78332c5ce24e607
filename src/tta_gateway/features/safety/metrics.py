"""What is counted of safety."""

from typing import Final

from tta_gateway.support.metrics import Metric

HELPS: Final = Metric(
    "tta_gateway_safety_help_total",
    "counter",
    "Answers of the gateway's own that carried static help: with a `card` in them, or the `field`"
    " alone.",
    ("kind",),
)
