"""What a worker needs to know of channels: who may do what there, and what is kept."""

import msgspec

from tta_gateway.kernel.route import Route


class ChannelRule(msgspec.Struct, frozen=True, kw_only=True):
    """Channels of one kind: `prefix`, and behind it what `parameter` stands for, or nothing.

    What may be done there is a route each, whose plan a command runs through as a request does;
    None: nobody may.  `size` publications are kept for `seconds`, at most; 0 of either: none.
    `largest` is bytes of a message.
    """

    prefix: str
    parameter: str = ""
    subscribe: Route | None = None
    publish: Route | None = None
    presence: Route | None = None
    history: Route | None = None
    size: int = 0
    seconds: float = 0.0
    join_leave: bool = False
    deltas: bool = False
    largest: int = 16 * 1024


class RealtimeBound(msgspec.Struct, frozen=True, kw_only=True):
    """Channels, and what a connection to them may take; times in seconds, sizes in bytes.

    `connect` is the rule of who may connect; None: nobody, there is no real time here.
    """

    connect: Route | None = None
    channels: tuple[ChannelRule, ...] = ()
    ping: float = 25.0
    pong: float = 8.0
    stale: float = 10.0
    grace: float = 25.0
    largest: int = 64 * 1024
    queue: int = 512 * 1024  # what was missed must be less than recovery gives (channel.py)
    most_channels: int = 128
