"""Bursts of failed logins: many within a minute, whoever they are for and from.

One who mistypes a password, or ten, is none: that is what the lock-out is for (tries.py).  A burst
is told when it begins, and again now and then as long as it lasts, so that who hears of it knows
when it is over.  Names and addresses are counted by what stands for them there, and never told.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

WITHIN: Final = 60.0  # seconds
MANY: Final = 40
EACH: Final = 15.0  # seconds from one telling to the next
LASTS: Final = WITHIN + 2 * EACH
"""Seconds after a telling, without another, after which it is over."""
_MOST: Final = 5000  # that are remembered
_NAMED: Final = 3
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Burst:
    """What there is to tell: how many have failed since it began.

    In the last minute they were for so many names and from so many addresses; `most_from` stands
    for those that most came from.
    """

    failed: int
    names: int
    addresses: int
    most_from: tuple[str, ...]


class Bursts:
    """Those of one node."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lately: deque[tuple[float, bytes, bytes]] = deque(maxlen=_MOST)
        self._failed = 0
        self._told = 0.0

    def failed(self, account: bytes, origin: bytes, *, now: float) -> Burst | None:
        """Take a failed login; return what is to be told of it, if anything."""
        lately = self._lately
        lately.append((now, account, origin))
        while lately[0][0] <= now - WITHIN:
            lately.popleft()
        if self._told and now - self._told > LASTS:
            self._told, self._failed = 0.0, 0  # that one is over
        self._failed = self._failed + 1 if self._told else len(lately)
        if len(lately) < MANY or (self._told and now - self._told < EACH):
            return None
        self._told = now
        return self._burst()

    def _burst(self) -> Burst:
        origins = Counter(origin for _, __, origin in self._lately)
        return Burst(
            failed=self._failed,
            names=len({account for _, account, __ in self._lately}),
            addresses=len(origins),
            most_from=tuple(one.hex()[:_DIGITS] for one, _ in origins.most_common(_NAMED)),
        )
