"""Messages that a client sends again, because it cannot know whether they had arrived.

A message is known by its bytes: a name in it may be what it refers to.  One that names itself (a
member `id` or `message_id`, of eight characters at least: a shorter one may be a number that begins
anew with each page) is passed on once, as long as it is remembered.  Another is a double only for a
while after the client has come back, once for each time that it was said before: a person may say
the same twice.  What a client had said before it gave a sign of life is no longer on its way, and
nobody says it again.  A ping is none: each wants its answer.

What has gone on and is lost with a service, and what a policy has stopped, may be said again.
"""

import hashlib
import json
from collections import deque
from enum import Enum
from typing import Final

import msgspec

_MOST: Final = 512  # messages that are remembered
_WINDOW: Final = 10.0  # seconds behind a return
_NAMES: Final = ("id", "message_id")
_LARGEST: Final = 64 * 1024  # bytes of a message that is read for its name
_SHORTEST: Final = 8  # characters of a name that is nobody else's


class Kind(Enum):
    """How a message is known again."""

    NAMED = "at any time"
    OTHER = "for a while"
    PING = "never"


class Memory(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of one client's messages, by digest (see Doubles)."""

    named: list[bytes]
    last: list[bytes]
    said: list[tuple[bytes, int]]


class Doubles:
    """Those of one client."""

    __slots__ = ("_before", "_last", "_named", "_said", "_until")

    def __init__(self) -> None:
        """Remember nothing."""
        self._named: dict[bytes, None] = {}
        """by digest, as everything here: what is kept is small, however large what was said"""
        self._last: deque[bytes] = deque(maxlen=_MOST)
        """what was passed on last, in order"""
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
        digest = _digest_of(payload)
        kind = kind_of(payload)
        is_double = False
        if kind is Kind.NAMED:
            is_double = digest in self._named
            self._named[digest] = None
            if len(self._named) > _MOST:
                del self._named[next(iter(self._named))]
        elif kind is Kind.OTHER:
            if now >= self._until:
                self._before = {}
            is_double = _discount(self._before, digest)
            _count(self._said, digest, 1)
        if not is_double:
            self._last.append(digest)
        return is_double

    def lost(self, number: int, *, waiting: int) -> None:
        """Take that so many are lost with a service, behind which so many still wait for one."""
        last = list(self._last)
        end = max(0, len(last) - waiting)
        begin = max(0, end - number)
        for digest in last[begin:end]:
            self._forget(digest)
        self._last = deque(last[:begin] + last[end:], maxlen=_MOST)

    def stopped(self, payload: bytes, *, within: int) -> bool:
        """Take that one has not gone on, and may be said again.

        Tell whether it was one of so many that were said last.
        """
        digest = _digest_of(payload)
        self._forget(digest)
        last = self._last
        for back in range(1, len(last) + 1):
            if last[-back] == digest:
                del last[-back]
                return back <= within
        return False

    def packed(self) -> "Memory":
        """Return what is remembered, to be remembered elsewhere: there the client comes back."""
        said = dict(self._said)
        for digest, times in self._before.items():
            _count(said, digest, times)
        return Memory(list(self._named), list(self._last), list(said.items()))

    def unpack(self, memory: "Memory") -> None:
        """Remember what was remembered elsewhere; begin with nothing."""
        self._named = dict.fromkeys(memory.named[-_MOST:])
        self._last.extend(memory.last)
        self._said = dict(memory.said[-_MOST:])

    def _forget(self, digest: bytes) -> None:
        self._named.pop(digest, None)
        if not _discount(self._said, digest):
            _discount(self._before, digest)


def _count(said: dict[bytes, int], digest: bytes, times: int) -> None:
    """Remember that it was said, as the last."""
    said[digest] = said.pop(digest, 0) + times
    if len(said) > _MOST:
        del said[next(iter(said))]


def _discount(said: dict[bytes, int], digest: bytes) -> bool:
    """Take one off how often it was said; False if it was not."""
    left = said.pop(digest, 0)
    if left > 1:
        said[digest] = left - 1
    return left > 0


def _digest_of(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()


def kind_of(payload: bytes) -> Kind:
    """Return how a message is known again."""
    if payload[:1] != b"{" or len(payload) > _LARGEST:
        return Kind.OTHER
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        return Kind.OTHER
    if read.get("type") == "ping":
        return Kind.PING
    names = [read.get(name) for name in _NAMES]
    is_named = any(isinstance(one, str) and len(one) >= _SHORTEST for one in names)
    return Kind.NAMED if is_named else Kind.OTHER
