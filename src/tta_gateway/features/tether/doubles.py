"""Messages that a client sends again, because it cannot know whether they had arrived.

A message that names itself (a member `id` or `message_id`, of eight characters at least: a shorter
one may be a number that begins anew with each page) is passed on once, as long as its name is
remembered.  Another is known by its bytes, and only for a while after the client has come back,
once for each time that it was said before: a person may say the same twice.  What a client had said
before it gave a sign of life is no longer on its way, and nobody says it again.
"""

import hashlib
import json
from typing import Final

_MOST: Final = 512  # messages that are remembered
_WINDOW: Final = 10.0  # seconds behind a return
_NAMES: Final = ("id", "message_id")
_LARGEST: Final = 64 * 1024  # bytes of a message that is read for its name
_SHORTEST: Final = 8  # characters of a name that is nobody else's


class Doubles:
    """Those of one client."""

    __slots__ = ("_before", "_names", "_said", "_until")

    def __init__(self) -> None:
        """Remember nothing."""
        self._names: dict[str, None] = {}
        self._said: dict[bytes, int] = {}
        """by digest, how often; of this connection, and of the one before until its window ends"""
        self._before: dict[bytes, int] = {}
        self._until = 0.0

    def came_back(self, now: float) -> None:
        """Take that the client has come back: what it had said may come again."""
        for digest, times in self._before.items():
            _count(self._said, digest, times)
        self._before, self._said = self._said, {}
        self._until = now + _WINDOW

    def settled(self) -> None:
        """Take that the client has given a sign of life behind all that it has said."""
        self._said.clear()

    def is_double(self, payload: bytes, now: float) -> bool:
        """Tell whether a message has been passed on already; if not, it is from now on."""
        name = name_of(payload)
        if name:
            if name in self._names:
                return True
            self._names[name] = None
            if len(self._names) > _MOST:
                del self._names[next(iter(self._names))]
            return False
        digest = hashlib.blake2b(payload, digest_size=16).digest()
        if now >= self._until:
            self._before = {}
        left = self._before.pop(digest, 0)
        if left > 1:
            self._before[digest] = left - 1
        _count(self._said, digest, 1)
        return left > 0


def _count(said: dict[bytes, int], digest: bytes, times: int) -> None:
    """Remember that it was said, as the last."""
    said[digest] = said.pop(digest, 0) + times
    if len(said) > _MOST:
        del said[next(iter(said))]


def name_of(payload: bytes) -> str:
    """Return what a message calls itself; empty if it does not."""
    if payload[:1] != b"{" or len(payload) > _LARGEST:
        return ""
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        return ""
    for name in _NAMES:
        value = read.get(name)
        if isinstance(value, str) and len(value) >= _SHORTEST:
            return f"{name}:{value}"
    return ""
