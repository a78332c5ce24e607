"""What a service says, message by message: a reply that comes in parts is looked at as one.

Of each member of its messages the end of what was said there lately is kept, and looked at together
with what comes: a sentence that is cut across any number of messages is found with the part that
makes it what it is, and that part is never shown.  Nor is what goes on behind it: until the client
says something, or nothing has come for some seconds, half a minute at most.  What is a whole
sentence by itself, and does no harm, is shown all the same (judging.py).
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

TAIL: Final = 256
"""characters of what was said that are looked at again"""
PAUSE: Final = 30.0
"""seconds behind which what comes begins anew"""
GOES_ON: Final = 3.0
"""seconds in which what comes goes on with what was not shown"""
_MOST: Final = 5000  # replies
_MEMBERS: Final = 48


class Reply:
    """What one service says to one client, or in one channel."""

    __slots__ = ("_at", "_muted", "_tails")

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._tails: OrderedDict[str, str] = OrderedDict()
        self._muted: dict[str, tuple[float, float]] = {}  # since when, and when it went on last
        self._at = 0.0

    def at(self, now: float) -> None:
        """Take that something comes at this time."""
        if now >= self._at + PAUSE:
            self._tails.clear()
            self._muted.clear()
        self._at = now

    def answered(self) -> None:
        """Take that the client has spoken: what comes now is shown, but looked at as before.

        A client that speaks between two parts of a sentence would break it up.
        """
        self._muted.clear()

    def shows(self, member: str) -> None:
        """Take that what is said there now does not go on with what was not shown."""
        self._muted.pop(member, None)

    def is_muted(self, member: str) -> bool:
        """Tell whether what is said there now goes on with what was not shown."""
        muted = self._muted.get(member)
        if muted is None:
            return False
        since, last = muted
        if self._at < min(last + GOES_ON, since + PAUSE):
            self._muted[member] = since, self._at
            return True
        del self._muted[member]
        return False

    def before(self, member: str) -> str:
        """Return what was said there before."""
        return self._tails.get(member, "")

    def said(self, member: str, text: str) -> None:
        """Take what was said there, and shown."""
        tails = self._tails
        tails[member] = (tails.pop(member, "") + text)[-TAIL:]
        if len(tails) > _MEMBERS:
            tails.popitem(last=False)

    def withheld(self, member: str) -> None:
        """Take that what was said there is not shown."""
        self._tails.pop(member, None)
        self._muted[member] = self._at, self._at


class Replies:
    """Those of a worker that are going on; whichever was silent longest gives way."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none; `clock` is monotonic, in seconds."""
        self._clock = clock
        self._known: OrderedDict[str, Reply] = OrderedDict()

    def at(self, key: str) -> Reply:
        """Return the one that is said there, now."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Reply()
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        found.at(self._clock())
        return found

    def answered(self, key: str) -> None:
        """Take that the client there has spoken."""
        found = self._known.get(key)
        if found is not None:
            found.answered()

    def over(self, key: str) -> None:
        """Forget what was said there."""
        self._known.pop(key, None)
