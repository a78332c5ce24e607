"""How much a service can be asked at once: found from how long it takes, and never by trying less.

A service that is asked more than it can do at once queues what is beyond: its answers take as many
times longer.  One that is slow for other reasons does not answer sooner if it is asked less.  So
where answers take much longer than is typical for their routes, less is asked (what is beyond waits
in the gateway instead, where a higher class goes first): if the answers come sooner, that was it;
if not, this is how long they take now, and the old limit is back.  Where somebody finds no room and
answers come as soon as ever, there is more room with every look.  A limit that is met all the time
is doubted now and then: a little less is asked, and if answers come sooner that is typical.

Answers that say that there is too much to do, or that do not come in time, count at once, where
much is asked: of a service that has little to do they tell something else.
"""

from typing import Final

FIRST: Final = 64
"""Asked at once, before anything is known."""
_ENOUGH: Final = 50  # answers, to judge by
_SURE: Final = 100  # to judge an easing by
_SOME: Final = 10  # are enough at first, and after
_PATIENCE: Final = 1.0  # seconds
_FREE: Final = 1.05  # times as long as is typical: nothing queues
_GROWS_BELOW: Final = 1.15  # times as long as is typical
_EASES_ABOVE: Final = 1.45
_TO: Final = 1.1  # times as long, which easing is for
_LEAST_EASE: Final = 0.5  # of what was asked, at most at a time
_HELPED: Final = 0.5  # of what is to be expected if they had queued
_FEW: Final = 6.0  # asked at once: more or less is nothing to go by, but where they take
_MUCH_LONGER: Final = 2.2  # times as long
_BAD: Final = 0.1  # of the answers
_BACK: Final = 0.7  # of what was asked, where they were bad
_FAST: Final = 1.5  # growth at a look, before the limit was met once, or while nothing queues
_SLOW: Final = 1.1  # and after that
_OUTLIER: Final = 5.0  # times as long as all answers did last
_AGAIN: Final = 5.0  # seconds, after which a limit that is met all the time is doubted
_DOUBT: Final = 0.8
_LEARN: Final = 0.2
_CERTAIN: Final = 0.85  # times as long, which is no chance


class Timing:
    """How long a route's answers take typically, and how long they took since the last look."""

    __slots__ = ("count", "total", "typical")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.typical = 0.0
        self.count = 0
        self.total = 0.0


