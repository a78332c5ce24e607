"""The scores of many sources, in bounded memory: a crowd of new ones forgets no old offender."""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from tta_gateway.features.shield.algorithm import Score
from tta_gateway.features.shield.source import Network, is_within

_MOVES: Final = 512  # offenders that are put apart at once: each is only once
_LOOKS: Final = 8  # at those that were looked at longest ago, for one to forget
_HEAVY: Final = 5.0  # points from which on one is worth more than any newcomer
_STRUCK: Final = 1000.0  # points that a strike counts for when somebody is to be forgotten
_LITTLE: Final = 0.1  # points that are not worth remembering


class Book:
    """At most so many sources.

    Those with little against them stand in the order in which they came, and the oldest gives way;
    offenders stand apart, in half of the room at most, and give way only to each other.
    """

    def __init__(self, most: int, allowed: list[Network]) -> None:
        """Begin with none; `allowed` are never kept out."""
        self._most = most
        self._light: OrderedDict[str, Score] = OrderedDict()
        self._heavy: OrderedDict[str, Score] = OrderedDict()
        self._allowed = allowed

    def allow(self, allowed: list[Network]) -> None:
        """Go by another list of those who are never kept out."""
        self._allowed = allowed
        for score in self.scores():
            score.allowed = is_within(score.name, allowed)

    def find(self, name: str) -> Score | None:
        """Return what is known of a source, if anything is."""
        found = self._light.get(name)
        return self._heavy.get(name) if found is None else found

    def of(self, name: str, now: float) -> Score:
        """Return the score of a source, a new one perhaps."""
        found = self.find(name)
        if found is None:
            if len(self) >= self._most:
                self._make_room(now)
            found = Score(name, now, allowed=is_within(name, self._allowed))
            self._light[name] = found
        return found

    def _make_room(self, now: float) -> None:
        """Forget the oldest with little against it; offenders that come up are put apart."""
        for _ in range(min(_MOVES, len(self._light))):
            name, score = self._light.popitem(last=False)
            if _weight(score, now) < _HEAVY:
                return
            self._heavy[name] = score
            if len(self._heavy) > self._most // 2:
                break
        self._forget_least(now)

    def _forget_least(self, now: float) -> None:
        """Forget the least of a few offenders, of whom there are some; the others have a turn more.

        To know the least of all would cost a look at every one.
        """
        least, weight = "", float("inf")
        for name in list(islice(self._heavy, _LOOKS)):
            weighs = _weight(self._heavy[name], now)
            if weighs < weight:
                least, weight = name, weighs
            self._heavy.move_to_end(name)
        del self._heavy[least]

    def tidy(self, now: float, *, forgiven: float, most: int = 200) -> None:
        """Forget a few of whom nothing is worth remembering."""
        for scores in (self._light, self._heavy):
            for name in list(islice(scores, most)):
                score = scores[name]
                lasts = score.strikes and now - max(score.struck_at, score.until) <= forgiven
                if score.fade(now) < _LITTLE and not lasts:
                    del scores[name]
                else:
                    scores.move_to_end(name)

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._light) + len(self._heavy)

    def scores(self) -> Iterator[Score]:
        """Yield all that are known."""
        yield from list(chain(self._light.values(), self._heavy.values()))


def _weight(score: Score, now: float) -> float:
    return score.fade(now) + score.strikes * _STRUCK
