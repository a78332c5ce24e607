"""Who asks, class by class: whether it would do anybody good to have others wait.

Where all who ask are of one class nobody is before anybody: to have them wait here helps nobody,
and they are answered as soon where they wait at the service.
"""

from collections.abc import Sequence
from typing import Final

from tta_gateway.kernel.traffic import CLASSES

_LATELY: Final = 10.0  # seconds
_RATE: Final = 0.05  # of what a look has seen, in what is remembered
_LONG_AGO: Final = -1e9


class Mix:
    """How much is asked in each class, lately."""

    __slots__ = ("_asked", "_seen")

    def __init__(self) -> None:
        """Begin with nobody."""
        self._asked = [0.0 for _ in CLASSES]
        self._seen = [_LONG_AGO for _ in CLASSES]

    def look(self, asked: Sequence[int], now: float) -> None:
        """Take note of how much was asked since the last look, or still is, in each class."""
        for traffic, count in enumerate(asked):
            self._asked[traffic] += _RATE * (count - self._asked[traffic])
            if count:
                self._seen[traffic] = now

    def relief(self, now: float) -> float:
        """Return the share of those who could wait for the sake of the highest class that asks."""
        total = sum(self._asked)
        for traffic, seen in enumerate(self._seen):
            if now - seen < _LATELY:
                return 1.0 - self._asked[traffic] / total
        return 0.0
