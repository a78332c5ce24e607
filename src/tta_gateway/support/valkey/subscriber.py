"""The subscriber: channels of one store, on a connection of their own.

What is published while the connection is down is lost: that is how Valkey has it.  So the listener
is told when a channel is heard again (`joined`), and may then look up what it has missed; whatever
is published after that comes.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from tta_gateway.support.valkey.client import Tell
from tta_gateway.support.valkey.connection import Pending, Reply, pack
from tta_gateway.support.valkey.error import Refused
from tta_gateway.support.valkey.link import Link, Way
from tta_gateway.support.valkey.topology import Topology

_PIECE: Final = 500  # channels in one command


class Listener(Protocol):
    """Who hears."""

    def heard(self, channel: bytes, message: bytes) -> None:
        """Take what has been published in a channel."""

    def joined(self, name: bytes) -> None:
        """Take note that a channel or pattern is heard from now on; something may be missed."""

    def parted(self) -> None:
        """Take note that nothing is heard any more, until channels are joined again."""


class Subscriber:
    """Keeps subscriptions over the end of connections."""

    __slots__ = ("_channels", "_hears", "_link", "_listener", "_name", "_patterns", "_tell", "_way")

    def __init__(
        self, topology: Topology | None, *, way: Way, name: str, tell: Tell, listener: Listener
    ) -> None:
        """Begin to connect, as soon as it is known to whom."""
        self._way = way
        self._name = name
        self._tell = tell
        self._listener = listener
        self._channels: dict[bytes, None] = {}
        self._patterns: dict[bytes, None] = {}
        self._link: Link | None = None
        self._hears = False
        if topology is not None:
            self.use(topology)

    def use(self, topology: Topology) -> None:
        """Listen at one of these: in a cluster every node hears all that is published."""
        address = topology.addresses[0]
        old = self._link
        if old is not None and old.address in topology.addresses:
            return
        self._link = Link(address, way=self._way, keeper=self)
        if old is not None:
            old.close()
        self._part()

    def close(self) -> None:
        """Listen no more."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def subscribe(self, *channels: bytes) -> None:
        """Hear these channels; `joined` says from when on."""
        self._channels.update(dict.fromkeys(channels))
        self._send(b"SUBSCRIBE", channels)

    def unsubscribe(self, *channels: bytes) -> None:
        """Hear these channels no more."""
        for channel in channels:
            self._channels.pop(channel, None)
        self._send(b"UNSUBSCRIBE", channels)

    def psubscribe(self, *patterns: bytes) -> None:
        """Hear every channel that fits one of these patterns."""
        self._patterns.update(dict.fromkeys(patterns))
        self._send(b"PSUBSCRIBE", patterns)

    def punsubscribe(self, *patterns: bytes) -> None:
        """Hear no more what fits these patterns alone."""
        for pattern in patterns:
            self._patterns.pop(pattern, None)
        self._send(b"PUNSUBSCRIBE", patterns)

    def renew(self, reason: str) -> None:
        """Connect anew: whoever listens has found out that not all is heard."""
        if self._link is not None:
            self._link.renew(reason)

    @property
    def is_open(self) -> bool:
        """Tell whether there is a connection."""
        return self._link is not None and self._link.is_open

    # What its link tells

    def refused(self, link: Link, pending: Pending, error: Refused) -> bool:  # noqa: ARG002 - of the port
        """Take nothing over."""
        return False

    def pushed(self, push: list[Reply]) -> None:
        """Take a message, or a confirmation."""
        kind, name = push[0], push[1]
        if not isinstance(name, bytes):
            return
        if kind == b"message" or kind == b"pmessage":
            channel, message = push[-2], push[-1]
            if isinstance(channel, bytes) and isinstance(message, bytes):
                self._listener.heard(channel, message)
        elif kind == b"subscribe":
            if name in self._channels:
                self._listener.joined(name)
        elif kind == b"psubscribe" and name in self._patterns:
            self._listener.joined(name)

    def opened(self, link: Link) -> None:
        """Subscribe to everything again."""
        if link is self._link:
            self._hears = True
            self._tell("valkey_heard", store=self._name, address=str(link.address))
            self._send(b"SUBSCRIBE", tuple(self._channels))
            self._send(b"PSUBSCRIBE", tuple(self._patterns))

    def closed(self, link: Link, reason: str) -> None:
        """Take note that nothing is heard."""
        if link is self._link:
            self._tell("valkey_unheard", store=self._name, address=str(link.address), reason=reason)
            self._part()

    def _part(self) -> None:
        if self._hears:
            self._hears = False
            self._listener.parted()

    def _send(self, verb: bytes, names: Sequence[bytes]) -> None:
        if self._link is None:
            return
        for at in range(0, len(names), _PIECE):
            self._link.write(pack((verb, *names[at : at + _PIECE])))
