"""Reading: where somebody stands in a channel, and what he is given next.

Live publications that follow on are given at once.  When one is missing he is *behind*: what comes
meanwhile waits, within a bound, until history has filled the gap.  What history cannot fill is said
to be lost (`caught_up` returns None); nothing is given that does not follow on.  Pure.
"""

from typing import Final

from tta_gateway.features.realtime.broker import Stored
from tta_gateway.features.realtime.publication import Position, Publication

MOST: Final = 1000  # publications that wait; with more, history is read once more instead


class Reading:
    """One reader of one channel that keeps its publications."""

    __slots__ = ("_strange", "_waiting", "is_behind", "position")

    def __init__(self, position: Position) -> None:
        """Stand there, behind until history has said what followed."""
        self.position = position
        self.is_behind = True
        self._waiting: list[tuple[Publication, Position]] = []
        self._strange: list[tuple[Publication, Position]] = []  # of another epoch, once looked at

    def heard(self, publication: Publication, top: Position) -> list[Publication]:
        """Take what came live; return what is to be given."""
        here = self.position
        if not self.is_behind and top.epoch == here.epoch:
            if top.offset == here.offset + 1:
                self.position = top
                return [publication]
            if top.offset <= here.offset:
                return []
        self.is_behind = True
        if len(self._waiting) >= MOST:
            self._waiting.clear()  # newer ones tell that there is a gap as well
        self._waiting.append((publication, top))
        return []

    def lost(self) -> None:
        """Take note that something may have been missed."""
        self.is_behind = True

    def caught_up(self, stored: Stored) -> list[Publication] | None:
        """Take what history has after `position`, or had when it was asked; None: all is lost.

        Where it was only a part of it, or more has come since, he is behind still.
        """
        here, top = self.position, stored.top
        if top.epoch != here.epoch:
            return None
        if top.offset < here.offset:
            return []  # it was asked before what has been given since
        given = []
        for publication in stored.publications:
            if publication.offset <= here.offset:
                continue
            if publication.offset != here.offset + 1:
                return None
            here = Position(publication.offset, here.epoch)
            given.append(publication)
        if not given and here.offset != top.offset:
            return None
        self.position = here
        self.is_behind = here.offset < top.offset
        return given + ([] if self.is_behind else self._rest())

    def begin(self, top: Position) -> list[Publication]:
        """Stand there now: what was before is lost, and has been said to be."""
        self.position = top
        self.is_behind = False
        return self._rest()

    def _rest(self) -> list[Publication]:
        """Give what has come live in the meantime.

        One of another epoch has history read once more, since it may be of a newer one; where that
        is asked after it came and has still this epoch, it was of an older one.
        """
        waiting, self._waiting = self._waiting, []
        known, self._strange = self._strange, []
        given = []
        for publication, top in known + waiting:
            if top.epoch == self.position.epoch:
                given += self.heard(publication, top)
        strange = [one for one in waiting if one[1].epoch != self.position.epoch]
        if strange:
            self._strange = strange
            self.is_behind = True
        return given
