"""What is counted of copies."""

from typing import Final

from tta_gateway.support.metrics import Metric

MIRRORED: Final = Metric(
    "tta_gateway_mirrored_total",
    "counter",
    "Copies of requests for a shadow service: `answered`, `failed` (no whole answer, or one larger"
    " than 1 MiB), or `left_out` (too many under way).",
    ("service", "outcome"),
)
