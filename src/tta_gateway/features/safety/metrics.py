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
HEARD: Final = Metric(
    "tta_gateway_safety_messages_total",
    "counter",
    "Messages of people through sockets that were looked at, by the level that they come to (0 to 3).",
    ("level",),
)
REPLACED: Final = Metric(
    "tta_gateway_safety_replaced_total",
    "counter",
    "Messages of services, by the route or kind of channels, of which something was not shown.",
    ("route",),
)
UNREPORTED: Final = Metric(
    "tta_gateway_safety_unreported_total",
    "counter",
    "Messages of people at risk whose record did not reach the disk: they were delivered, and given"
    " help, and nobody else was told. Anything above 0 wants an operator at once.",
)
