"""Channels: how a notice gets to a contact."""

from collections.abc import Awaitable
from typing import Protocol

import msgspec

from tta_gateway.features.escalation.bound import Incident


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a contact is told; `id` is the same whenever it is sent again, `number` grows."""

    id: str
    number: int
    contact: str
    incident: Incident
    at: float


class Channel(Protocol):
    """Brings notices to one contact."""

    async def send(self, notice: Notice) -> Awaitable[None] | None:
        """Bring it; return once the other side has confirmed, NotTaken if it has not.

        Where people confirm it themselves it returns at once with what waits for them, so that
        others may be brought meanwhile.  All of it does not take longer than a minute.
        """
