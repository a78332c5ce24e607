"""What waits to be written to one client, within bounds, the urgent first.

Order is a promise of each channel alone.  So a message of a crisis overtakes what waits of other
channels, and takes along what waits of its own.  A queue that is full never loses a message: its
client is told to come back for all of them (3008).
"""

from typing import Final

LARGEST: Final = 1024 * 1024
MOST_AT_ONCE: Final = 16
_ENOUGH: Final = 64 * 1024


class Message:
    """What is written once, for all who read it in the same codec; `channel` is empty for none."""

    def __init__(self, data: bytes, channel: str = "", *, urgent: bool = False) -> None:
        """Keep it as it goes into a frame."""
        self.data: Final = data
        self.channel: Final = channel
        self.urgent: Final = urgent


class Backlog:
    """A queue in two parts; `size` is in bytes."""

    def __init__(self) -> None:
        """Begin empty."""
        self.size = 0
        self._urgent: list[Message] = []
        self._waiting: list[Message] = []

    def add(self, message: Message) -> None:
        """Put a message behind those of its channel, and in front of less urgent ones."""
        self.size += len(message.data)
        if not message.urgent:
            self._waiting.append(message)
            return
        if self._waiting and message.channel:
            self._take_along(message.channel)
        self._urgent.append(message)

    def take(self) -> list[bytes]:
        """Return what goes into one frame."""
        taken = _front(self._urgent, MOST_AT_ONCE, _ENOUGH)
        size = sum(len(each) for each in taken)
        if len(taken) < MOST_AT_ONCE and size < _ENOUGH and not self._urgent:
            taken += _front(self._waiting, MOST_AT_ONCE - len(taken), _ENOUGH - size)
            size = sum(len(each) for each in taken)
        self.size -= size
        return taken

    def clear(self) -> None:
        """Forget all of it."""
        self.size = 0
        self._urgent.clear()
        self._waiting.clear()

    def _take_along(self, channel: str) -> None:
        if any(each.channel == channel for each in self._waiting):
            self._urgent += [each for each in self._waiting if each.channel == channel]
            self._waiting = [each for each in self._waiting if each.channel != channel]


def _front(queue: list[Message], most: int, enough: int) -> list[bytes]:
    """Take messages from a queue: so many, and none behind those that are enough."""
    size = count = 0
    for message in queue:
        if count == most or size >= enough:
            break
        size += len(message.data)
        count += 1
    taken = [message.data for message in queue[:count]]
    del queue[:count]
    return taken
