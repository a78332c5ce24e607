"""What a worker needs to know of channels: who may do what there, and what is kept."""

from typing import Final

import msgspec

from tta_gateway.kernel.route import Route

ACK: Final = "ack"
SEND: Final = "message.send"
"""What the gateway's own procedures are called (acknowledging.py, sending.py)."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A service that is asked (contract.py): by which route, which says how long it may take.

    It is shown the request's `fields`, by which the client came; and `told_fields` of those that
    clients write into their connect command, which nobody has looked at.
    """

    route: Route
    fields: tuple[str, ...] = ()
    told_fields: tuple[str, ...] = ()


class Procedure(msgspec.Struct, frozen=True, kw_only=True):
    """What clients may call: by this name, or by names that begin so (where it ends in . or :).

    Who may, `rule` says; `asked` does it.
    """

    name: str
    rule: Route
    asked: Question


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """What is published is a letter too, for so many seconds.

    It is for whomever `to` is in the name of the channel (nobody, where it is empty), and for those
    whom a service names.  `durable`: whoever publishes waits until the letter is on disk too.
    """

    to: str = ""
    seconds: float
    durable: bool = False


class InboxBound(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody has an inbox: letters wait there for so many seconds, if nothing else is said.

    `durable`: whoever posts waits for the disk.  `receipts` has the limits of who acknowledges.
    """

    seconds: float = 7 * 24 * 3600.0
    durable: bool = False
    receipts: Route | None = None


class ChannelRule(msgspec.Struct, frozen=True, kw_only=True):
    """Channels of one kind: `prefix`, and behind it what `parameter` stands for, or nothing.

    What may be done there is a route each, whose plan a command runs through as a request does;
    None: nobody may.  Behind that a service may be asked.  `size` publications are kept for
    `seconds`, at most; 0 of either: none; `durable` where whoever publishes waits for the disk.
    `largest` is bytes of a message.
    """

    prefix: str
    parameter: str = ""
    subscribe: Route | None = None
    publish: Route | None = None
    presence: Route | None = None
    history: Route | None = None
    asked_subscribe: Question | None = None
    asked_publish: Question | None = None
    size: int = 0
    seconds: float = 0.0
    durable: bool = False
    join_leave: bool = False
    deltas: bool = False
    receipts: Receipts | None = None
    largest: int = 16 * 1024


class RealtimeBound(msgspec.Struct, frozen=True, kw_only=True):
    """Channels, and what a connection to them may take; times in seconds, sizes in bytes.

    `connect` is the rule of who may connect; None: nobody, there is no real time here.  `seats` has
    the limits of how many connections there may be at once.  `inbox`; None: nobody has one.  `care`
    is the channel in which a care team hears who may be at risk; empty: none is told so.
    """

    connect: Route | None = None
    seats: Route | None = None
    asked_connect: Question | None = None
    asked_refresh: Question | None = None
    procedures: tuple[Procedure, ...] = ()
    channels: tuple[ChannelRule, ...] = ()
    inbox: InboxBound | None = None
    care: str = ""
    ping: float = 25.0
    pong: float = 8.0
    stale: float = 10.0
    grace: float = 25.0
    largest: int = 64 * 1024
    queue: int = 512 * 1024  # what was missed must be less than recovery gives (channel.py)
    most_channels: int = 128
