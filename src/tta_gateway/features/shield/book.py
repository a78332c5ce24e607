"""The scores of many sources, in bounded memory: a crowd of new ones forgets no old offender."""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from tta_gateway.features.shield.algorithm import Score
from tta_gateway.features.shield.source import Network, is_within

_LOOKS: Final = 8  # at those that were looked at longest ago, for one to forget
_STRUCK: Final = 1000.0  # points that a strike counts for when somebody is to be forgotten


class Book:
    """At most so many sources; the least of a few that nobody has heard of gives way."""

    def __init__(self, most: int, allowed: list[Network]) -> None:
        """Begin with none; `allowed` are never kept out."""
        self._most = most
        self._scores: OrderedDict[str, Score] = OrderedDict()
        self._allowed = allowed

    def allow(self, allowed: list[Network]) -> None:
        """Go by another list of those who are never kept out."""
        self._allowed = allowed
        for name, score in self._scores.items():
            score.allowed = is_within(name, allowed)

    def find(self, name: str) -> Score | None:
        """Return what is known of a source, if anything is."""
        return self._scores.get(name)

    def of(self, name: str, now: float) -> Score:
        """Return the score of a source, a new one perhaps."""
        found = self._scores.get(name)
        if found is None:
            if len(self._scores) >= self._most:
                self._make_room(now)
            found = Score(name, now, allowed=is_within(name, self._allowed))
            self._scores[name] = found
        return found

    def _make_room(self, now: float) -> None:
        """Forget the least of a few; the others have a turn more.

        To know the least of all would cost a look at every one.
        """
        looked_at = list(islice(self._scores, _LOOKS))
        least, weight = looked_at[0], float("inf")
        for name in looked_at:
            score = self._scores[name]
            weighs = score.fade(now) + score.strikes * _STRUCK
            if weighs < weight:
                least, weight = name, weighs
            self._scores.move_to_end(name)
        del self._scores[least]

    def forget(self, name: str) -> None:
        """Know nothing of it any more."""
        self._scores.pop(name, None)

    def tidy(self, now: float, *, forgiven: float, most: int = 200) -> None:
        """Forget a few of whom nothing is worth remembering."""
        for name in list(islice(self._scores, most)):
            score = self._scores[name]
            lasts = score.strikes and now - max(score.struck_at, score.until) <= forgiven
            if score.fade(now) < 0.1 and not lasts and not score.is_blocked(now):
                del self._scores[name]
            else:
                self._scores.move_to_end(name)

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._scores)

    def scores(self) -> Iterator[Score]:
        """Yield all that are known."""
        yield from list(self._scores.values())
