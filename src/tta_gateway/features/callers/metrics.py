"""What is counted of services that call."""

from typing import Final

from tta_gateway.support.metrics import Metric

REFUSED: Final = Metric(
    "tta_gateway_callers_refused_total",
    "counter",
    "Requests of services that were refused, by the reason: `missing`, `unfit`, `early`,"
    " `expired`, `withdrawn`, `revoked`,"
    " `unknown`, or `forbidden` where the service may not call the route.",
    ("reason",),
)
