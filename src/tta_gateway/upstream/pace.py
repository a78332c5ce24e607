"""Pace: how fast an endpoint answers beside its peers, as one worker sees it.

What is compared is not seconds but ratios: the time to an answer's head over what is typical for
its route, so that an endpoint is not slow because it was asked for slow things.  Typical is the
median, followed by small steps (Ma, Muthukrishnan and Sandler 2013, "Frugal streaming"), over all
endpoints of the service: when all of them slow down, none does beside the others.

The ratio of an endpoint is a peak EWMA (Finagle): it rises fast and falls with time.  Beyond
`EVEN` its share of the work falls as the ratio grows.  One that was slow several times lately and
whose ratio is beyond `SLOW` is penalised: it gets no work but a probe, one request at a time, until
`GOOD` probes in a row were at the pace of the others.
"""

from math import exp
from typing import Final

EVEN: Final = 1.5
SLOW: Final = 3.0
GOOD: Final = 2
_FADES: Final = 10.0  # seconds in which what was seen loses most of its weight
_RISE: Final = 0.25  # of the way to a higher ratio, each time
HIGHEST: Final = 50.0
"""A ratio that counts."""
_STEP: Final = 0.04  # of what is typical, each time
_SHORTEST: Final = 0.0005  # seconds: what is faster than that is noise of this machine
_FALL: Final = 0.05  # of the way to a lower one, at least
_LAPSES: Final = 5.0  # slow answers, less half of the others, that make an endpoint slow
_MOST_LAPSES: Final = 8.0
_LEAST: Final = 0.05  # of its weight, for one that is not penalised


class Typical:
    """The time to an answer's head that is typical for one route of a service, in seconds."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        """Begin without knowing."""
        self.seconds = 0.0

    def ratio(self, elapsed: float) -> float:
        """Return how much longer something took than is typical, and learn from it."""
        elapsed = max(elapsed, _SHORTEST)
        typical = self.seconds
        if typical == 0.0:
            self.seconds = elapsed
            return 1.0
        if elapsed > typical:
            self.seconds = typical * (1.0 + _STEP)
        elif elapsed < typical:
            self.seconds = typical * (1.0 - _STEP)
        return min(HIGHEST, elapsed / typical)


class Pace:
    """One endpoint's."""

    __slots__ = ("_good", "_lapses", "_seen", "penalised", "ratio")

    def __init__(self) -> None:
        """Begin at the pace of the others."""
        self.ratio = 1.0
        self.penalised = False
        self._seen = 0.0
        self._lapses = 0.0
        self._good = 0

    def observe(self, ratio: float, now: float) -> None:
        """Take what one answer took, beside what is typical."""
        if ratio > SLOW:
            self._lapses = min(_MOST_LAPSES, self._lapses + 1.0)
            self._good = 0
        elif self._lapses > 0.0:
            self._lapses = max(0.0, self._lapses - 0.5)
        before = self.ratio
        if ratio > before:
            self.ratio = before + _RISE * (ratio - before)
        else:
            weight = exp(min(0.0, self._seen - now) / _FADES)
            self.ratio = ratio + min(weight, 1.0 - _FALL) * (before - ratio)
        self._seen = now

    def probed(self, ratio: float, now: float) -> bool:
        """Take what a probe took; tell whether enough good ones have cleared the endpoint."""
        if ratio > EVEN:
            self._good = 0
            self._seen = now
            return False
        self._good += 1
        if self._good < GOOD:
            return False
        self.clear()
        return True

    def told(self, ratio: float) -> None:
        """Take from control that the endpoint is slow beside its peers: probes are to clear it."""
        self.penalised = True
        self.ratio = max(self.ratio, min(ratio, HIGHEST))
        self._good = 0

    def clear(self) -> None:
        """Begin again."""
        self.ratio = 1.0
        self.penalised = False
        self._lapses = 0.0
        self._good = 0

    def judge(self, best: float) -> bool:
        """Penalise an endpoint that is slow beside the best of its peers; tell whether it is."""
        if self.penalised or self._lapses < _LAPSES or self.ratio <= SLOW * best:
            return False
        self.penalised = True
        self._good = 0
        return True

    @property
    def factor(self) -> float:
        """Return what becomes of the endpoint's weight, above 0 and at most 1."""
        return 1.0 if self.ratio <= EVEN else max(_LEAST, EVEN / self.ratio)
