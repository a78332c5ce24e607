"""What the hub asks of the store that all workers and nodes share, and what it hears: the ports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication


class Away(Exception):
    """The store cannot be asked; `may_be_done`: it may carry out all the same what was asked."""

    def __init__(self, reason: str, *, may_be_done: bool) -> None:
        """Keep why."""
        super().__init__(reason)
        self.reason = reason
        self.may_be_done = may_be_done


@dataclass(frozen=True, slots=True)
class Published:
    """Where a publication stands; `repeated`: it was there already, by its key.

    `durable` is whether the store had it on disk before it answered.
    """

    position: Position
    repeated: bool = False
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What a channel keeps, in order, and its top."""

    publications: Sequence[Publication]
    top: Position


class Broker(Protocol):
    """Numbers, keeps and spreads what is published; every method but `follow` may raise Away."""

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        """Number it, keep it, and tell all who follow the channel: one order for all of them.

        With a `key` that the channel has heard within the last minutes nothing is published anew.
        """
        ...

    async def history(
        self, channel: str, *, since: Position | None, limit: int, reverse: bool = False
    ) -> Stored:
        """Return what stands after `since` (before it, if `reverse`), at most `limit`; -1: all."""
        ...

    async def follow(self, channel: str) -> None:
        """Hear of all that happens in a channel from the return of this on (Listener)."""
        ...

    def leave(self, channel: str) -> None:
        """Hear no more of it."""
        ...

    async def appear(self, channel: str, info: ClientInfo, *, seconds: int) -> None:
        """Say that a session is in a channel, for so long unless it is said again."""
        ...

    async def vanish(self, channel: str, info: ClientInfo) -> None:
        """Say that it has left."""
        ...

    async def present(self, channel: str) -> Sequence[ClientInfo]:
        """Return who is there, of all workers and nodes."""
        ...

    async def announce(self, channel: str, info: ClientInfo, *, joined: bool) -> None:
        """Tell all who follow a channel that somebody came or left."""
        ...


class Archive(Protocol):
    """What stands in channels, for who deletes it; every method may raise Away."""

    async def history(
        self, channel: str, *, since: Position | None, limit: int, reverse: bool = False
    ) -> Stored:
        """Return what stands there, as Broker does."""
        ...

    async def erase(self, channel: str) -> None:
        """Delete all that is kept of a channel; what comes then is of another epoch."""
        ...


class Listener(Protocol):
    """Hears what happens in channels that are followed, in the order of the store."""

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        """Take a publication; `top` is its position, of offset 0 where nothing is kept."""
        ...

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Take that somebody came."""
        ...

    def left(self, channel: str, info: ClientInfo) -> None:
        """Take that somebody left."""
        ...

    def lost(self) -> None:
        """Take that messages may have been missed, in every channel, up to now."""
        ...
