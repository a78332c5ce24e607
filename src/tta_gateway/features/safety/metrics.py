"""What is counted of safety."""

from typing import Final

from tta_gateway.support.metrics import Metric

HELPS: Final = Metric(
    "tta_gateway_safety_help_total",
    "counter",
    "Answers that carried help: errors of the gateway's own with a card (`error_card`) or the field"
    " alone (`error_field`), and answers to people at risk with a block (`answer_block`) or without"
    " (`answer_field`).",
    ("kind",),
)
