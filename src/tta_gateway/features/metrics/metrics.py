"""Every metric of the path, with its help text; names of the platform where it has one."""

from dataclasses import replace
from typing import Final

from tta_gateway.support.metrics import Metric

REQUESTS: Final = Metric(
    "tta_http_requests_total",
    "counter",
    "Exchanges that are over.",
    ("method", "endpoint", "status_code", "service"),
)
IN_FLIGHT: Final = Metric(
    "tta_gateway_requests_in_flight", "gauge", "Exchanges that are under way.", ("endpoint",)
)
RECEIVED: Final = Metric(
    "tta_gateway_received_bytes_total", "counter", "Bytes of requests' bodies.", ("endpoint",)
)
SENT: Final = Metric(
    "tta_gateway_sent_bytes_total", "counter", "Bytes of answers' bodies.", ("endpoint",)
)
RETRIES: Final = Metric(
    "tta_gateway_upstream_retries_total", "counter", "Tries beyond the first.", ("service",)
)
ERRORS: Final = Metric(
    "tta_gateway_errors_total",
    "counter",
    "Exchanges that the gateway ended with an error, by its code.",
    ("code", "service"),
)
CONNECTIONS: Final = Metric(
    "tta_active_connections", "gauge", "Client connections that are open.", ("service",)
)
HANDSHAKES: Final = Metric(
    "tta_gateway_handshakes_total",
    "counter",
    "Connections by how they got through TLS, or the PROXY header: `done`, `failed`, `late`,"
    " `in_the_clear` (plain HTTP where TLS is spoken), `not_proxied`, or `gave_way` (silent while"
    " others waited).",
    ("outcome",),
)
BREAKER_CHANGES: Final = Metric(
    "tta_gateway_breaker_changes_total",
    "counter",
    "Times that a worker's breaker came to a state: `open`, `half_open`, `ramp` or `closed`.",
    ("service", "route", "state"),
)
BREAKERS_OPEN: Final = Metric(
    "tta_gateway_breakers_open",
    "gauge",
    "Workers whose breaker is open.",
    ("service", "route"),
)
BREAKER_REFUSED: Final = Metric(
    "tta_gateway_breaker_refused_total",
    "counter",
    "Requests for which the service was not asked, because its breaker was not closed.",
    ("service", "route"),
)
FALLBACKS: Final = Metric(
    "tta_gateway_fallbacks_total",
    "counter",
    "Requests that were answered in the service's place.",
    ("service", "route"),
)
DURATIONS: Final = Metric(
    "tta_http_request_duration_seconds",
    "histogram",
    "From a request's head to the end of its answer, in seconds.",
    ("method", "endpoint", "service"),
)


def durations(buckets: tuple[float, ...]) -> Metric:
    """Return the histogram of durations with these upper bounds, in seconds."""
    return replace(DURATIONS, buckets=buckets)
