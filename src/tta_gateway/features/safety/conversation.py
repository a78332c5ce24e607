"""Levels over turns: what is said again and again weighs more than what is said once.

Each turn adds to a pressure that halves every HALF_LIFE; from enough of it an elevated turn is
high, and after several high ones the conversation is imminent.  A turn without any sign adds
nothing, and takes nothing away but by its time.
"""

from typing import Final

import msgspec

from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT, NONE, Verdict

HALF_LIFE: Final = 900.0
"""seconds"""
TO_HIGH: Final = 2.5
"""pressure from which an elevated turn is high: three of them soon after one another"""
TO_IMMINENT: Final = 9.0
"""pressure from which a high turn is imminent: three of them soon after one another"""
BY_TURNS: Final = "conversation"
"""the rule where turns have lifted a level"""
_WEIGHTS: Final = (0.0, 1.0, 3.5, 6.0)
"""what a turn of each level adds"""
_MOST: Final = 16.0


class Conversation:
    """What has been said lately; two numbers."""

    __slots__ = ("_at", "_pressure")

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._pressure = 0.0
        self._at = 0.0

    def weighed(self, said: Verdict, *, now: float) -> Verdict:
        """Return a verdict on a turn with the level that it has after all before it."""
        pressure = self.pressure(now) + _WEIGHTS[said.level]
        self._pressure = min(_MOST, pressure)
        self._at = now
        level = said.level
        if level == ELEVATED and pressure >= TO_HIGH:
            level = HIGH
        elif level == HIGH and pressure >= TO_IMMINENT:
            level = IMMINENT
        if level == said.level:
            return said
        return msgspec.structs.replace(said, level=level, rules=(*said.rules, BY_TURNS))

    def level(self, now: float) -> int:
        """Return how the conversation stands, whatever was said last."""
        pressure = self.pressure(now)
        if pressure >= TO_IMMINENT:
            return IMMINENT
        if pressure >= TO_HIGH:
            return HIGH
        return ELEVATED if pressure >= 1 / 2 else NONE

    def pressure(self, now: float) -> float:
        """Return what is left of what was said."""
        passed = max(0.0, now - self._at)
        return float(self._pressure * 0.5 ** (passed / HALF_LIFE))
