"""`ack`: whoever has letters says which have come; those are sent no more."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import msgspec

from tta_gateway.features.realtime.bound import ACK
from tta_gateway.features.realtime.codes import NOT_AVAILABLE, PERMISSION_DENIED, Refused
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Returned
from tta_gateway.features.realtime.inbox import Inbox
from tta_gateway.features.realtime.procedures import understood

MOST: Final = 100
"""letters that are acknowledged at once"""


May = Callable[[Caller], Allowed | Awaitable[Allowed]]


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which letters have come: what their tag `letter` says."""

    ids: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=256)]],
        msgspec.Meta(min_length=1, max_length=MOST),
    ]


_decode: Final = msgspec.json.Decoder(Receipt).decode


class Acknowledging:
    """The procedure."""

    def __init__(self, inbox: Inbox, *, is_open: Callable[[], bool], may: May) -> None:
        """Tell this inbox, while there are any; `may` says who reads one, and may do so now."""
        self._inbox: Final = inbox
        self._is_open: Final = is_open
        self._may: Final = may

    async def __call__(self, data: bytes, caller: Caller) -> Returned:
        """Take a receipt; tell which ids are no letters of theirs (any more)."""
        if not self._is_open():
            return NOT_AVAILABLE
        asked = understood(ACK, data, _decode)
        if isinstance(asked, Refused):
            return asked
        if not caller.user:
            return PERMISSION_DENIED
        allowed = self._may(caller)
        if isinstance(allowed, Awaitable):
            allowed = await allowed
        if allowed is not None:
            return allowed
        ids = list(dict.fromkeys(asked.ids))
        # in one step: the store's queue is for all clients of the worker
        took = await self._inbox.acknowledge_all(caller.user, ids)
        unknown = [id for id, known in zip(ids, took, strict=True) if not known]
        return msgspec.json.encode({"unknown": unknown})
