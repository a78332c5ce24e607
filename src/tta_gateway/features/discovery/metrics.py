"""What discovery counts."""

from typing import Final

from tta_gateway.support.metrics import Metric

REACHABLE: Final = Metric(
    "tta_gateway_discovery_registry_reachable",
    "gauge",
    "1 while a registry answers; 0 while what it said last stays in force.",
    ("provider",),
)
FAILURES: Final = Metric(
    "tta_gateway_discovery_failures_total",
    "counter",
    "How often a registry could not be asked, or answered something else.",
    ("provider",),
)
CHANGES: Final = Metric(
    "tta_gateway_discovery_changes_total",
    "counter",
    "Changes of the endpoints of a service that a registry has told of.",
    ("provider",),
)
