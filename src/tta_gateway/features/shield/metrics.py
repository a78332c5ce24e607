"""What is counted of attackers."""

from typing import Final

from tta_gateway.support.metrics import Metric

REQUESTS: Final = Metric(
    "tta_gateway_shield_requests_total",
    "counter",
    "Requests from suspicious addresses by what became of them: `delayed`, `challenged` (429),"
    " `blocked` (429); `passed` a block because somebody known asked; `slowed` (429) because they"
    " asked too much; `spared` because people in a crisis ask that route; `would_block` under"
    " `dry_run`.",
    ("outcome",),
)
CUT: Final = Metric(
    "tta_gateway_shield_connections_cut_total",
    "counter",
    "Connections of blocked addresses that were cut as they were accepted.",
)
SIGHTINGS: Final = Metric(
    "tta_gateway_shield_sightings_total",
    "counter",
    "What counts against addresses, by its kind.",
    ("kind",),
)
KNOWN: Final = Metric(
    "tta_gateway_shield_sources",
    "gauge",
    "Addresses and networks of which the workers remember anything, summed over them.",
)
BLOCKS: Final = Metric(
    "tta_gateway_shield_blocks", "gauge", "Addresses and networks that are kept out now."
)
STARTED: Final = Metric(
    "tta_gateway_shield_blocks_total",
    "counter",
    "Blocks that began: `found` out by the gateway, set by an `administrator`, told by another"
    " `node`, or read from the `database` at the start.",
    ("by",),
)
