"""What answers of a service have taken, and what is typical of each of its routes.

Times are told as many times as long as is typical, so that routes that take long and routes that do
not can be added up.  All routes of a service take longer or less long together: what is typical is
what a route's answers took beside the others', times one factor for all (`base`).
"""

from typing import Final

LEAST: Final = 1e-6  # seconds: whatever a clock says, an answer takes some time
SOME: Final = 10  # are enough at first, and after
ENDLESS: Final = 1e9
_OUTLIER: Final = 5.0  # times as long as all answers did last
_LEARN: Final = 0.2
_AS_EVER: Final = 1.1  # times as long as is typical
_MANY: Final = 0.4  # of the answers, that come as soon as ever: nothing queues before them


class Timing:
    """How long a route's answers take typically, and how long they took since the last look."""

    __slots__ = ("count", "total", "typical")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.typical = 0.0
        self.count = 0
        self.total = 0.0


class Window:
    """What came since the last judgement, and what was asked."""

    __slots__ = (
        "all",
        "bad",
        "began",
        "busy",
        "count",
        "least",
        "peak",
        "prompt",
        "under_way",
        "untimed",
    )

    def __init__(self, now: float, under_way: int) -> None:
        """Begin now, with so many under way."""
        self.began = now
        self.under_way = under_way
        self.count = 0  # whose times tell something
        self.untimed = 0
        self.bad = 0
        self.prompt = 0  # of those that count, which came as soon as ever
        self.all = 0.0  # seconds that they took
        self.least = ENDLESS  # times as long as is typical: the one that took the least
        self.peak = 0
        self.busy = False  # whether half of the limit was asked at once, or more

    def answers(self) -> int:
        """Return how many answers came, and failures."""
        return self.count + self.bad + self.untimed

    def elapsed(self, now: float) -> float:
        """Return how long it has lasted, in seconds."""
        return max(1e-3, now - self.began)


class Typical:
    """How long the answers of one service take, in one worker."""

    __slots__ = ("_new", "base", "known_at", "mean", "queues", "ratio", "raw", "used", "window")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.ratio = 1.0  # how many times as long as is typical the answers took
        self.raw = 1.0  # the same, by the timings alone
        self.base = 1.0  # what the timings are to be multiplied by
        self.mean = 0.0  # by the timings, over the routes that were asked last
        self.known_at = -1.0  # when it was first known what is typical
        self.queues = False  # whether hardly any answer came as soon as ever
        self.window = Window(0.0, 0)
        self.used: list[Timing] = []
        self._new: list[Timing] = []

    @property
    def seconds(self) -> float:
        """Return how long answers take typically, over the routes that were asked last."""
        return self.mean * self.base

    def takes(self, timing: Timing) -> float:
        """Return how long answers of this route take typically, seconds; 0.0: it is not known."""
        return timing.typical * self.base

    def is_known(self) -> bool:
        """Tell whether anything is known to be typical."""
        return self.known_at >= 0.0

    def observe(self, timing: Timing, elapsed: float) -> None:
        """Take note of an answer's time, in seconds."""
        window = self.window
        window.count += 1
        if timing.typical == 0.0:
            self._meet(timing, elapsed)
            return
        if timing.count == 0:
            self.used.append(timing)
        timing.count += 1
        window.all += elapsed
        times = elapsed / timing.typical
        if times < window.least:
            window.least = times
        if times <= _AS_EVER * self.base:
            window.prompt += 1
        most = _OUTLIER * max(1.0, self.raw) * timing.typical
        timing.total += min(most, elapsed)

    def _meet(self, timing: Timing, elapsed: float) -> None:
        """Take note of an answer of a route of which nothing is typical yet."""
        if timing.count == 0:
            self._new.append(timing)
        timing.count += 1
        timing.total += elapsed
        if self.is_known() and timing.count >= SOME:
            self._new.remove(timing)
            self._know(timing)

    def _know(self, timing: Timing) -> None:
        """Take what a route has taken so far for typical."""
        timing.typical = max(LEAST, timing.total / timing.count / self.raw)
        timing.count, timing.total = 0, 0.0

    def begin(self, now: float) -> None:
        """Take what the first answers took for typical."""
        self.known_at = now
        self.mean = sum(timing.total for timing in self._new) / max(1, self.window.count)
        for timing in self._new:
            self._know(timing)
        self._new.clear()

    def learn(self) -> int:
        """Find how many times as long as is typical all took, and what of that is each route's.

        Return how many answers that is of.
        """
        window = self.window
        total, typical, count = 0.0, 0.0, 0
        for timing in self.used:
            total += timing.total
            typical += timing.count * timing.typical
            count += timing.count
        # What queues has all wait: where many come as soon as ever, the others have their reasons.
        self.queues = window.prompt < _MANY * count
        self.raw = (window.all if self.queues else total) / typical
        self.mean = typical / count
        for timing in self.used:
            its = timing.total / timing.count / (total / typical)
            timing.typical += _LEARN * timing.count / count * (its - timing.typical)
        self.ratio = self.raw / self.base
        return count

    def believe(self, ratio: float) -> None:
        """Take for typical what is as many times as long."""
        self.base *= ratio
        self.ratio /= ratio

    def forget(self, now: float, in_flight: int) -> None:
        """Judge by what comes from now on."""
        for timing in self.used:
            timing.count, timing.total = 0, 0.0
        self.used.clear()
        self.window = Window(now, in_flight)
