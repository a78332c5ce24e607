"""An attack as a whole: it begins with a first block, and is over when nothing has come for long.

Administrators hear of it once, with what is known by then; they do not hear of each packet.
"""

from collections.abc import Sequence
from typing import Final, Literal

from tta_gateway.features.shield.algorithm import KINDS, cause_of

State = Literal["", "begun", "goes_on", "over"]
CALM: Final = 20.0  # seconds without a block, and without points
EACH: Final = 3.0  # seconds between two words that it goes on
_NAMED: Final = 5  # sources
_QUIET_POINTS: Final = 20.0  # in one look: less is nobody's attack


class Attack:
    """What has come since it began."""

    def __init__(self) -> None:
        """Begin in peace."""
        self.since = 0.0
        self.sources: dict[str, str] = {}  # that were blocked, with the cause: the first of them
        self.blocked = 0
        self.counts = [0.0] * len(KINDS)
        self._seen = 0.0
        self._told = 0.0
        self._points = 0.0

    def saw(self, counts: Sequence[float], points: float) -> None:
        """Take what was seen of somebody suspected."""
        if not self.since:
            return
        self._points += points
        for kind, one in enumerate(counts[: len(KINDS)]):
            self.counts[kind] += one

    def struck(self, source: str, cause: str, counts: Sequence[float], now: float) -> State:
        """Take that somebody has been blocked; return what that means for the whole."""
        begins = not self.since
        if begins:
            self.since = self._told = now
            self.sources, self.blocked, self._points = {}, 0, 0.0
            self.counts = [0.0] * len(KINDS)
            self.saw(counts, 0.0)
        self._seen = now
        if source not in self.sources:
            self.blocked += 1
            if len(self.sources) < _NAMED:
                self.sources[source] = cause
        return "begun" if begins else ""

    def look(self, now: float, *, blocked: int) -> State:
        """Return what has become of it; so many that it blocked are blocked still."""
        if not self.since:
            return ""
        points, self._points = self._points, 0.0
        if points >= _QUIET_POINTS:
            self._seen = now
        if not blocked and now - self._seen >= CALM:
            self.since = 0.0
            return "over"
        if now - self._told >= EACH:
            self._told = now
            return "goes_on"
        return ""

    def evidence(self) -> str:
        """Say what is known of it."""
        named = "; ".join(f"{source} ({cause})" for source, cause in self.sources.items())
        more = self.blocked - len(self.sources)
        rest = f" and {more} more" if more > 0 else ""
        return f"{self.blocked} blocked: {named}{rest}; in all {cause_of(self.counts)}"
