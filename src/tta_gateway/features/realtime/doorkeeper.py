"""What the hub asks before it does anything: who somebody is, and what they may do; the ports.

Each is asked anew for every command.  An answer may be given at once, or be awaited.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from tta_gateway.features.realtime.codes import Disconnection, Refused
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.realtime.publication import Keeping
from tta_gateway.kernel.traffic import THERAPEUTIC

Verdict: TypeAlias = Refused | Disconnection
"""Why not: the command alone is refused, or the connection ends."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose command it is, as far as a token proved it; the `user` who is nobody is empty.

    `client` is the connection, `address` where it comes from; `noticed` is what was found in what
    they say, if that is anything.
    """

    user: str
    client: str
    address: str = ""
    noticed: Noticed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds in a channel; messages larger than `largest` bytes of data are refused.

    `presence`: it is kept who is there; `announces`: others are told who comes and goes; `urgent`:
    its messages overtake those of other channels; `deltas`: who wants it is told what has changed
    from one message to the next.
    """

    keeping: Keeping = Keeping()  # noqa: RUF009 - frozen
    presence: bool = False
    announces: bool = False
    urgent: bool = False
    deltas: bool = False
    largest: int = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who a token proves somebody to be; `seconds` for which it does, None for ever.

    `about` and `data` are JSON of one line or empty: what others are told of them, and what they
    are told.  `is_quiet`: they are not told when it ends, and cannot show anything new; they come
    back instead.  `channels` are those that the server subscribes them to, with what is said there.
    Where very many come at once, those of a more urgent class of `traffic` are let in first.
    `further` is what is asked when it is their turn: it has the last word.
    """

    user: str
    seconds: int | None = None
    about: bytes = b""
    data: bytes = b""
    is_quiet: bool = False
    has_inbox: bool = True
    channels: Mapping[str, bytes] = field(default_factory=dict)
    traffic: int = THERAPEUTIC
    further: "Further | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Leave to read a channel, for `seconds` or until the session ends (None).

    `is_quiet`: its client is not told when it ends, but that it has, and asks again.
    """

    seconds: int | None = None
    about: bytes = b""
    data: bytes = b""
    is_quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """Leave to publish, but otherwise: other `data`, where there is any, with these `tags`.

    With a `key` that the channel has heard lately it is not published again; `is_kept`: where the
    channel keeps what is published.
    """

    data: bytes = b""
    tags: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    is_kept: bool = True


Admitted: TypeAlias = Admission | Verdict
Further: TypeAlias = Callable[[], Admitted | Awaitable[Admitted]]
Granted: TypeAlias = Grant | Verdict
Allowed: TypeAlias = Verdict | None
MayPublish: TypeAlias = Amended | Verdict | None


class Tokens(Protocol):
    """Proves tokens."""

    def connect(self, request: ConnectRequest, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a connection is; whoever shows nothing may be let in as nobody."""
        ...

    def refresh(self, token: str, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a new token is; the hub looks whether it is the same person."""
        ...

    def subscription(
        self, token: str, channel: str, caller: Caller
    ) -> Granted | Awaitable[Granted]:
        """Return what a token of a subscription gives: to this caller, in this channel."""
        ...


class Access(Protocol):
    """Says what holds in channels, and who may do what in them."""

    def rules(self, channel: str) -> Rules | None:
        """Return what holds in a channel, None where there is no such channel."""
        ...

    def may_subscribe(
        self, channel: str, caller: Caller, data: bytes = b""
    ) -> Granted | Awaitable[Granted]:
        """Say whether somebody without a token for it may read a channel; they say `data`."""
        ...

    def left(self, channel: str, client: str) -> None:
        """Take that a connection reads a channel no longer."""
        ...

    def may_publish(
        self, channel: str, data: bytes, caller: Caller
    ) -> MayPublish | Awaitable[MayPublish]:
        """Say whether somebody may write this into a channel, or what instead."""
        ...

    def may_see_presence(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may see who is there."""
        ...

    def may_see_history(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may read what a channel keeps."""
        ...


Returned: TypeAlias = bytes | Verdict


class Procedures(Protocol):
    """What clients may call, and to whom they may send what belongs to no channel."""

    def call(self, method: str, data: bytes, caller: Caller) -> Returned | Awaitable[Returned]:
        """Return JSON of one line (or nothing), or why not: NOT_AVAILABLE where nobody does it."""
        ...

    def send(self, data: bytes, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Take what was sent; UNAVAILABLE where nobody does."""
        ...
