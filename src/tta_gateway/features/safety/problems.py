"""What is not shown, and why."""

from typing import Final

from tta_gateway.kernel.problem import Problem

WITHHELD: Final = Problem(
    "safety_reply_withheld",
    422,
    "A reply was not shown.",
    "What the service said could not be looked at, or might do harm. Ask again in other words.",
)
NOT_MODERATED: Final = Problem(
    "safety_not_moderated",
    400,
    "There is nothing here that can be looked at.",
    "Send `input`: a text, up to 32 of them, or parts of type `text`.",
)
MODERATION_BUSY: Final = Problem(
    "safety_moderation_busy",
    503,
    "As much waits here to be looked at as may.",
    "Try again when Retry-After says; ask one after the other, and of long texts about fewer.",
    retry_after=1,
)
