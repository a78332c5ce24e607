"""What clients ask and what they are answered: the words of the client protocol, without a codec.

Names are those of the published protocol.  `data` and what is said about a session are JSON of one
line, or empty; proto3 has no difference between what is empty and what is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tta_gateway.features.realtime.publication import NOWHERE, ClientInfo, Position, Publication

REJECT_UNRECOVERED: Final = 2
"""A flag of a subscription: an error, if what was missed cannot be made good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeRequest:
    """Asks for the messages of a channel; `kind` is 0 for plain channels, `filtered` asks for some.

    `recover`: with those since `position` first.
    """

    channel: str = ""
    token: str = ""
    recover: bool = False
    position: Position = NOWHERE
    data: bytes = b""
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    delta: str = ""
    flag: int = 0
    kind: int = 0
    filtered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRequest:
    """Says who is there; `subs` are subscriptions of the server's, to be recovered."""

    token: str = ""
    data: bytes = b""
    subs: Mapping[str, SubscribeRequest] = field(default_factory=dict)
    name: str = ""
    version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnsubscribeRequest:
    """Asks for no more messages of a channel."""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """Gives a message to a channel; `kind` is 0 for plain channels."""

    channel: str = ""
    data: bytes = b""
    kind: int = 0


@dataclass(frozen=True, slots=True)
class PresenceRequest:
    """Asks who is in a channel."""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class PresenceStatsRequest:
    """Asks how many are in a channel."""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Asks what a channel keeps: at most `limit`, 0 for its top alone, -1 for all there may be."""

    channel: str = ""
    limit: int = 0
    since: Position | None = None
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class PingRequest:
    """Asks for a sign of life."""


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Tells something and expects no answer."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """Calls a procedure."""

    method: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """Shows a new token of the connection."""

    token: str = ""


@dataclass(frozen=True, slots=True)
class SubRefreshRequest:
    """Shows a new token of a subscription; `kind` is 0 for plain channels."""

    channel: str = ""
    token: str = ""
    kind: int = 0


Request: TypeAlias = (
    ConnectRequest
    | SubscribeRequest
    | UnsubscribeRequest
    | PublishRequest
    | PresenceRequest
    | PresenceStatsRequest
    | HistoryRequest
    | PingRequest
    | SendRequest
    | RpcRequest
    | RefreshRequest
    | SubRefreshRequest
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command; without id and request it is the answer to our ping."""

    id: int = 0
    request: Request | None = None

    @property
    def is_pong(self) -> bool:
        """Whether it only says that the client lives."""
        return self.id == 0 and not isinstance(self.request, SendRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeResult:
    """What a new subscriber has to know; `ttl` is seconds until it `expires`."""

    expires: bool = False
    ttl: int = 0
    recoverable: bool = False
    positioned: bool = False
    position: Position = NOWHERE
    publications: Sequence[Publication] = ()
    recovered: bool = False
    was_recovering: bool = False
    data: bytes = b""
    delta: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectResult:
    """What a new client has to know; `ping` and `ttl` are seconds."""

    client: str
    version: str = ""
    expires: bool = False
    ttl: int = 0
    data: bytes = b""
    subs: Mapping[str, SubscribeResult] = field(default_factory=dict)
    ping: int = 0
    pong: bool = False
    session: str = ""
    node: str = ""
    time: int = 0


@dataclass(frozen=True, slots=True)
class UnsubscribeResult:
    """It is done."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """It is kept, where the channel keeps anything, and on its way."""


@dataclass(frozen=True, slots=True)
class PresenceResult:
    """Who is there."""

    present: Sequence[ClientInfo] = ()


@dataclass(frozen=True, slots=True)
class PresenceStatsResult:
    """How many are there."""

    clients: int = 0
    users: int = 0


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """What is kept, and the channel's top."""

    publications: Sequence[Publication] = ()
    top: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class PingResult:
    """The sign of life."""


@dataclass(frozen=True, slots=True)
class RpcResult:
    """What a procedure returned."""

    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshResult:
    """Until when the new token counts: `ttl` seconds, if it `expires`."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class SubRefreshResult:
    """Until when the new token of a subscription counts."""

    expires: bool = False
    ttl: int = 0


Result: TypeAlias = (
    ConnectResult
    | SubscribeResult
    | UnsubscribeResult
    | PublishResult
    | PresenceResult
    | PresenceStatsResult
    | HistoryResult
    | PingResult
    | RpcResult
    | RefreshResult
    | SubRefreshResult
)
