"""Who listens to clients of the hub, before anything comes of what they say: a port.

What a client at risk says is carried out like everything else; what is found goes with it, in the
`Caller`, so that limits spare it and services are told.  It is kept before the client is answered.
"""

from collections.abc import Awaitable
from typing import Final, Protocol

from tta_gateway.features.realtime.command import (
    ConnectRequest,
    PublishRequest,
    Request,
    RpcRequest,
    SendRequest,
    SubscribeRequest,
)

HELP: Final = "!help"
"""The channel in which a client is given the help card: theirs alone, and in no store."""


class Noticed(Protocol):
    """What was found in what a client has said."""

    @property
    def level(self) -> int:
        """How grave it is, 1 to 3 (kernel/verdict.py)."""
        ...

    @property
    def is_spared(self) -> bool:
        """Whether limits do not stop it: it is urgent, and there is budget left."""
        ...

    async def keep(self, *, delivered: bool) -> None:
        """Have it kept for whoever takes care of people, once; what is urgent is waited for."""
        ...


class Ear(Protocol):
    """Who listens."""

    def hear(
        self, client: str, channel: str, data: bytes
    ) -> Noticed | Awaitable[Noticed | None] | None:
        """Listen to what a client says, in a channel (or in none); None: nothing of note.

        Help has been given by then, where it is needed.
        """
        ...

    def hold(self, client: str) -> None:
        """Have a client known until `let_go`, also when it leaves: what it said is carried out."""
        ...

    def let_go(self, client: str) -> None:
        """Have it known no longer than it is there."""
        ...


class Deaf:
    """Hears nothing: nobody has asked it to."""

    def hear(self, client: str, channel: str, data: bytes) -> None:
        """Hear nothing."""

    def hold(self, client: str) -> None:
        """Hold nobody."""

    def let_go(self, client: str) -> None:
        """Hold nobody."""


def said_by(request: Request | None) -> tuple[str, bytes]:
    """Return what a client says by a command, if anything, and in which channel, if in any."""
    if isinstance(request, PublishRequest | SubscribeRequest):
        return request.channel, request.data
    if isinstance(request, RpcRequest | SendRequest | ConnectRequest):
        return "", request.data
    return "", b""
