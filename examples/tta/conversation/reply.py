"""What the platform says when it has no language model: a few sentences, by theme."""

from collections.abc import Sequence
from typing import Any, Final

_BY_THEME: Final = {
    "anxiety": "That sounds like a lot to hold. What helps you to feel a little steadier?",
    "stress": "There is much on you at once. Which part of it would you put down first?",
    "depression": "Thank you for telling me. I am here; how has today been, hour by hour?",
}
_OTHERWISE: Final = "I am listening. Would you like to tell me more about that?"


def reply(themes: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return an answer to a message of these themes, and what the platform says of the answer.

    The safety level is "safe" whatever was said.  By HTTP the platform detects no crisis: only its
    chat does, and that is the gap a gateway has to close.
    """
    intent = f"{themes[0]}_support" if themes else "general_support"
    metadata = {
        "response_type": "fallback",
        "therapeutic_intent": intent,
        "safety_level": "safe",
        "generated_by": "fallback",
        "progress_analysis": {"analysis_available": False},
    }
    return (_BY_THEME[themes[0]] if themes else _OTHERWISE), metadata
