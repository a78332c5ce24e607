"""Outbox: the notices that a sink has not taken yet.

There is a bound.  Beyond it goes first what is told again, then the oldest that is over, then the
oldest of all: who comes back should hear of what is the matter now.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from tta_gateway.features.alerts.bound import Notice

MOST: Final = 1024
BATCH: Final = 64
FIRST: Final = 1.0  # seconds until the second try
LONGEST: Final = 60.0  # seconds between two
_LEAST_WORTH: Final = ("still", "repeat", "resolved")


class Outbox:
    """Notices in order; of those under way it keeps a hold until they have got there.

    `newest` says that of an alert only the newest notice counts.
    """

    def __init__(self, *, newest: bool) -> None:
        """Begin empty."""
        self._newest = newest
        self._waiting: deque[Notice] = deque()
        self._sent: list[Notice] = []
        self.dropped = 0

    def __len__(self) -> int:
        """Return how many have not got there."""
        return len(self._waiting) + len(self._sent)

    def owed(self) -> tuple[Notice, ...]:
        """Return what has not got there, without what will be told again by itself."""
        return tuple(one for one in (*self._sent, *self._waiting) if one.reason != "still")

    def put(self, notices: Iterable[Notice]) -> None:
        """Take more."""
        for one in notices:
            if self._newest:
                self._supersede(one)
            self._waiting.append(one)
        self._shed()

    def _supersede(self, notice: Notice) -> None:
        key = notice.alert.key
        if any(one.alert.key == key for one in self._waiting):
            self._waiting = deque(one for one in self._waiting if one.alert.key != key)

    def _shed(self) -> None:
        while len(self._waiting) > MOST:
            self.dropped += 1
            self._waiting.remove(self._least())

    def _least(self) -> Notice:
        for reason in _LEAST_WORTH:
            for one in self._waiting:
                if one.reason == reason:
                    return one
        return self._waiting[0]

    def take(self) -> list[Notice]:
        """Return some to be sent; say `arrived` or `came_back` before the next."""
        while self._waiting and len(self._sent) < BATCH:
            self._sent.append(self._waiting.popleft())
        return list(self._sent)

    def arrived(self) -> None:
        """Forget those under way."""
        self._sent.clear()

    def came_back(self) -> None:
        """Put those under way before all others; of an alert that has moved on, none."""
        sent, self._sent = self._sent, []
        if self._newest:
            later = {one.alert.key for one in self._waiting}
            sent = [one for one in sent if one.alert.key not in later]
        self._waiting.extendleft(reversed(sent))
        self._shed()


def pause(failures: int, chance: float) -> float:
    """Return seconds to wait after so many failures in a row; `chance` is from 0 to 1."""
    whole = min(LONGEST, FIRST * 2.0 ** min(failures - 1, 10))
    return whole * (0.5 + 0.5 * chance)
