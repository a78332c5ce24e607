"""Errands: what one worker has all others do, or the one that holds a session: words and ports."""

from typing import Protocol

import msgspec


class Disconnect(msgspec.Struct, frozen=True, tag=True):
    """End the sessions of a user: all, one, or all but one."""

    user: str
    code: int
    reason: str
    client: str = ""
    but: str = ""


class Unsubscribe(msgspec.Struct, frozen=True, tag=True):
    """Take the sessions of a user, or one of them, out of a channel."""

    user: str
    channel: str
    code: int
    reason: str
    client: str = ""


Order = Disconnect | Unsubscribe


class Frames(msgspec.Struct, frozen=True, tag=True):
    """Commands for a session whose answers go another way (`/emulation`), and who asks."""

    session: str
    data: bytes
    number: int
    sender: str


class Taken(msgspec.Struct, frozen=True, tag=True):
    """Whether they were taken: False if the session is not, or no longer, there."""

    number: int
    is_known: bool


class Here(msgspec.Struct, frozen=True, tag=True):
    """The name of a worker that has come, or that was there when another came."""

    sender: str


class Doer(Protocol):
    """Who does them: the hub of a worker."""

    def disconnect(self, order: Disconnect) -> None:
        """End sessions."""
        ...

    def unsubscribe(self, order: Unsubscribe) -> None:
        """Take sessions out of a channel."""
        ...

    def take(self, session: str, data: bytes) -> bool:
        """Take commands of a session; False if it is not here."""
        ...

    def missed(self) -> None:
        """Look at every session again: orders may have been given that are known no longer."""
        ...


class Errands(Protocol):
    """How they are given; every method may raise Away."""

    async def order(self, order: Order) -> None:
        """Have every worker of every node do this, also one that is cut off for some minutes."""
        ...

    async def hand(self, worker: str, session: str, data: bytes) -> bool:
        """Give commands to the worker that holds a session; False if it does not."""
        ...
