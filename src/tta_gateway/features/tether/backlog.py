"""What is kept for whoever is away, within bounds: of messages, and of their bytes together."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from tta_gateway.kernel.said import Hearing

_OVERHEAD: Final = 64  # bytes that an empty message counts for


class Said:
    """One message, and whether it is text."""

    __slots__ = ("hearing", "is_text", "payload")

    def __init__(self, payload: bytes, *, is_text: bool) -> None:
        """Keep it."""
        self.payload = payload
        self.is_text = is_text
        self.hearing: Hearing | None = None
        """what was heard of it while it waited"""

    @property
    def size(self) -> int:
        """Return the bytes that it counts for."""
        return len(self.payload) + _OVERHEAD


class Bounds:
    """How much is kept."""

    __slots__ = ("messages", "size")

    def __init__(self, *, messages: int, size: int) -> None:
        """Keep so many messages, of so many bytes together."""
        self.messages = messages
        self.size = size


class Backlog:
    """What the service has said and the client is not known to have: numbered from 1.

    Of what is more than the bounds the oldest goes; `floor` is the number of the last that went,
    by that or because the client has it.
    """

    __slots__ = ("_bounds", "_kept", "_size", "floor", "said")

    def __init__(self, bounds: Bounds) -> None:
        """Begin with nothing said."""
        self._bounds = bounds
        self._kept: deque[Said] = deque()
        self._size = 0
        self.floor = 0
        self.said = 0
        """The number of the last message."""

    def add(self, message: Said) -> None:
        """Keep one more, and as many before it as there is room for."""
        self.said += 1
        self._kept.append(message)
        self._size += message.size
        while len(self._kept) > self._bounds.messages or self._size > self._bounds.size:
            self._drop()

    def confirmed(self, number: int) -> None:
        """Take that the client has all up to this number."""
        while self._kept and self.floor < number:
            self._drop()

    def after(self, number: int) -> Iterator[Said]:
        """Yield what was said behind this number, as far as it is still there."""
        for at, message in enumerate(self._kept, start=self.floor + 1):
            if at > number:
                yield message

    def missing(self, number: int) -> int:
        """Return how many behind this number are there no more."""
        return max(0, self.floor - number)

    def packed(self) -> list[tuple[bytes, bool]]:
        """Return what is kept, each with whether it is text, to be kept elsewhere."""
        return [(one.payload, one.is_text) for one in self._kept]

    def unpack(self, said: int, kept: list[tuple[bytes, bool]]) -> None:
        """Keep what was kept elsewhere, the last of which has this number; begin with nothing."""
        self.floor = self.said = said - len(kept)
        for payload, is_text in kept:
            self.add(Said(payload, is_text=is_text))

    def _drop(self) -> None:
        self.floor += 1
        self._size -= self._kept.popleft().size


class Queue:
    """What the client has said and nobody has been told yet."""

    __slots__ = ("_bounds", "_kept", "_size")

    def __init__(self, bounds: Bounds) -> None:
        """Begin empty."""
        self._bounds = bounds
        self._kept: deque[Said] = deque()
        self._size = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._kept)

    def add(self, message: Said) -> bool:
        """Keep it; False if there is no room: then it is not kept."""
        if len(self._kept) >= self._bounds.messages:
            return False
        if self._size + message.size > self._bounds.size:
            return False
        self.put(message)
        return True

    def put(self, message: Said) -> None:
        """Keep it, whether there is room or not: there was where it waited before."""
        self._kept.append(message)
        self._size += message.size

    def take(self) -> Said | None:
        """Return the oldest, and keep it no longer."""
        if not self._kept:
            return None
        message = self._kept.popleft()
        self._size -= message.size
        return message

    def hearings(self) -> list[Hearing | None]:
        """Return what was heard of each message that waits."""
        return [one.hearing for one in self._kept]

    def packed(self) -> list[tuple[bytes, bool, bool]]:
        """Return what waits, to wait elsewhere: each, whether it is text, whether help was given.

        What was heard of it stays here: it is listened to again there.
        """
        return [(one.payload, one.is_text, _is_helped(one)) for one in self._kept]

    def clear(self) -> None:
        """Keep nothing: what waited goes nowhere."""
        for message in self._kept:
            if message.hearing is not None:
                message.hearing.lost()
        self._kept.clear()
        self._size = 0


def _is_helped(message: Said) -> bool:
    """Tell whether somebody in need, who said this, was given the help that they were to have."""
    return message.hearing is not None and message.hearing.need is not None