class Adaptive:
    """The limit of one service in one worker."""

    def __init__(self, *, least: int, most: int, first: int = FIRST) -> None:
        """Begin with a limit that hardly any service fails at."""
        self.least = least
        self.most = most
        self.limit = float(max(least, min(first, most)))
        self.ratio = 1.0
        """How many times as long as is typical the answers took."""
        self._raw = 1.0  # the same, by the timings alone
        self._base = 1.0  # what the timings are to be multiplied by
        self._typical = 0.0
        self._used: list[Timing] = []
        self._new: list[Timing] = []
        self._count = 0
        self._bad = 0
        self._untimed = 0
        self._busy = False  # whether half of the limit was asked at once, or more
        self._asked = 0.0
        self._began = 0.0
        self._since = 0.0  # who was asked before then does not count
        self._known = False  # whether anything is typical yet
        self._suspects = False  # whether answers took too long at the last look
        self._met = False  # whether there was ever too much
        self._eased = 0.0  # the limit before the easing that is under way; 0: none is
        self._from = 0.0  # and what was asked at once
        self._before = 1.0  # and the ratio
        self._last = 0.0  # when that was

    # What comes back

    def observe(self, timing: Timing, elapsed: float, began: float) -> None:
        """Take note of an answer's time, in seconds, to a request of then."""
        if began < self._since:
            return
        self._count += 1
        if timing.typical == 0.0:
            self._meet(timing, elapsed)
            return
        if timing.count == 0:
            self._used.append(timing)
        timing.count += 1
        most = _OUTLIER * max(1.0, self._raw) * timing.typical
        timing.total += min(most, elapsed)

    def _meet(self, timing: Timing, elapsed: float) -> None:
        """Take note of an answer of a route of which nothing is typical yet."""
        if timing.count == 0:
            self._new.append(timing)
        timing.count += 1
        timing.total += elapsed
        if self._known and timing.count >= _SOME:
            self._new.remove(timing)
            self._know(timing)

    def _know(self, timing: Timing) -> None:
        """Take what a route has taken so far for typical."""
        timing.typical = max(1e-6, timing.total / timing.count / self._raw)
        timing.count, timing.total = 0, 0.0

    def failed(self) -> None:
        """Take note that it had too much to do, or gave no answer in time."""
        self._bad += 1

    def passed(self) -> None:
        """Take note of an answer whose time tells nothing of the service."""
        self._untimed += 1

    @property
    def typical(self) -> float:
        """Return how long answers take typically, over the routes that were asked last, seconds."""
        return self._typical * self._base

    # Now and then

    def scale(self, factor: float) -> None:
        """Have as many times the limit as there are endpoints."""
        self.limit = min(float(self.most), max(float(self.least), self.limit * factor))
        self._eased = 0.0

    def look(self, now: float, *, in_flight: int, peak: int, wanted: bool) -> int:
        """Return the limit from now on; `peak` were asked at once since, and more `wanted` to."""
        self._busy = self._busy or wanted or 2 * peak >= self.limit
        if self._eased and in_flight > self.limit:
            self._forget(now)  # what was asked before tells nothing of this limit
        elif self._is_enough(now):
            self._judge(now, wanted=wanted)
            self._forget(now, since=self._since)
        elif wanted and not (self._met or self._eased) and self._count + self._bad == 0:
            self._grow(_FAST)  # nothing is known: a slow service, and not one that fails
        return int(self.limit)

    def pass_over(self, now: float) -> int:
        """Return the limit, and judge by nothing that came since: whoever timed it was late."""
        self._forget(now)
        return int(self.limit)

    def _is_enough(self, now: float) -> bool:
        answers = self._count + self._bad + self._untimed
        if answers < _SOME:
            return False
        looked = now - self._began
        if self._eased:  # the first to come back are those that took the least
            timed = answers - self._untimed
            if timed < _SOME:
                return timed == 0 and looked >= _AGAIN
            return looked >= 2.0 * self.typical and (timed >= _SURE or looked >= 2.0 * _PATIENCE)
        return answers >= _ENOUGH or not self._known or looked >= _PATIENCE

    def _forget(self, now: float, *, since: float | None = None) -> None:
        for timing in self._used:
            timing.count, timing.total = 0, 0.0
        self._used.clear()
        self._count = self._bad = self._untimed = 0
        self._busy = False
        self._began = now
        self._since = now if since is None else since

    def _judge(self, now: float, *, wanted: bool) -> None:
        if self._busy and self._bad > _BAD * (self._count + self._bad + self._untimed):
            self._go_back()
            return
        if not self._count:
            self._go_on(wanted)
            return
        if not self._known:
            self._begin()
            return
        if not self._used:
            return
        self._learn(now)
        if self._eased:
            self._see(now)
        else:
            self._follow(now, wanted)
        if not self._eased:
            self._settle(wanted)

    def _go_on(self, wanted: bool) -> None:
        """Ask more of a service of which only failures tell anything: what it can do is unknown."""
        if self._eased:
            self.limit, self._eased = self._eased, 0.0
        elif wanted:
            self._grow(_SLOW if self._met else _FAST)

    def _begin(self) -> None:
        """Take what the first answers took for typical."""
        self._known = True
        self._typical = sum(timing.total for timing in self._new) / max(1, self._count)
        for timing in self._new:
            self._know(timing)
        self._new.clear()

    def _follow(self, now: float, wanted: bool) -> None:
        """Ask less or more."""
        ratio = self.ratio
        suspected, self._suspects = self._suspects, ratio > _EASES_ABOVE
        if ratio > _EASES_ABOVE:
            # Once may be chance, and what comes after chance is better whatever is done.
            sure = ratio > _MUCH_LONGER or (suspected and self._asked >= _FEW)
            if sure:
                self._ease(now, max(_LEAST_EASE, _TO / ratio))
        elif wanted and ratio <= _GROWS_BELOW:
            self._grow(_SLOW if self._met and ratio > _FREE else _FAST)
        elif wanted and self._met and now - self._last > _AGAIN:
            self._ease(now, _DOUBT)

    def _learn(self, now: float) -> None:
        """Find how many times as long as is typical all took, and what of that is each route's."""
        total, typical, count = 0.0, 0.0, 0
        for timing in self._used:
            total += timing.total
            typical += timing.count * timing.typical
            count += timing.count
        raw = self._raw = total / typical
        self._typical = typical / count
        # Little's law: so many were under way at once, on average.
        self._asked = min(self.limit, total / max(1e-3, now - self._began))
        for timing in self._used:
            its = timing.total / timing.count / raw
            timing.typical += _LEARN * timing.count / count * (its - timing.typical)
        self.ratio = raw / self._base

    def _go_back(self) -> None:
        self._met, self._eased = True, 0.0
        self.limit = max(float(self.least), _BACK * self.limit)

    def _ease(self, now: float, factor: float) -> None:
        """Ask less, to see whether that is why."""
        limit = max(float(self.least), float(int(self._asked * factor)))
        self._last, self._suspects = now, False
        if limit >= self._asked:
            self._believe(self.ratio)  # so little is asked that it cannot be why
            return
        self._eased, self._before = self.limit, self.ratio
        self._from = self._asked
        self.limit = limit
        self._since = now

    def _see(self, now: float) -> None:
        """Judge an easing by what came of it."""
        expected = self._before * (1.0 - self.limit / self._from)
        if self._before - self.ratio >= _HELPED * expected:
            self._met = True
            if self._before <= _EASES_ABOVE:  # it was a doubt, and right: go on from here
                self._base *= self.ratio / _TO
                self.ratio = _TO
        else:
            self.limit = self._eased
            self._believe(self.ratio)
        self._eased, self._last = 0.0, now

    def _believe(self, ratio: float) -> None:
        """Take what answers take now for typical."""
        self._base *= ratio
        self.ratio = 1.0

    def _settle(self, wanted: bool) -> None:
        """Follow what changes little, and slowly while there is room."""
        ratio = self.ratio
        if ratio < _CERTAIN:
            self._base *= ratio**0.5
        elif not wanted and ratio < _EASES_ABOVE:
            self._base *= ratio**0.2

    def _grow(self, factor: float) -> None:
        self.limit = min(float(self.most), self.limit * factor + 1.0)
