"""What is said in the place of an answer that would do harm."""

from typing import Final

from tta_gateway.kernel.problem import Problem

REPLY_WITHHELD: Final = Problem(
    "safety_reply_withheld",
    422,
    "This answer is not shown.",
    "The answer could have done harm, so it is not shown. If things are hard right now, talking to"
    " somebody can help: you are welcome to reach out to the people named here, or to your care"
    " team.",
)
