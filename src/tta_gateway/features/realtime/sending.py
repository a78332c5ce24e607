"""`message.send`: publishes once, however often it is asked for: the id is the client's own.

The protocol's `publish` has no id: who is cut off before the answer cannot know whether it counts,
and does not dare to send it again.  Who calls this with an id that they have sent before is told
where the first one stands.  An id is one of its sender in its channel: nobody blocks, or takes for
theirs, what somebody else sends.  Who has not said who they are has only their connection.
"""

from collections.abc import Awaitable
from typing import Annotated, Final

import msgspec

from tta_gateway.features.realtime.amending import amended
from tta_gateway.features.realtime.bound import SEND
from tta_gateway.features.realtime.broker import Broker, Published
from tta_gateway.features.realtime.codes import (
    LIMIT_EXCEEDED,
    PERMISSION_DENIED,
    UNKNOWN_CHANNEL,
    Refused,
)
from tta_gateway.features.realtime.doorkeeper import Access, Amended, Caller, Returned
from tta_gateway.features.realtime.procedures import understood
from tta_gateway.features.realtime.publication import ClientInfo, Publication
from tta_gateway.features.realtime.session import LONGEST_CHANNEL, OURS

LONGEST_ID: Final = 128
"""characters"""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be sent: `id` is new with each message, and the same with each try."""

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_CHANNEL)]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    data: msgspec.Raw


_decode: Final = msgspec.json.Decoder(Message).decode
_encode: Final = msgspec.json.Encoder().encode


class Sending:
    """The procedure."""

    def __init__(self, access: Access, broker: Broker) -> None:
        """Publish by this broker what may be published."""
        self._access: Final = access
        self._broker: Final = broker

    async def __call__(self, data: bytes, caller: Caller) -> Returned:
        """Publish, or tell where it stands already."""
        asked = understood(SEND, data, _decode)
        if isinstance(asked, Refused):
            return asked
        rules = None if asked.channel.startswith(OURS) else self._access.rules(asked.channel)
        if rules is None:
            return PERMISSION_DENIED if asked.channel.startswith(OURS) else UNKNOWN_CHANNEL
        said = bytes(asked.data)
        if len(said) > rules.largest:
            return LIMIT_EXCEEDED
        allowed = self._access.may_publish(asked.channel, said, caller)
        if isinstance(allowed, Awaitable):
            allowed = await allowed
        if allowed is not None and not isinstance(allowed, Amended):
            return allowed
        publication = Publication(said, info=ClientInfo(caller.user, caller.client))
        made, keeping = amended(publication, rules.keeping, allowed)
        told = await self._broker.publish(
            asked.channel, made, keeping=keeping, key=key_of(caller, asked.id)
        )
        return _answer(told)


def key_of(caller: Caller, id: str) -> str:
    """Return what a message is known by in its channel: nobody else's has the same."""
    whose = ("user", caller.user) if caller.user else ("client", caller.client)
    return _encode((*whose, id)).decode()


def _answer(told: Published) -> bytes:
    position = told.position
    return _encode(
        {
            "offset": position.offset,
            "epoch": position.epoch,
            "durable": told.durable,
            "repeated": told.repeated,
        }
    )
