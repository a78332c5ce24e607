"""What clients may write in JSON: the members of commands, for msgspec to read.

Members that are null count as left out, and those that nobody here knows are read over.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from tta_gateway.features.realtime.codec import MOST_ID, MOST_NUMBER

Id = Annotated[int, Meta(ge=0, le=MOST_ID)]
Offset = Annotated[int, Meta(ge=0, le=MOST_NUMBER)]
Number = Annotated[int, Meta(ge=-MOST_NUMBER - 1, le=MOST_NUMBER)]
Small = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
NOTHING = Raw(b"")


class SubscribeWire(msgspec.Struct):
    """A `subscribe`, or a value of `connect.subs`."""

    channel: str | None = None
    token: str | None = None
    recover: bool | None = None
    epoch: str | None = None
    offset: Offset | None = None
    data: Raw = NOTHING
    positioned: bool | None = None
    recoverable: bool | None = None
    join_leave: bool | None = None
    delta: str | None = None
    tf: Raw = NOTHING
    flag: Number | None = None
    type: Small | None = None


class ConnectWire(msgspec.Struct):
    """A `connect`."""

    token: str | None = None
    data: Raw = NOTHING
    subs: dict[str, SubscribeWire | None] | None = None
    name: str | None = None
    version: str | None = None
    headers: dict[str, str] | None = None


class ChannelWire(msgspec.Struct):
    """What names a channel and nothing else."""

    channel: str | None = None


class PublishWire(msgspec.Struct):
    """A `publish`."""

    channel: str | None = None
    data: Raw = NOTHING
    type: Small | None = None


class SinceWire(msgspec.Struct):
    """A position of a `history`."""

    offset: Offset | None = None
    epoch: str | None = None


class HistoryWire(msgspec.Struct):
    """A `history`."""

    channel: str | None = None
    limit: Small | None = None
    since: SinceWire | None = None
    reverse: bool | None = None


class PingWire(msgspec.Struct):
    """A `ping`."""


class SendWire(msgspec.Struct):
    """A `send`."""

    data: Raw = NOTHING


class RpcWire(msgspec.Struct):
    """An `rpc`."""

    method: str | None = None
    data: Raw = NOTHING


class RefreshWire(msgspec.Struct):
    """A `refresh`."""

    token: str | None = None


class SubRefreshWire(msgspec.Struct):
    """A `sub_refresh`."""

    channel: str | None = None
    token: str | None = None
    type: Small | None = None


class CommandWire(msgspec.Struct):
    """A line: of its methods the first one counts that is there."""

    id: Id | None = None
    connect: ConnectWire | None = None
    subscribe: SubscribeWire | None = None
    unsubscribe: ChannelWire | None = None
    publish: PublishWire | None = None
    presence: ChannelWire | None = None
    presence_stats: ChannelWire | None = None
    history: HistoryWire | None = None
    ping: PingWire | None = None
    send: SendWire | None = None
    rpc: RpcWire | None = None
    refresh: RefreshWire | None = None
    sub_refresh: SubRefreshWire | None = None
