"""What is counted of limits."""

from typing import Final

from tta_gateway.support.metrics import Metric

ADMITTED: Final = Metric(
    "tta_gateway_ratelimit_admitted_total",
    "counter",
    "Requests and messages that a limit let through.",
    ("limit",),
)
REFUSED: Final = Metric(
    "tta_gateway_ratelimit_refused_total",
    "counter",
    "Requests and messages that a limit refused, or would have (`mode` `dry_run`).",
    ("limit", "mode"),
)
KEYS: Final = Metric(
    "tta_gateway_ratelimit_keys",
    "gauge",
    "Keys of a limit that workers remember, each for itself.",
    ("limit",),
)
FORGOTTEN: Final = Metric(
    "tta_gateway_ratelimit_forgotten_total",
    "counter",
    "Keys that a worker forgot before their time, for want of room.",
    ("limit",),
)
SCALE: Final = Metric(
    "tta_gateway_ratelimit_scale_ratio",
    "gauge",
    "The share of an adaptive limit that there is at the moment, summed over workers.",
    ("limit",),
)
SETTLED: Final = Metric(
    "tta_gateway_ratelimit_settled_total",
    "counter",
    "Keys of which the store was told, and what became of that: `settled` or `failed`.",
    ("outcome",),
)
TOLD: Final = Metric(
    "tta_gateway_ratelimit_told_total",
    "counter",
    "Keys of which neighbours were told, or were not because they took nothing (`lost`).",
    ("outcome",),
)
ASKED: Final = Metric(
    "tta_gateway_ratelimit_asked_total",
    "counter",
    "Requests for which the store was asked (`exact`), and what became of that: `answered`,"
    " `local` or `refused`.",
    ("outcome",),
)
