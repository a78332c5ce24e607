"""What an operator may write about real time, beside who may do what."""

from typing import Annotated, Final

from pydantic import Field, model_validator

from tta_gateway.features.realtime.bound import ChannelRule, InboxBound, RealtimeBound
from tta_gateway.support.config import Config, Duration, Size

_CHANNEL: Final = ChannelRule(prefix="")
_DEFAULT: Final = RealtimeBound()
_INBOX: Final = InboxBound()
_MONTH: Final = 30 * 24 * 3600.0  # seconds: how long the numbers of a channel are remembered


class KeepConfig(Config):
    """What a channel keeps of its messages, for who comes back and for who reads them again."""

    size: Annotated[int, Field(ge=1, le=10_000)]
    """How many of the last ones."""

    time: Annotated[Duration, Field(ge=1.0, le=_MONTH)]
    """For how long."""

    durable: bool = _CHANNEL.durable
    """Whether who publishes is answered only when it is on the store's disk, where that can be told
    (`appendfsync always`, or 7.2 and newer); it takes up to a second each time."""


class InboxConfig(Config):
    """Everybody has an inbox: whoever connects is given what waits for them there."""

    time: Annotated[Duration, Field(ge=1.0, le=_MONTH)] = _INBOX.seconds
    """For how long a letter waits; then it is dead, and administrators see it."""

    durable: bool = _INBOX.durable
    """Whether who posts a letter is answered only when it is on the store's disk, as in `keep`."""


class ReceiptsConfig(Config):
    """That each message is a letter too, for those whom it is for, until they acknowledge it."""

    to: Annotated[str, Field(min_length=1)] | None = None
    """Whose message it is: what stands in the braces of the channel's name, where that is a user,
    such as `user_id` of `user:{user_id}`; left out, only theirs whom a service names."""

    time: Annotated[Duration, Field(ge=1.0, le=_MONTH)] | None = None
    """For how long it waits; left out, as `realtime.inbox` says."""


class ConnectionConfig(Config):
    """What one connection may take."""

    ping: Annotated[Duration, Field(ge=1.0)] = _DEFAULT.ping
    """How often clients are asked whether they are still there."""

    pong: Duration = _DEFAULT.pong
    """How long they may take to answer; shorter than `ping`."""

    stale: Duration = _DEFAULT.stale
    """How long they may take to say who they are."""

    message: Annotated[Size, Field(le=_DEFAULT.largest)] = _DEFAULT.largest
    """The largest message that one may send."""

    queue: Size = _DEFAULT.queue
    """How much waits for a client that reads slowly; with more it is closed, and comes back."""

    channels: Annotated[int, Field(ge=1, le=10_000)] = _DEFAULT.most_channels
    """In how many channels it may be at once."""

    @model_validator(mode="after")
    def _answers_before_the_next(self) -> "ConnectionConfig":
        if self.pong >= self.ping:
            raise ValueError("`pong` must be shorter than `ping`, or the next one comes before it")
        return self
