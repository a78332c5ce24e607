"""What is counted of journals: what was put into them, and what nobody has taken over yet."""

from typing import Final

from tta_gateway.support.metrics import Metric

RECORDS: Final = Metric(
    "tta_gateway_journal_records_total",
    "counter",
    "Records for the journal of a worker, by what became of them: kept is durable, refused is not.",
    labels=("result",),
)
SECONDS: Final = Metric(
    "tta_gateway_journal_put_seconds",
    "histogram",
    "Time from a record being given to the journal until it was durable.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5),
)
GIVEN_UP: Final = Metric(
    "tta_gateway_journal_segments_given_up_total",
    "counter",
    "Segments that could not be trusted any more, since a write or a sync of them had failed.",
)
BEHIND_BYTES: Final = Metric(
    "tta_gateway_journal_behind_bytes",
    "gauge",
    "Bytes of records in the journals of this node that guard has not taken over yet.",
)
BEHIND_SECONDS: Final = Metric(
    "tta_gateway_journal_behind_seconds",
    "gauge",
    "Age of the oldest record in the journals of this node that guard has not taken over yet.",
)
DAMAGED: Final = Metric(
    "tta_gateway_journal_damage_total",
    "counter",
    "Places in journals that made no sense, by kind: torn, damaged, unreadable.",
    labels=("kind",),
)
