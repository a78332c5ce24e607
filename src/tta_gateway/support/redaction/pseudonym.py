"""Pseudonyms: what people are called in logs, by a key of this node that changes with the day.

Lines about one person on one day belong together; nobody without the key can tell who it is, nor
that somebody of today is somebody of yesterday.  Who has the key can ask for the pseudonym of a
person (`tta-gateway errors pseudonym`), and look for that.
"""

import hmac
import math
import secrets
from collections.abc import Callable
from typing import Final

_DAY: Final = 24 * 3600
_LETTERS: Final = 16  # of 4 bits each
_MOST: Final = 1000  # people that are remembered
_PAUSE: Final = 10.0  # seconds, after which a key that could not be had is asked for again


class Pseudonyms:
    """Calls people by their pseudonyms."""

    def __init__(
        self,
        wall: Callable[[], float] = lambda: 0.0,
        key: Callable[[], bytes] | None = None,
    ) -> None:
        """Make them with a key that is asked for when the first is needed.

        Without one, or while it cannot be had (OSError), a key of this process alone makes them; it
        is asked for again after a while.
        """
        self._wall = wall
        self._find = key
        self._key = secrets.token_bytes(32)
        self._asks_at = 0.0 if key is not None else math.inf
        self._day = -1
        self._known: dict[str, str] = {}

    def of(self, person: str) -> str:
        """Return what stands for a person today; nothing for nobody."""
        if not person:
            return ""
        now = self._wall()
        if now >= self._asks_at:
            self._ask(now)
        day = int(now) // _DAY
        if day != self._day or len(self._known) >= _MOST:
            self._day = day
            self._known.clear()
        known = self._known.get(person)
        if known is None:
            known = self._known[person] = pseudonym(person, day, self._key)
        return known

    def _ask(self, now: float) -> None:
        """Ask for the key; who has been called by another is called anew."""
        assert self._find is not None, "nobody is asked where there is nobody"
        try:
            self._key = self._find()
        except OSError:
            self._asks_at = now + _PAUSE
            return
        self._asks_at = math.inf
        self._known.clear()


def pseudonym(person: str, day: int, key: bytes) -> str:
    """Return what stands for a person on a day, counted since the epoch."""
    said = b"%d\0%b" % (day, person.encode(errors="replace"))
    return f"person/{hmac.new(key, said, 'sha256').hexdigest()[:_LETTERS]}"
