"""A slot: the place of one worker, and when a new one may be started in it.  Decides, never acts.

A worker that ends is replaced at once, if it had served for a while.  One that keeps dying young is
given longer and longer pauses, so that a fault at the start does not take the whole machine; the
pause is forgotten as soon as one lives.
"""

from enum import Enum
from typing import Final

LIVED: Final = 10.0  # seconds: who got so old did not die of its start
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
LONGEST_START: Final = 30.0  # seconds
LONGEST_SILENCE: Final = 10.0  # seconds without a sign of life of a worker that serves
_LONGEST_PAUSE: Final = 3.0  # seconds between two looks
FORSAKEN: Final = 0.25  # seconds without a worker
NEVER: Final = float("inf")


class State(Enum):
    """Where a slot stands."""

    EMPTY = "empty"
    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"


class Slot:
    """One place; times are seconds of a monotonic clock."""

    def __init__(self, number: int) -> None:
        """Begin empty, with a worker due at once."""
        self.number = number
        self.state = State.EMPTY
        self.due = 0.0
        self.deaths = 0
        self.version = 0  # of the snapshot that its worker decides from
        self.empty_since = 0.0  # when the last worker had ended
        self._beats = -1
        self._heard = 0.0  # when the number of beats was another one
        self._looked = 0.0  # when it was looked at last
        self._started = 0.0
        self._young = 0

    def start(self, now: float) -> None:
        """Take note that a worker has been started."""
        self.state = State.STARTING
        self._started = now
        self.due = NEVER

    def is_late(self, now: float) -> bool:
        """Tell, once, that the worker should have said long ago that it serves."""
        late = self.state is State.STARTING and now - self._started > LONGEST_START
        if late:
            self._started = now  # it is told again if that did not end it
        return late

    def serve(self) -> None:
        """Take note that the worker serves."""
        if self.state is State.STARTING:
            self.state = State.SERVING

    def is_silent(self, beats: int, now: float) -> bool:
        """Tell, once in a while, that a worker that serves has shown no sign of life for long.

        Time in which nobody looked does not count: then all of the machine stood still.
        """
        is_new = beats != self._beats or self.state is not State.SERVING
        if is_new or now - self._looked > _LONGEST_PAUSE:
            self._beats, self._heard = beats, now
        self._looked = now
        silent = now - self._heard > LONGEST_SILENCE
        if silent:
            self._heard = now
        return silent

    def leave_to_next(self, now: float) -> None:
        """Take note that the worker leaves by itself: the next is due at once."""
        self.state = State.EMPTY
        self.due = self.empty_since = now
        self.version = 0

    def is_forsaken(self, now: float) -> bool:
        """Tell whether nobody has served here for so long that a sibling should."""
        nobody = self.state in (State.EMPTY, State.STARTING)
        return nobody and now - self.empty_since > FORSAKEN

    def leave(self) -> None:
        """Take note that the worker has been asked to end: no other follows it."""
        self.due = NEVER
        if self.state is not State.EMPTY:
            self.state = State.LEAVING

    def end(self, now: float, *, longest: float = LONGEST_PAUSE) -> None:
        """Take note that the worker has ended, and say when the next is due.

        That is not later than after `longest` seconds.
        """
        asked = self.state is State.LEAVING
        self.state = State.EMPTY
        self.version = 0
        if asked:
            return
        self.deaths += 1
        self.empty_since = now
        self._young = 0 if now - self._started >= LIVED else self._young + 1
        self.due = now + min(longest, pause(self._young))

    def __repr__(self) -> str:
        """Say what an operator wants to know."""
        return f"<slot {self.number}: {self.state.value}, {self.deaths} deaths>"


def pause(young: int) -> float:
    """Return how long to wait after so many workers in a row that died young, in seconds."""
    if young <= 1:
        return 0.0  # the first may have been an accident
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(young - 2, 10))
