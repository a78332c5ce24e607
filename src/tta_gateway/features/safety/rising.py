"""What somebody says over the turns of a conversation: levels rise over turns, and fade with time.

Several signs that are each not much come to more together; and whoever has said that they are in
need is not out of it with the next sentence that only hints at it.  Nothing said is kept.
"""

from typing import Final

from tta_gateway.kernel.verdict import ELEVATED, HIGH, Verdict

SIGNS: Final = 3
"""Signs at level 1 that together come to level 2"""
WITHIN: Final = 600.0
"""seconds in which they count together"""
BEHIND: Final = 900.0
"""seconds behind level 2 in which level 1 counts as that too"""


class Rising:
    """One person's."""

    __slots__ = ("_high_until", "_signs")

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._signs: list[float] = []
        self._high_until = float("-inf")

    def hear(self, verdict: Verdict, now: float) -> int:
        """Take a turn, at this time in seconds; return the level that it comes to."""
        level = verdict.level
        if level >= HIGH:
            self._high_until = now + BEHIND
            return level
        if level < ELEVATED:
            return level
        self._signs = [*(one for one in self._signs if now < one + WITHIN), now][-SIGNS:]
        if len(self._signs) >= SIGNS or now < self._high_until:
            return HIGH
        return level
