"""Room: how much of a service one worker uses at once, whose it is, and who waits for some.

Rules.  What is reserved for a class can be used by no other; the rest is for whoever comes.  While
nothing is short, that is so of what is reserved for a crisis alone.  Who finds no room waits, and a
higher class is let in first; but no class that waits is passed over more than `PASSED` times.  Of
`standard` and `background` only so many wait as can be let in within their patience, which is
`PROMPT` at most where the worker is late (`is_hurried`): one more, and the oldest of them goes.
Where all who may wait do, the oldest of the lowest class goes; but of the two higher ones more may,
as long as the service answers in time all who are in and who wait.  Of those in a crisis nobody
goes; they are half of all who may wait, at most, and have what is kept for them whatever else is
over the limit.  Of the two higher classes those who have waited long enough are let in all the
same, those in a crisis first, as long as the service answers so many in time: a limit that was
found is no more than a guess, and refuses nobody in need.  While the limit is exceeded so, every
class has what is reserved for it.
Nobody waits who would fit: whatever frees room or makes more of it lets in who does.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.admission.mix import Mix
from tta_gateway.kernel.traffic import CLASSES, CRISIS, THERAPEUTIC

PASSED: Final = 40
LEAST_WAITING: Final = 4
"""of a class, however little room there is"""
PROMPT: Final = 0.25
"""seconds, for the lower classes, where the worker is late"""
_ALL: Final = range(len(CLASSES))
_ENDLESS: Final = 1_000_000_000
_RATE: Final = 0.3  # of what a look has seen, in the rate that is remembered

# What becomes of who waits.
LET_IN: Final = 0
DISPLACED: Final = 1
LATE: Final = 2
LEFT: Final = 3


def fitting(rate: float, wait: float) -> int:
    """Return how many may wait where so many a second are let in, so that none waits for longer.

    Little's law; a few may in any case, since nothing is known of a rate where nobody came.
    """
    return max(LEAST_WAITING, int(rate * wait))


class Waiting:
    """Somebody who waits until then, in seconds; `decided` hears what becomes of them, once."""

    __slots__ = ("decided", "traffic", "until")

    def __init__(self, traffic: int, until: float, decided: Callable[[int], None]) -> None:
        """Wait in this class."""
        self.traffic = traffic
        self.until = until
        self.decided = decided


class Room:
    """The room that a worker has at a service: `limit` at once, `in_flight` taken.

    `peak` is the most that was taken, and `wanted` whether somebody found none, since `look`.
    Therapy and crises that have waited long enough are let in over the limit, up to `bearable`.
    """

    def __init__(self, limit: int, *, reserved: Sequence[int], waiting: int) -> None:
        """Begin empty; `reserved` are per cent of the limit, by class, 90 in all at most."""
        self.limit = limit
        self.in_flight = 0
        self.peak = 0
        self.wanted = False
        self.waiting = 0
        self.bearable = 0
        self.is_hurried = False
        self.mix = Mix()
        self.of = [0 for _ in _ALL]
        self._share = list(reserved)
        self._short = True
        self._ceiling = _ENDLESS
        self._most = waiting
        self._reserved = [0 for _ in _ALL]
        self._easy = 0
        self._queues: list[OrderedDict[Waiting, None]] = [OrderedDict() for _ in _ALL]
        self._passed = [0 for _ in _ALL]
        self._let_in = [0 for _ in _ALL]
        self._came = [0 for _ in _ALL]  # of those who had to wait
        self._rates = [0.0 for _ in _ALL]
        self._share_out()

    def resize(self, limit: int, *, short: bool = True, ceiling: int = _ENDLESS) -> None:
        """Have this limit from now on, which may not be short; `fill` lets in who fits then.

        Where `ceiling` are in flight, only therapy and crises are let in, while room is kept.
        """
        if (limit, short, ceiling) != (self.limit, self._short, self._ceiling):
            self.limit, self._short, self._ceiling = limit, short, ceiling
            self._share_out()

    def adopt(self, *, reserved: Sequence[int], waiting: int) -> None:
        """Share it like that from now on."""
        self._share, self._most = list(reserved), waiting
        self._share_out()

    def _share_out(self) -> None:
        limit = self.limit
        kept = _ALL if self._short else (CRISIS,)
        self._reserved = [limit * self._share[one] // 100 if one in kept else 0 for one in _ALL]
        if self._share[CRISIS] and limit > 1:
            self._reserved[CRISIS] = max(1, self._reserved[CRISIS])
        if sum(self._reserved) >= limit > 1:  # one is for whoever comes, so that no class starves
            others = self._reserved[CRISIS + 1 :]
            self._reserved[CRISIS + 1 + others.index(max(others))] -= 1
        self._easy = min(limit - sum(self._reserved), self._ceiling)

    def reserved_for(self, traffic: int) -> int:
        """Return what is reserved for a class."""
        return self._reserved[traffic]

    # Coming and going

    def take(self, traffic: int) -> bool:
        """Take room for one of this class; False if it has to wait."""
        in_flight = self.in_flight
        # While nothing is short, one comparison: bench/admission.py.
        if in_flight >= self._easy and not self._is_free(traffic):
            self.wanted = True
            return False
        in_flight += 1
        self.in_flight = in_flight
        if in_flight > self.peak:
            self.peak = in_flight
        self.of[traffic] += 1
        self._let_in[traffic] += 1
        return True

    def _is_free(self, traffic: int) -> bool:
        return not self._queues[traffic] and self._fits(traffic)

    def _fits(self, traffic: int) -> bool:
        """Tell whether there is room that is not kept for others."""
        is_over = traffic == CRISIS or self.in_flight > self.limit
        if is_over and self.of[traffic] < self._reserved[traffic]:
            return True  # whatever else is over the limit
        taken = self.in_flight
        if taken >= self._ceiling and (
            traffic > THERAPEUTIC or self.of[traffic] >= self._reserved[traffic]
        ):
            return False
        for other in _ALL:
            if other != traffic:
                taken += max(0, self._reserved[other] - self.of[other])
        return taken < self.limit

    def give_back(self, traffic: int) -> None:
        """Give back the room of one of this class; `fill` lets in who waits for it."""
        self.in_flight -= 1
        self.of[traffic] -= 1

    def wait(self, one: Waiting, now: float) -> bool:
        """Have somebody wait who found no room; False if they cannot be let in in time."""
        traffic = one.traffic
        if one.until <= now:
            return False
        queue = self._queues[traffic]
        if traffic == CRISIS:
            if 2 * len(queue) >= max(self._most, self.bearable - self.in_flight):
                return False  # the others must be able to wait too
        elif traffic > THERAPEUTIC and len(queue) >= self._fitting(traffic, one.until - now):
            self._drop_oldest(traffic)
        if self.waiting >= self._most:
            lowest = self._lowest()
            if lowest < traffic:
                return False
            # Those in need may wait however many they are whom the service answers in time.
            if lowest > THERAPEUTIC or self.in_flight + self.waiting >= self.bearable:
                self._drop_oldest(lowest)
        queue[one] = None
        self.waiting += 1
        self._came[traffic] += 1
        return True

    def _fitting(self, traffic: int, patience: float) -> int:
        """Return how many of a class may wait that long: those who can be let in by then.

        However few came before, as many as there is room for may, unless nobody is to wait long.
        """
        found = fitting(self._rates[traffic], patience)
        return found if self.is_hurried else max(found, self.limit)

    def _lowest(self) -> int:
        return max(one for one in _ALL if self._queues[one])

    def _drop_oldest(self, traffic: int) -> None:
        oldest, _ = self._queues[traffic].popitem(last=False)
        self.waiting -= 1
        oldest.decided(DISPLACED)

    def leave(self, one: Waiting) -> None:
        """Have somebody wait no longer who has gone."""
        if self._queues[one.traffic].pop(one, self) is None:
            self.waiting -= 1
            one.decided(LEFT)

    def fill(self, now: float) -> None:
        """Let in everybody who fits, each in their turn."""
        while self.waiting:
            traffic = self._next()
            if traffic < 0:
                return
            one, _ = self._queues[traffic].popitem(last=False)
            self.waiting -= 1
            if one.until <= now and traffic > THERAPEUTIC:
                one.decided(LATE)
                continue
            self._pass_over(traffic)
            self._let(one)

    def _let(self, one: Waiting) -> None:
        traffic = one.traffic
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.of[traffic] += 1
        self._let_in[traffic] += 1
        self._came[traffic] -= 1
        one.decided(LET_IN)

    def _next(self) -> int:
        """Return the class whose turn it is among those that wait and fit, or -1."""
        chosen, most = -1, PASSED - 1
        for traffic in _ALL:
            if not self._queues[traffic] or not self._fits(traffic):
                continue
            if chosen < 0:
                chosen = traffic
            elif self._passed[traffic] > most:
                chosen, most = traffic, self._passed[traffic]
        return chosen

    def _pass_over(self, traffic: int) -> None:
        self._passed[traffic] = 0
        for lower in range(traffic + 1, len(CLASSES)):
            if self._queues[lower]:
                self._passed[lower] += 1

    # Now and then

    def look(self, elapsed: float, now: float) -> None:
        """Take note of how many were let in in so many seconds, and let go who has waited enough.

        `peak` and `wanted` begin anew: read them before.
        """
        # Who takes long asks for more of the service than who is answered at once.
        asked = [max(self._let_in[one] + self._came[one], self.of[one]) for one in _ALL]
        self.mix.look(asked, now)
        for traffic in _ALL:
            self._came[traffic] = 0
            rate = self._let_in[traffic] / elapsed
            self._rates[traffic] += _RATE * (rate - self._rates[traffic])
            self._let_in[traffic] = 0
            if self._queues[traffic]:
                self._let_go(traffic, now)
        self.peak = self.in_flight
        self.wanted = self.waiting > 0

    def _let_go(self, traffic: int, now: float) -> None:
        queue = self._queues[traffic]
        for one in [one for one in queue if one.until <= now]:
            del queue[one]
            self.waiting -= 1
            self._let_go_of(one)

    def _let_go_of(self, one: Waiting) -> None:
        """Turn somebody away, or let them in over the limit: the service answers them in time.

        Those in a crisis who wait are let in before anybody else is let in so.
        """
        if one.traffic > THERAPEUTIC or self.in_flight >= self.bearable:
            one.decided(LATE)
            return
        first = self._queues[CRISIS]
        while first and one.traffic != CRISIS and self.in_flight + 1 < self.bearable:
            sooner, _ = first.popitem(last=False)
            self.waiting -= 1
            self._let(sooner)
        self._let(one)

    def __repr__(self) -> str:
        """Say what an operator wants to know."""
        return f"<room for {self.limit}, {self.in_flight} in flight, {self.waiting} waiting>"
