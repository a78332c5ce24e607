"""What is counted of tethers."""

from typing import Final

from tta_gateway.support.metrics import Metric

TETHERS: Final = Metric(
    "tta_gateway_tethers_total",
    "counter",
    "What has become of WebSockets that outlive their connections: `begun`; `resumed`, their"
    " client has come back; `reattached`, their service was reached again; `handed_over`, they"
    " go on at another worker or node; `ended`."
    " Of those bound to a channel: `bound`; `unbound`, it may not be in it; `unshared`,"
    " `unheard`: messages that could not be published, or told the service.",
    ("event",),
)
EVENTS: Final = (
    "begun",
    "resumed",
    "reattached",
    "handed_over",
    "ended",
    "bound",
    "unbound",
    "unshared",
    "unheard",
)
