"""What is counted of access."""

from typing import Final

from tta_gateway.support.metrics import Metric

REFUSED: Final = Metric(
    "tta_gateway_access_refused_total",
    "counter",
    "Requests that access refused, or would have (`mode` `shadow`), by what was missing:"
    " `permission`, `role`, `owner`, `clinical`, `level`"
    " or `method`.",
    ("reason", "mode"),
)
GLASS: Final = Metric(
    "tta_gateway_access_glass_total",
    "counter",
    "Requests that went through because the caller has broken the glass.",
)
