"""The contract by which services are asked: Centrifugo's proxy over HTTP, in JSON.

https://centrifugal.dev/docs/server/proxy.  Members of an answer that mean something else here, or
nothing, are read over (docs/realtime.md names them); members that are null count as left out.
What is not an answer of the contract is Unclear, and allows nothing.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw

from tta_gateway.features.realtime.codec import Malformed, one_line
from tta_gateway.features.realtime.codes import (
    CONCURRENT_PAGINATION,
    CONNECTION_EXPIRED,
    INTERNAL,
    LONGEST_REASON,
    TOO_MANY_REQUESTS,
    Disconnection,
    Refused,
)
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import Amended, Caller, Verdict
from tta_gateway.features.realtime.publication import LARGEST_TAGS, size_of

_LONGEST_MESSAGE: Final = 256  # characters of why a command is refused
_LONGEST_KEY: Final = 128
_LARGEST_META: Final = 4096  # bytes that are kept for each connection, `info` as well
_TEMPORARY: Final = frozenset(
    one.code for one in (INTERNAL, TOO_MANY_REQUESTS, CONCURRENT_PAGINATION)
)
_NOTHING: Final = Raw(b"")
_encode: Final = msgspec.json.Encoder().encode
R = TypeVar("R")
T = TypeVar("T")


class Unclear(Exception):
    """A service has said what the contract has no meaning for; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a client speaks to the gateway: over what, and in which codec.

    `meta` is what the service that is asked has said of the connection before, JSON or nothing.
    """

    transport: str = "websocket"
    is_binary: bool = False
    meta: bytes = b""


# --- what services are asked ---------------------------------------------------------------------


def connect(client: str, carrier: Carrier, request: ConnectRequest) -> bytes:
    """Return the question whether a connection may be; whose it is the token says."""
    asked: dict[str, object] = {
        "name": request.name,
        "version": request.version,
        "channels": sorted(request.subs),
    }
    return _asked(client, carrier, {name: one for name, one in asked.items() if one}, request.data)


def refresh(caller: Caller, carrier: Carrier) -> bytes:
    """Return the question whether a connection may go on."""
    return _asked(caller.client, carrier, {"user": caller.user})


def subscribe(caller: Caller, carrier: Carrier, channel: str, data: bytes) -> bytes:
    """Return the question whether somebody may read a channel."""
    return _asked(caller.client, carrier, {"user": caller.user, "channel": channel}, data)


def publish(caller: Caller, carrier: Carrier, channel: str, data: bytes) -> bytes:
    """Return the question whether somebody may publish this."""
    return _asked(caller.client, carrier, {"user": caller.user, "channel": channel}, data)


def call(caller: Caller, carrier: Carrier, method: str, data: bytes) -> bytes:
    """Return the call of a procedure; one without a name is called so."""
    named = {"method": method} if method else {}
    return _asked(caller.client, carrier, {"user": caller.user, **named}, data)


def _asked(client: str, carrier: Carrier, about: Mapping[str, object], data: bytes = b"") -> bytes:
    said: dict[str, object] = {
        "client": client,
        "transport": carrier.transport,
        "protocol": "protobuf" if carrier.is_binary else "json",
        "encoding": "json",  # of data: it is never base64
        **about,
    }
    if carrier.meta:
        said["meta"] = Raw(carrier.meta)
    if data:
        said["data"] = Raw(data)
    return _encode(said)


# --- what they answer ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A connection may be, until `expires` (seconds of the epoch, 0: for ever).

    `about` is what others are told of it, `data` what its client is told, `meta` what the service
    is told again; `channels` are those that it has it read, each with what is told of it there.
    """

    expires: int = 0
    about: bytes = b""
    data: bytes = b""
    meta: bytes = b""
    channels: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """A connection may go on until then."""

    expires: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A channel may be read, until `expires`; `about` and `data` as above."""

    expires: int = 0
    about: bytes = b""
    data: bytes = b""


Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
Code: TypeAlias = Annotated[int, Meta(ge=100, le=1999)]
Ending: TypeAlias = Annotated[int, Meta(ge=3000, le=4999)]


class _Error(msgspec.Struct):
    code: Code
    message: str | None = None
    temporary: bool | None = None


class _Disconnect(msgspec.Struct):
    code: Ending
    reason: str | None = None


class _Answer(msgspec.Struct, Generic[R]):
    result: R | None = None
    error: _Error | None = None
    disconnect: _Disconnect | None = None


class _Payloads(msgspec.Struct):
    info: Raw = _NOTHING
    b64info: str | None = None
    data: Raw = _NOTHING
    b64data: str | None = None


class _Subscription(_Payloads):
    expire_at: Seconds | None = None


class _Connection(_Payloads):
    expire_at: Seconds | None = None
    meta: Raw = _NOTHING
    channels: list[str] | None = None
    subs: dict[str, _Payloads | None] | None = None


class _Refresh(msgspec.Struct):
    expired: bool | None = None
    expire_at: Seconds | None = None


class _Publication(_Payloads):
    skip_history: bool | None = None
    tags: dict[str, str] | None = None
    idempotency_key: Annotated[str, Meta(max_length=_LONGEST_KEY)] | None = None


_connection: Final = msgspec.json.Decoder(_Answer[_Connection])
_refresh: Final = msgspec.json.Decoder(_Answer[_Refresh])
_subscription: Final = msgspec.json.Decoder(_Answer[_Subscription])
_publication: Final = msgspec.json.Decoder(_Answer[_Publication])
_returned: Final = msgspec.json.Decoder(_Answer[_Payloads])


def connected(body: bytes) -> Connected | Verdict:
    """Read the answer to `connect`; Unclear."""
    return _read(_connection, body, _connected)


def refreshed(body: bytes) -> Refreshed | Verdict:
    """Read the answer to `refresh`; Unclear."""
    return _read(_refresh, body, _refreshed)


def subscribed(body: bytes) -> Subscribed | Verdict:
    """Read the answer to `subscribe`; Unclear."""
    return _read(_subscription, body, _subscribed)


def amended(body: bytes) -> Amended | Verdict:
    """Read the answer to `publish`; Unclear."""
    return _read(_publication, body, _amended)


def returned(body: bytes) -> bytes | Verdict:
    """Read what a procedure has returned: JSON of one line, or nothing; Unclear."""
    return _read(_returned, body, _data)


def _read(
    decoder: "msgspec.json.Decoder[_Answer[R]]", body: bytes, meant: Callable[[R], T]
) -> T | Verdict:
    try:
        body.decode()
        answer = decoder.decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Unclear(_wrong(error)) from error
    if answer.disconnect is not None:
        return Disconnection(answer.disconnect.code, _reason(answer.disconnect.reason or ""))
    if answer.error is not None:
        return _refused(answer.error)
    if answer.result is None:
        raise Unclear("says neither `result` nor `error` nor `disconnect`")
    return meant(answer.result)


def _wrong(error: Exception) -> str:
    """Return what is wrong, and nothing of what was said."""
    if isinstance(error, msgspec.ValidationError):
        return f"is not of the contract: {error}"
    return "is not JSON"


def _refused(error: _Error) -> Refused:
    message = "".join(one for one in error.message or "" if one.isprintable())
    is_temporary = error.temporary or error.code in _TEMPORARY
    return Refused(error.code, message[:_LONGEST_MESSAGE], temporary=is_temporary)


def _reason(text: str) -> str:
    """Return a reason as a Close can tell it; what would be taken for JSON is not told."""
    plain = "".join(one for one in text if " " <= one <= "~")[:LONGEST_REASON]
    try:
        msgspec.json.decode(plain)
    except msgspec.DecodeError:
        return plain
    return ""


def _connected(found: _Connection) -> Connected:
    channels = dict.fromkeys(found.channels or (), b"")
    for name, one in (found.subs or {}).items():
        channels[name] = b"" if one is None else _about(one)
    meta = _payload(found.meta, None, "meta")
    if len(meta) > _LARGEST_META:
        raise Unclear(f"`meta` is larger than it may be: {_LARGEST_META} bytes")
    return Connected(
        expires=found.expire_at or 0,
        about=_about(found),
        data=_data(found),
        meta=meta,
        channels=channels,
    )


def _refreshed(found: _Refresh) -> Refreshed | Verdict:
    return CONNECTION_EXPIRED if found.expired else Refreshed(expires=found.expire_at or 0)


def _subscribed(found: _Subscription) -> Subscribed:
    return Subscribed(expires=found.expire_at or 0, about=_about(found), data=_data(found))


def _amended(found: _Publication) -> Amended:
    if size_of(found.tags or {}) > LARGEST_TAGS:
        raise Unclear(f"`tags` are larger than they may be: {LARGEST_TAGS} bytes")
    return Amended(
        data=_data(found),
        tags=found.tags or {},
        key=found.idempotency_key or "",
        is_kept=not found.skip_history,
    )


def _about(found: _Payloads) -> bytes:
    info = _payload(found.info, found.b64info, "info")
    if len(info) > _LARGEST_META:  # it goes with every message of theirs
        raise Unclear(f"`info` is larger than it may be: {_LARGEST_META} bytes")
    return info


def _data(found: _Payloads) -> bytes:
    return _payload(found.data, found.b64data, "data")


def _payload(plain: Raw, encoded: str | None, name: str) -> bytes:
    """Return what is told further: JSON of one line, or nothing."""
    try:
        found = one_line(base64.b64decode(encoded, validate=True) if encoded else bytes(plain))
    except (ValueError, Malformed) as error:
        raise Unclear(f"`{name}` is no JSON that clients can be given") from error
    return b"" if found == b"null" else found
