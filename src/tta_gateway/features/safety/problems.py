"""What is not shown, and why."""

from typing import Final

from tta_gateway.kernel.problem import Problem

WITHHELD: Final = Problem(
    "safety_reply_withheld",
    422,
    "A reply was not shown.",
    "What the service said could not be looked at, or might do harm. Ask again in other words.",
)
