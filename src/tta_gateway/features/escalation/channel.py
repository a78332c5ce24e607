"""Channels: how a notice gets to a contact."""

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

    async def send(self, notice: Notice) -> None:
        """Bring it; return once the other side has confirmed, NotTaken if it has not.

        It does not take longer than a minute.
        """
