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
LOOKED_UP: Final = Metric(
    "tta_gateway_access_owner_lookups_total",
    "counter",
    "Times that a service was asked whose something is, by what it said: `told`; `hidden`, which is"
    " not the caller's or not there; `away`, nothing that could be used, so that nobody got in.",
    ("result",),
)
