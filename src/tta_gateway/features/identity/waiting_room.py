"""The waiting room of hashes: whoever would wait too long is told so at the door.

How long one more would wait is reckoned from who is in, and from how long each has taken lately: a
number alone would be too many on a machine that has no time for them, and too few on a large one.
"""

from typing import Final

_GUESS: Final = 0.03  # seconds that one takes, before any has been seen
_STEP: Final = 0.1
_LEAST: Final = 0.05  # seconds


class WaitingRoom:
    """Who is in; `at_once` of them are seen to."""

    def __init__(self, at_once: int, *, longest: float) -> None:
        """Let in who need not wait for longer than so many seconds."""
        self._at_once = at_once
        self._longest = longest
        self._inside = 0
        self._each = _GUESS

    @property
    def wait(self) -> float:
        """Return for how many seconds one more would have to wait until its turn."""
        before = max(0, self._inside - self._at_once + 1)
        return before * self._each / self._at_once

    @property
    def is_full(self) -> bool:
        """Tell whether one more would wait too long."""
        return self._inside >= self._at_once and self.wait > self._longest

    @property
    def closed_for(self) -> float:
        """Return when half of those who wait will have gone: nobody need ask until then."""
        return max(_LEAST, self.wait / 2)

    def enter(self) -> None:
        """Let one more in."""
        self._inside += 1

    def leave(self) -> None:
        """Let one go."""
        self._inside -= 1

    def took(self, seconds: float) -> None:
        """Learn how long one has taken, once it was its turn."""
        self._each += _STEP * (seconds - self._each)
