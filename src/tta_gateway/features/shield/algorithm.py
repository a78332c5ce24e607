"""The score of a source, the ladder that it climbs, and how long a block lasts.

    none -> delayed -> challenged -> blocked for a while -> challenged, unless it has calmed down

A score is a sum of points that halves every `HALF_LIFE`; time is an argument.
"""

from collections.abc import Sequence
from typing import Final

CONNECTION: Final = 0
REQUEST: Final = 1
MALFORMED: Final = 2
REFUSED: Final = 3
SCAN: Final = 4
SLOW: Final = 5
KINDS: Final[Sequence[str]] = (
    "connections",
    "requests",
    "malformed",
    "refused_logins",
    "scanning",
    "slow",
)
# Points of one of each.  Steady traffic of one kind weighs 43 times its points a second: a block of
# 100 points stands for 120 connections or 460 anonymous requests a second; for 25 malformed
# requests or refused logins at once; for 34 different paths that nobody serves.
POINTS: Final[Sequence[float]] = (0.02, 0.005, 4.0, 4.0, 3.0, 5.0)
AGAIN: Final = 0.3  # points of what was in vain before
HALF_LIFE: Final = 30.0  # seconds

NONE: Final = 0
DELAYED: Final = 1
CHALLENGED: Final = 2
BLOCKED: Final = 3
LEVELS: Final[Sequence[str]] = ("none", "delayed", "challenged", "blocked")

_MOST_STRIKES: Final = 24


class Ladder:
    """The scores at which a source climbs, and how long it stays at the top."""

    __slots__ = ("block", "challenge", "delay", "first", "forgiven", "longest")

    def __init__(
        self, *, steps: Sequence[float], first: float, longest: float, forgiven: float
    ) -> None:
        """Climb at these scores: to a delay, a challenge, and a block."""
        self.delay, self.challenge, self.block = steps
        self.first = first
        self.longest = longest
        self.forgiven = forgiven

    def level(self, score: float) -> int:
        """Return the step at which a score stands."""
        if score < self.delay:
            return NONE
        if score < self.challenge:
            return DELAYED
        return CHALLENGED if score < self.block else BLOCKED

    def term(self, strikes: int) -> float:
        """Return how long a block lasts: twice as long each time."""
        return float(min(self.longest, self.first * 2.0 ** min(strikes - 1, _MOST_STRIKES)))

    def times(self, factor: float) -> "Ladder":
        """Return one that is so many times as lenient."""
        return Ladder(
            steps=(self.delay * factor, self.challenge * factor, self.block * factor),
            first=self.first,
            longest=self.longest,
            forgiven=self.forgiven,
        )


class Score:
    """What is known of one source."""

    __slots__ = (
        "allowed",
        "at",
        "counts",
        "name",
        "paths",
        "points",
        "strikes",
        "struck_at",
        "until",
        "untold",
        "untold_points",
    )

    def __init__(self, name: str, now: float, *, allowed: bool = False) -> None:
        """Begin with nothing against it."""
        self.name = name
        self.allowed = allowed
        self.points = 0.0
        self.at = now
        self.counts = [0.0] * len(KINDS)  # as they fade
        self.untold = [0.0] * len(KINDS)  # since control was told
        self.untold_points = 0.0
        self.paths = 0  # which of 64 kinds of paths and tokens it has tried in vain
        self.strikes = 0
        self.struck_at = 0.0
        self.until = 0.0  # when its block ends

    def fade(self, now: float) -> float:
        """Bring the score to this moment, and return it."""
        gone = now - self.at
        if gone > 0.0:
            left = 0.5 ** (gone / HALF_LIFE)
            self.points *= left
            self.counts = [one * left for one in self.counts]
            self.at = now
            if self.points < 1.0:
                self.paths = 0
        return self.points

    def add(self, kind: int, points: float, now: float, times: float = 1.0) -> float:
        """Count one more of a kind, or many, and return the score."""
        self.fade(now)
        self.points += points
        self.counts[kind] += times
        self.untold[kind] += times
        self.untold_points += points
        return self.points

    def is_new(self, mark: bytes) -> bool:
        """Tell whether this has not been tried before, as far as is remembered, and remember it."""
        bit = 1 << (hash(mark) % 64)
        if self.paths & bit:
            return False
        self.paths |= bit
        return True

    def strike(self, ladder: Ladder, now: float) -> float:
        """Block it from now on, and return until when."""
        if self.struck_at and now - max(self.struck_at, self.until) > ladder.forgiven:
            self.strikes = 0
        self.strikes += 1
        self.struck_at = now
        self.until = now + ladder.term(self.strikes)
        self.points = min(self.points, ladder.challenge)  # whoever goes on climbs again
        return self.until

    def is_blocked(self, now: float) -> bool:
        """Tell whether it is blocked by what was seen here."""
        return self.until > now

    def told(self) -> list[float]:
        """Return what has come since this was asked last."""
        untold, self.untold = self.untold, [0.0] * len(KINDS)
        self.untold_points = 0.0
        return untold

    def forgive(self) -> None:
        """Begin anew: an administrator has let it in."""
        self.points = self.until = self.struck_at = 0.0
        self.strikes = 0


def cause_of(counts: Sequence[float]) -> str:
    """Say in words what came of it lately, what weighs most first."""
    weighed = sorted(
        [(one * POINTS[kind], kind) for kind, one in enumerate(counts) if one >= 1.0],
        reverse=True,
    )
    said = [f"{counts[kind]:.0f} {KINDS[kind].replace('_', ' ')}" for _, kind in weighed]
    return ", ".join(said) or "little of each"
