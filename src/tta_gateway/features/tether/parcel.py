"""Parcels: a tether on its way to another worker, whole."""

import msgspec

from tta_gateway.features.tether.doubles import Memory
from tta_gateway.kernel.principal import Principal

Message = tuple[bytes, bool]
"""A message, and whether it is text."""
Waiting = tuple[bytes, bool, bool]
"""Likewise, of one that waits; and whether its client has been helped, where it needed that."""


class Contents(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a tether holds (see Tether).

    `kept` ends with the message of the service whose number is `said`; `queue` and `aside` wait for
    the service, said by the client and by others.
    """

    has_begun: bool
    said: int
    kept: list[Message]
    queue: list[Waiting]
    aside: list[Waiting]
    card: Message | None
    unanswered: int
    doubles: Memory


class Seat(msgspec.Struct, frozen=True, array_like=True):
    """A socket's place in a channel: its name there, what it has said and heard last."""

    name: str
    number: int
    offset: int
    epoch: str


class Parcel(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A tether, by what it is found, whose it is, and what its service knows it by.

    For `resume` seconds it is kept where nobody has asked for it.
    """

    token: str
    key: tuple[str, str, str] | None
    principal: Principal | None
    route: str
    session: str
    legs: int
    resume: float
    seat: Seat | None
    contents: Contents
