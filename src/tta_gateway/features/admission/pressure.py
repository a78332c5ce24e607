"""Pressure: what a worker turns away because it has no time for it, background first.

It is under pressure while it has something to do nearly all the time, or most of it and comes late
to what is due.  One that is late and has little to do waits for others on the same machine: turning
somebody away would not help.  The share that it turns away grows then, the faster the later it is,
and shrinks by as much time as there is again; standard requests follow when nearly all of
background is turned away.  The higher classes are not turned away here.
"""

from typing import Final

from tta_gateway.kernel.traffic import BACKGROUND, STANDARD

_BUSY: Final = 0.95  # of the time
_LATE: Final = 0.025  # seconds
_LASTS: Final = 3  # looks in a row: a burst is soon done
_EASY: Final = 0.9
_UP: Final = 0.12  # of a class, at a look
_STEEP: Final = 8.0  # times as much, where it is very late
_STALLED: Final = 0.1  # seconds: one look that comes so late counts twice
_DOWN: Final = 0.04
_BACK: Final = 0.4  # of the time that there is again
_MOST: Final = 0.97  # of a class: none starves
_LAG: Final = 0.4  # of what a look has seen, in the lag that is remembered
_TOP: Final = 2.0
_DISTORTION: Final = 0.25  # of a time that is taken


class Pressure:
    """The `level`: from 0 to 1 the share of background that is turned away, to 2 of standard."""

    def __init__(self) -> None:
        """Begin without any."""
        self.level = 0.0
        self._lag = 0.0
        self._pressed = 0  # looks in a row
        self._owed = [0.0, 0.0]

    def look(self, *, busy: float, lag: float, behind: float = 0.0) -> None:
        """Take note of the share of the time in which it had to do, and of how late it was.

        `behind` is for how long requests wait until they are begun, in seconds: no answer is timed
        meanwhile.
        """
        self._lag += _LAG * (lag - self._lag)
        late = max(lag, behind)
        if busy >= _BUSY or (busy >= _EASY and max(self._lag, behind) >= _LATE):
            self._pressed += 2 if late >= _STALLED else 1
            if self._pressed >= _LASTS:
                # What has piled up makes it late, and grows faster than a steady step can follow.
                self.level = min(_TOP, self.level + _UP * min(_STEEP, 1.0 + late / _LATE))
            return
        self._pressed = 0
        if busy < _EASY:
            self.level = max(0.0, self.level - max(_DOWN, _BACK * (_EASY - busy)))

    def distorts(self, seconds: float) -> bool:
        """Tell whether a time like that, taken here, tells of this worker rather than of others."""
        return self._lag >= max(_LATE, _DISTORTION * seconds)

    def turns_away(self, traffic: int) -> bool:
        """Tell whether one of this class is to be turned away: evenly, and not by lot."""
        if self.level == 0.0 or traffic < STANDARD:
            return False
        share = self.level if traffic == BACKGROUND else self.level - 1.0
        at = traffic - STANDARD
        owed = self._owed[at] + min(_MOST, max(0.0, share))
        self._owed[at] = owed - 1.0 if owed >= 1.0 else owed
        return owed >= 1.0
