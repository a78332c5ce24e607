"""Budgets of the crisis lane: arithmetic, with time as an argument."""

from collections import OrderedDict, deque
from typing import Final

WINDOW: Final = 60.0
_MOST: Final = 10_000  # people who are remembered


class Share:
    """A share of the time that may be spent on something, on average; a burst is a second's."""

    def __init__(self, share: float, now: float) -> None:
        """Begin with a burst to spend."""
        self._share = share
        self._left = share
        self._at = now

    def has_some(self, now: float) -> bool:
        """Tell whether any is left."""
        self._left = min(self._share, self._left + self._share * max(0.0, now - self._at))
        self._at = now
        return self._left > 0.0

    def spend(self, seconds: float) -> None:
        """Spend time; what is overspent is missing later."""
        self._left -= seconds


class Shares:
    """A share of the time for each person."""

    def __init__(self, share: float) -> None:
        """Begin with nobody known."""
        self._each = share
        self._shares: OrderedDict[str, Share] = OrderedDict()

    def has_some(self, person: str, now: float) -> bool:
        """Tell whether any of somebody's is left."""
        share = self._shares.get(person)
        return share is None or share.has_some(now)

    def spend(self, person: str, seconds: float, now: float) -> None:
        """Spend time of somebody's; what is overspent is missing later."""
        share = self._shares.get(person)
        if share is None:
            share = self._shares[person] = Share(self._each, now)
            if len(self._shares) > _MOST:
                self._shares.popitem(last=False)
        self._shares.move_to_end(person)
        share.spend(seconds)


class PerPerson:
    """So many a minute for each person, in any sixty seconds."""

    def __init__(self, most: int) -> None:
        """Begin with nobody known."""
        self._most = most
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, person: str, now: float) -> bool:
        """Take one of somebody's; False if they have had all of theirs."""
        taken = self._taken.get(person)
        if taken is None:
            taken = self._taken[person] = deque()
            if len(self._taken) > _MOST:
                self._taken.popitem(last=False)
        self._taken.move_to_end(person)
        while taken and taken[0] <= now - WINDOW:
            taken.popleft()
        if len(taken) >= self._most:
            return False
        taken.append(now)
        return True
