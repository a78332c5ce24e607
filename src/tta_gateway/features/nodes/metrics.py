"""What is counted of nodes."""

from typing import Final

from tta_gateway.support.metrics import Metric

LEASES: Final = Metric(
    "tta_gateway_nodes_lease",
    "gauge",
    "Whether this node holds its lease: 1 or 0; 1 where it is alone.",
)
TOLD: Final = Metric(
    "tta_gateway_nodes_told_total",
    "counter",
    "Changes that this node has told the others: `acknowledged` by all, or one whose lease has"
    " `lapsed`, that was `behind` at the end of the wait, or `away`: the store was not reached.",
    ("result",),
)
REFUSED: Final = Metric(
    "tta_gateway_nodes_refused_total",
    "counter",
    "Requests that were refused because a worker has not been told for too long that what it"
    " knows is so.",
)
