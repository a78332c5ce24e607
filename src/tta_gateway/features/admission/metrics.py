"""What is counted of who is let in."""

from typing import Final

from tta_gateway.support.metrics import Metric

ADMISSIONS: Final = Metric(
    "tta_gateway_admission_requests_total",
    "counter",
    "Requests by what became of them at the gate of their service: `at_once` and `waited` were let"
    " in; `displaced` (by others who waited), `late` (they could not be served in time), `full`"
    " (too many waited) and `overloaded` (the worker could not keep up) were turned away; `gone`"
    " did not wait.",
    ("service", "class", "outcome"),
)
LIMIT: Final = Metric(
    "tta_gateway_admission_limit",
    "gauge",
    "How many requests all workers together let a service have at once.",
    ("service",),
)
TAKEN: Final = Metric(
    "tta_gateway_admission_in_flight",
    "gauge",
    "Requests that a service has, and has not begun to answer.",
    ("service",),
)
WAITING: Final = Metric(
    "tta_gateway_admission_waiting", "gauge", "Requests that wait to be let in.", ("service",)
)
PRESSURE: Final = Metric(
    "tta_gateway_admission_pressure",
    "gauge",
    "What workers turn away because they cannot keep up, summed over them: up to 1 the share of"
    " background requests, up to 2 that of standard ones too.",
)
