"""The hub: a letter to each of some users, which their clients acknowledge.

A letter stays until it is acknowledged, whatever becomes of connections, workers and nodes; the
store of the hub may be away, and then only this channel is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from tta_gateway.features.escalation.bound import Letters
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.wording import told
from tta_gateway.support.posting import NotTaken

KIND: Final = "crisis"
"""the tag `kind` of such a letter"""
_PAUSE: Final = 1.0  # seconds between two looks for a receipt
_LOOKS: Final = 45
_encode = msgspec.json.Encoder().encode


class Post(Protocol):
    """Posts letters, and knows whether they have been acknowledged; OSError if it cannot now."""

    async def post(self, users: Sequence[str], data: bytes, *, id: str) -> bool:
        """Post a letter to each, once for an id; True if it waits for one of them at least."""

    async def is_acknowledged(self, users: Sequence[str], id: str) -> bool:
        """Tell whether one of them has acknowledged it."""


class RealtimeChannel:
    """Some users; that one of their clients acknowledges is the confirmation."""

    def __init__(
        self,
        bound: Letters,
        post: Post,
        *,
        node: str,
        link: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Post to them, as this node."""
        self._bound = bound
        self._post = post
        self._node = node
        self._link = link
        self._sleep = sleep

    async def send(self, notice: Notice) -> Awaitable[None]:
        """Post it; return what waits for a receipt.  NotTaken if nobody's inbox has room."""
        data = _encode(told(notice, node=self._node, link=self._link))
        try:
            if not await self._post.post(self._bound.users, data, id=notice.id):
                raise NotTaken("no inbox has room for it")
        except OSError as error:
            raise _away(error) from None
        return self._receipt(notice.id)

    async def _receipt(self, id: str) -> None:
        """Wait for a receipt; NotTaken if none comes."""
        try:
            for _ in range(_LOOKS):
                if await self._post.is_acknowledged(self._bound.users, id):
                    return
                await self._sleep(_PAUSE)
        except OSError as error:
            raise _away(error) from None
        raise NotTaken("no client has acknowledged it yet")


def _away(error: OSError) -> NotTaken:
    return NotTaken(f"the hub's store is away: {error}")
