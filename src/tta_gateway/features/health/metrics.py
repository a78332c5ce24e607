"""Every metric of the checks, with its help text."""

from typing import Final

from tta_gateway.support.metrics import Metric

CHECKS: Final = Metric(
    "tta_gateway_health_checks_total",
    "counter",
    "Checks of endpoints, by what they came to: `passed`, `failed`, or `untold` (the gateway itself"
    " was too late or had no socket left).",
    ("service", "outcome"),
)
UP: Final = Metric(
    "tta_gateway_health_endpoint_up",
    "gauge",
    "1 for an endpoint that its checks say is up, else 0.",
    ("service", "endpoint"),
)
STATE: Final = Metric(
    "tta_gateway_health_service_state",
    "gauge",
    "1 for the state that a service is in (`healthy`, `degraded`, `unhealthy`), 0 for the others.",
    ("service", "state"),
)
