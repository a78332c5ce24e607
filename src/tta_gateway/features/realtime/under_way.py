"""Frames under way to the workers that hold their sessions, weighed: together, and of each session.

They wait for the word that they were taken, in the memory of this worker and on the way to the
other.  So they are bounded by how much they are, and one session leaves room for others.
"""

from typing import Final

MOST: Final = 4 * 1024 * 1024
"""bytes of all together"""
MOST_OF_ONE: Final = 1024 * 1024
"""of one session: sixteen of the largest, or 256 that are small"""
A_FRAME: Final = 4096
"""what the smallest weighs"""


def weight(data: bytes) -> int:
    """Return what a frame weighs."""
    return max(len(data), A_FRAME)


class UnderWay:
    """What is under way; a frame that is alone may have any weight."""

    def __init__(self, most: int) -> None:
        """Begin with nothing, and let so many bytes be under way."""
        self._most: Final = most
        self._all = 0
        self._of: Final[dict[str, int]] = {}

    def __len__(self) -> int:
        """Return of how many sessions something is."""
        return len(self._of)

    def begin(self, session: str, weight: int) -> bool:
        """Take note of a frame that goes; False where it may not."""
        held = self._of.get(session, 0)
        if self._all and self._all + weight > self._most:
            return False
        if held and held + weight > MOST_OF_ONE:
            return False
        self._all += weight
        self._of[session] = held + weight
        return True

    def end(self, session: str, weight: int) -> None:
        """Take note that it goes no longer."""
        self._all -= weight
        held = self._of[session] - weight
        if held:
            self._of[session] = held
        else:
            del self._of[session]
