"""The numbers of the client protocol: why a command fails, a subscription ends, a connection ends.

What a client does follows from the number alone.  Of connections, 3500-3999 and 4500-4999 are for
good and all others are opened again; of subscriptions, those from 2500 on are made again.  A reason
is at most 32 characters of plain words: it travels in a Close frame (RFC 6455 5.5), where to who is
not connected yet there stands behind it where help is, and one that is JSON by chance would be
taken for more than it is by the SDK for JavaScript.
"""

from dataclasses import dataclass
from typing import Final

LONGEST_REASON: Final = 32
LARGEST_REASON: Final = 123
"""Bytes of a reason that a Close frame holds, with where help is behind it."""


@dataclass(frozen=True, slots=True)
class Help:
    """Where help is, for who may not connect, who may be in need.

    As JSON, in words, and as `lines` that a Close may have room for, of which the first says most.
    """

    card: bytes = b""
    words: str = ""
    lines: tuple[str, ...] = ()


NO_HELP: Final = Help()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a command was not carried out; `temporary`: it may be sent again as it is.

    `help` is for who may not connect.  In JSON the card is a member: SDKs pass over one that they
    do not know, and show it with the error where they show what they were told.  The schema of
    Protocol Buffers has room for its words alone, behind the message.
    """

    code: int
    message: str
    temporary: bool = False
    help: Help = NO_HELP


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """Why a subscription ended that its client had not ended."""

    code: int
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the client does not subscribe again by itself."""
        return self.code < 2500


@dataclass(frozen=True, slots=True)
class Disconnection:
    """Why a connection was closed."""

    code: int
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the client does not connect again by itself."""
        return 3500 <= self.code <= 3999 or 4500 <= self.code <= 4999

    def with_help(self, help: Help) -> "Disconnection":
        """Return it with as much of where help is behind the reason as a Close has room for."""
        for line in help.lines:
            reason = f"{self.reason}. {line}"
            if len(reason.encode()) <= LARGEST_REASON:
                return Disconnection(self.code, reason)
        return self


INTERNAL: Final = Refused(100, "internal server error", temporary=True)
UNAUTHORIZED: Final = Refused(101, "unauthorized")
UNKNOWN_CHANNEL: Final = Refused(102, "unknown channel")
PERMISSION_DENIED: Final = Refused(103, "permission denied")
METHOD_NOT_FOUND: Final = Refused(104, "method not found")
ALREADY_SUBSCRIBED: Final = Refused(105, "already subscribed")
LIMIT_EXCEEDED: Final = Refused(106, "limit exceeded")
BAD_REQUEST: Final = Refused(107, "bad request")
NOT_AVAILABLE: Final = Refused(108, "not available")
TOKEN_EXPIRED: Final = Refused(109, "token expired")
EXPIRED: Final = Refused(110, "expired")
TOO_MANY_REQUESTS: Final = Refused(111, "too many requests", temporary=True)
UNRECOVERABLE_POSITION: Final = Refused(112, "unrecoverable position")
CONCURRENT_PAGINATION: Final = Refused(113, "concurrent pagination", temporary=True)

REFUSALS: Final = (
    *(INTERNAL, UNAUTHORIZED, UNKNOWN_CHANNEL, PERMISSION_DENIED, METHOD_NOT_FOUND),
    *(ALREADY_SUBSCRIBED, LIMIT_EXCEEDED, BAD_REQUEST, NOT_AVAILABLE, TOKEN_EXPIRED, EXPIRED),
    *(TOO_MANY_REQUESTS, UNRECOVERABLE_POSITION, CONCURRENT_PAGINATION),
)

UNSUBSCRIBED: Final = Unsubscription(2000, "server unsubscribe")
INSUFFICIENT_STATE: Final = Unsubscription(2500, "insufficient state")
SUBSCRIPTION_EXPIRED: Final = Unsubscription(2501, "subscription expired")
STATE_INVALIDATED: Final = Unsubscription(2502, "state invalidated")

UNSUBSCRIPTIONS: Final = (UNSUBSCRIBED, INSUFFICIENT_STATE, SUBSCRIPTION_EXPIRED, STATE_INVALIDATED)

CLOSED: Final = Disconnection(3000, "connection closed")
SHUTDOWN: Final = Disconnection(3001, "shutdown")
SERVER_ERROR: Final = Disconnection(3004, "internal server error")
CONNECTION_EXPIRED: Final = Disconnection(3005, "connection expired")
SUBSCRIPTION_ENDED: Final = Disconnection(3006, "subscription expired")
SLOW: Final = Disconnection(3008, "slow")
WRITE_ERROR: Final = Disconnection(3009, "write error")
POSITION_LOST: Final = Disconnection(3010, "insufficient state")
FORCE_RECONNECT: Final = Disconnection(3011, "force reconnect")
NO_PONG: Final = Disconnection(3012, "no pong")
TOO_MANY: Final = Disconnection(3013, "too many requests")
TOKENS_INVALIDATED: Final = Disconnection(3014, "state invalidated")
INVALID_TOKEN: Final = Disconnection(3500, "invalid token")
MALFORMED: Final = Disconnection(3501, "bad request")
STALE: Final = Disconnection(3502, "stale")
FORCE_NO_RECONNECT: Final = Disconnection(3503, "force disconnect")
CONNECTION_LIMIT: Final = Disconnection(3504, "connection limit")
CHANNEL_LIMIT: Final = Disconnection(3505, "channel limit")
INAPPROPRIATE_PROTOCOL: Final = Disconnection(3506, "inappropriate protocol")
FORBIDDEN: Final = Disconnection(3507, "permission denied")
UNAVAILABLE: Final = Disconnection(3508, "not available")
TOO_MANY_ERRORS: Final = Disconnection(3509, "too many errors")

DISCONNECTIONS: Final = (
    *(CLOSED, SHUTDOWN, SERVER_ERROR, CONNECTION_EXPIRED, SUBSCRIPTION_ENDED),
    *(SLOW, WRITE_ERROR, POSITION_LOST),
    *(FORCE_RECONNECT, NO_PONG, TOO_MANY, TOKENS_INVALIDATED),
    *(INVALID_TOKEN, MALFORMED, STALE, FORCE_NO_RECONNECT, CONNECTION_LIMIT, CHANNEL_LIMIT),
    *(INAPPROPRIATE_PROTOCOL, FORBIDDEN, UNAVAILABLE, TOO_MANY_ERRORS),
)
