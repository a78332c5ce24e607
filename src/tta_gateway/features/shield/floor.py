"""The floor: how much of what comes from behind a block passes, and by whom."""

from collections import OrderedDict
from typing import Final

_MOST: Final = 4096


class Bucket:
    """So many a second, and some at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """Begin full."""
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take one; False if there is none."""
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Buckets:
    """A bucket for each of many names; beyond `most` the one that was asked longest ago goes."""

    def __init__(self, rate: float, burst: float, most: int = _MOST) -> None:
        """Give each so many a second, and some at once."""
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: float) -> bool:
        """Take one of a name's; False if there is none."""
        found = self._buckets.get(name)
        if found is None:
            if len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
            found = self._buckets[name] = Bucket(self._rate, self._burst, now)
        else:
            self._buckets.move_to_end(name)
        return found.take(now)

    def __len__(self) -> int:
        """Return for how many there is one."""
        return len(self._buckets)
