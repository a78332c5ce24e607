"""The chat's guided exercises: buttons that offer them, and what a pressed button brings."""

from typing import Any, Final
from uuid import uuid4

Element = dict[str, Any]

BUTTONS: Final[list[Element]] = [
    {"type": "button", "id": "ex_breathing", "label": "Try 4-7-8 breathing"},
    {"type": "button", "id": "ex_grounding", "label": "5-4-3-2-1 grounding"},
]

_ANXIOUS: Final = ("anxious", "panic", "overwhelmed", "stressed")
_STEPS: Final = {
    "ex_breathing": "Breathe in for 4, hold for 7, breathe out for 8. Four rounds are enough.",
    "ex_grounding": "Name 5 things you see, 4 you feel, 3 you hear, 2 you smell and 1 you taste.",
}


def helps(text: str) -> bool:
    """Return whether an exercise is worth offering."""
    low = text.lower()
    return any(word in low for word in _ANXIOUS)


def pressed(button: str | None) -> list[Element]:
    """Return what pressing a button brings: instructions, a step forward, or a receipt."""
    steps = _STEPS.get(button or "")
    if steps:
        return [
            {"type": "instruction", "id": f"{button}_steps", "label": steps},
            {"type": "button", "id": f"{button}_complete", "label": "Complete"},
        ]
    if button and button.endswith("_complete"):
        marker = f"pm_{uuid4().hex[:10]}"
        return [{"type": "progress", "id": marker, "label": "Progress recorded"}]
    return [{"type": "ack", "id": button, "label": "Received"}]
