"""What is counted of error records."""

from typing import Final

from tta_gateway.support.metrics import Metric

RECORDS: Final = Metric(
    "tta_gateway_error_records_total",
    "counter",
    "Records of errors and of acts of safety: kept, or lost because there were too many of them"
    " (crowded) or the disk did not take them (failed).",
    ("outcome",),
)
