"""The client protocol in JSON: an object a line, data as it is, and nothing said that is empty.

What is published is written once for all who read it, so writing is joining of bytes: texts are
quoted by msgspec, data is spliced in as it came (one line: codec.one_line).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import msgspec

from tta_gateway.features.realtime.codec import (
    DEEPEST,
    LARGEST_FRAME,
    MOST_COMMANDS,
    Malformed,
    is_too_deep,
)
from tta_gateway.features.realtime.codes import Disconnection, Refused, Unsubscription
from tta_gateway.features.realtime.command import (
    Command,
    ConnectRequest,
    ConnectResult,
    HistoryRequest,
    HistoryResult,
    PingRequest,
    PingResult,
    PresenceRequest,
    PresenceResult,
    PresenceStatsRequest,
    PresenceStatsResult,
    PublishRequest,
    PublishResult,
    RefreshRequest,
    RefreshResult,
    Request,
    Result,
    RpcRequest,
    RpcResult,
    SendRequest,
    SubRefreshRequest,
    SubRefreshResult,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribeRequest,
    UnsubscribeResult,
)
from tta_gateway.features.realtime.json_wire import (
    CommandWire,
    ConnectWire,
    HistoryWire,
    SubscribeWire,
)
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication

_DECODER: Final = msgspec.json.Decoder(CommandWire)
_PONG: Final = Command()
_PING: Final = b"{}"
# A member: its name, and its value as JSON; one that is empty is left out.
_Members: TypeAlias = list[tuple[bytes, bytes]]


class JsonCodec:
    """Reads and writes JSON; it holds nothing."""

    name = "json"
    is_binary = False

    def decode(self, frame: bytes) -> list[Command]:
        """Return the commands of a frame, or raise Malformed."""
        if len(frame) > LARGEST_FRAME:
            raise Malformed("larger than a frame may be")
        lines = frame.split(b"\n", MOST_COMMANDS + 1)
        if len(lines) > 1 and not lines[-1]:
            lines.pop()
        if len(lines) > MOST_COMMANDS:
            raise Malformed("more commands than a frame may have")
        return [_command(line) for line in lines]

    def join(self, messages: Sequence[bytes]) -> bytes:
        """Return one frame of several messages."""
        return b"\n".join(messages)

    def reply(self, number: int, result: Result) -> bytes:
        """Answer a command."""
        name, told = _result(result)
        return b'{"id":%d,"%b":%b}' % (number, name, told)

    def refusal(self, number: int, refused: Refused) -> bytes:
        """Answer a command that was not carried out."""
        members = [
            (b"code", b"%d" % refused.code),
            (b"message", msgspec.json.encode(refused.message)),
            (b"temporary", _flag(refused.temporary)),
            (b"help", refused.help.card),
        ]
        return b'{"id":%d,"error":%b}' % (number, _object(members))

    def ping(self) -> bytes:
        """Ask for a sign of life."""
        return _PING

    def publication(self, channel: str, publication: Publication) -> bytes:
        """Give a publication to a subscriber."""
        return _push(channel, b"pub", _publication(publication))

    def change(self, channel: str, publication: Publication, delta: bytes | None) -> bytes:
        """Give a publication to a subscriber who takes deltas: this one, or all of it."""
        told = publication if delta is None else replace(publication, data=delta)
        return _push(channel, b"pub", _publication(_as_text(told), delta=delta is not None))

    def join_or_leave(self, channel: str, info: ClientInfo, *, joined: bool) -> bytes:
        """Tell a subscriber that somebody came or left."""
        return _push(channel, b"join" if joined else b"leave", b'{"info":%b}' % _info(info))

    def unsubscribed(self, channel: str, why: Unsubscription) -> bytes:
        """Tell that a subscription has ended."""
        told = b'{"code":%d,"reason":%b}' % (why.code, msgspec.json.encode(why.reason))
        return _push(channel, b"unsubscribe", told)

    def subscribed(self, channel: str, result: SubscribeResult) -> bytes:
        """Tell that the server has subscribed the client."""
        members = [
            (b"recoverable", _flag(result.recoverable)),
            *_position(result.position),
            (b"positioned", _flag(result.positioned)),
            (b"data", result.data),
        ]
        return _push(channel, b"subscribe", _object(members))

    def message(self, data: bytes) -> bytes:
        """Tell something that belongs to no channel."""
        return _push("", b"message", _object([(b"data", data)]))

    def disconnected(self, why: Disconnection) -> bytes:
        """Tell the end, where there is no Close frame to tell it."""
        members = [
            (b"code", b"%d" % why.code),
            (b"reason", msgspec.json.encode(why.reason)),
            (b"reconnect", _flag(not why.is_final)),
        ]
        return _push("", b"disconnect", _object(members))


def _command(line: bytes) -> Command:
    if line == _PING:
        return _PONG
    if is_too_deep(line, DEEPEST):
        raise Malformed("deeper than a command may be")
    try:
        line.decode()  # what is read over is not looked at by msgspec
        wire = _DECODER.decode(line)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Malformed(f"not a command: {type(error).__name__}") from error
    return Command(wire.id or 0, _request(wire))


def _request(wire: CommandWire) -> Request | None:
    """Return the first method that is there, in the order of the published protocol."""
    if wire.connect is not None:
        return _connect(wire.connect)
    if wire.subscribe is not None:
        return _subscribe(wire.subscribe)
    if wire.unsubscribe is not None:
        return UnsubscribeRequest(wire.unsubscribe.channel or "")
    if wire.publish is not None:
        asked = wire.publish
        return PublishRequest(asked.channel or "", _raw(asked.data), asked.type or 0)
    if wire.presence is not None:
        return PresenceRequest(wire.presence.channel or "")
    if wire.presence_stats is not None:
        return PresenceStatsRequest(wire.presence_stats.channel or "")
    return _further_request(wire)


def _further_request(wire: CommandWire) -> Request | None:
    if wire.history is not None:
        return _history(wire.history)
    if wire.ping is not None:
        return PingRequest()
    if wire.send is not None:
        return SendRequest(_raw(wire.send.data))
    if wire.rpc is not None:
        return RpcRequest(wire.rpc.method or "", _raw(wire.rpc.data))
    if wire.refresh is not None:
        return RefreshRequest(wire.refresh.token or "")
    if wire.sub_refresh is not None:
        asked = wire.sub_refresh
        return SubRefreshRequest(asked.channel or "", asked.token or "", asked.type or 0)
    return None


def _connect(asked: ConnectWire) -> ConnectRequest:
    subs = (asked.subs or {}).items()
    return ConnectRequest(
        token=asked.token or "",
        data=_some(asked.data),
        subs={name: _subscribe(each or SubscribeWire(), channel=name) for name, each in subs},
        name=asked.name or "",
        version=asked.version or "",
        headers=asked.headers or {},
    )


def _subscribe(asked: SubscribeWire, *, channel: str = "") -> SubscribeRequest:
    return SubscribeRequest(
        channel=channel or asked.channel or "",
        token=asked.token or "",
        recover=asked.recover or False,
        position=Position(asked.offset or 0, asked.epoch or ""),
        data=_some(asked.data),
        positioned=asked.positioned or False,
        recoverable=asked.recoverable or False,
        join_leave=asked.join_leave or False,
        delta=asked.delta or "",
        flag=asked.flag or 0,
        kind=asked.type or 0,
        filtered=bool(_some(asked.tf)),
    )


def _history(asked: HistoryWire) -> HistoryRequest:
    since = asked.since
    return HistoryRequest(
        asked.channel or "",
        asked.limit or 0,
        None if since is None else Position(since.offset or 0, since.epoch or ""),
        asked.reverse or False,
    )


def _raw(data: msgspec.Raw) -> bytes:
    """Return data as it is; the only line break that is left in a line is outside of strings."""
    return bytes(data).replace(b"\r", b" ")


def _some(data: msgspec.Raw) -> bytes:
    """Return data, nothing for null."""
    found = _raw(data)
    return b"" if found == b"null" else found


def _result(result: Result) -> tuple[bytes, bytes]:
    """Return the name of a result and what it says; it is there though it say nothing."""
    if isinstance(result, PublishResult):
        return b"publish", b"{}"
    if isinstance(result, SubscribeResult):
        return b"subscribe", _subscribe_result(result)
    if isinstance(result, ConnectResult):
        return b"connect", _connect_result(result)
    if isinstance(result, UnsubscribeResult):
        return b"unsubscribe", b"{}"
    if isinstance(result, PingResult):
        return b"ping", b"{}"
    return _further_result(result)


def _further_result(
    result: PresenceResult
    | PresenceStatsResult
    | HistoryResult
    | RpcResult
    | RefreshResult
    | SubRefreshResult,
) -> tuple[bytes, bytes]:
    if isinstance(result, RpcResult):
        return b"rpc", _object([(b"data", result.data)])
    if isinstance(result, HistoryResult):
        return b"history", _history_result(result)
    if isinstance(result, PresenceResult):
        return b"presence", _presence_result(result)
    if isinstance(result, PresenceStatsResult):
        return b"presence_stats", _presence_stats_result(result)
    if isinstance(result, RefreshResult):
        return b"refresh", _refresh_result(result)
    return b"sub_refresh", _sub_refresh_result(result)


def _push(channel: str, name: bytes, what: bytes) -> bytes:
    if not channel:
        return b'{"push":{"%b":%b}}' % (name, what)
    return b'{"push":{"channel":%b,"%b":%b}}' % (msgspec.json.encode(channel), name, what)


def _object(members: _Members) -> bytes:
    """Write what is not empty."""
    return b"{%b}" % b",".join([b'"%b":%b' % member for member in members if member[1]])


def _text(value: str) -> bytes:
    return msgspec.json.encode(value) if value else b""


def _number(value: int) -> bytes:
    return b"%d" % value if value else b""


def _flag(value: bool) -> bytes:
    return b"true" if value else b""


def _map(members: Sequence[tuple[str, bytes]]) -> bytes:
    """Write an object whose names are anybody's."""
    pairs = [b"%b:%b" % (msgspec.json.encode(name), value) for name, value in members]
    return b"{%b}" % b",".join(pairs) if pairs else b""


def _list(items: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(items) if items else b""


def _position(position: Position) -> _Members:
    return [(b"epoch", _text(position.epoch)), (b"offset", _number(position.offset))]


def _as_text(publication: Publication) -> Publication:
    """Return it with data that is a text of JSON, as those expect it who take deltas."""
    return replace(publication, data=msgspec.json.encode(publication.data.decode()))


def _publication(publication: Publication, *, delta: bool = False) -> bytes:
    info = publication.info
    tags = publication.tags
    if info is None and not tags and not publication.time and publication.data and not delta:
        if publication.offset:
            return b'{"data":%b,"offset":%d}' % (publication.data, publication.offset)
        return b'{"data":%b}' % publication.data
    members = [
        (b"data", publication.data),
        (b"info", b"" if info is None else _info(info)),
        (b"offset", _number(publication.offset)),
        (b"tags", _map([(name, msgspec.json.encode(value)) for name, value in tags.items()])),
        (b"delta", _flag(delta)),
        (b"time", _number(publication.time)),
    ]
    return _object(members)


def _info(info: ClientInfo) -> bytes:
    members = [
        (b"user", _text(info.user)),
        (b"client", _text(info.client)),
        (b"conn_info", info.about_session),
        (b"chan_info", info.about_subscription),
    ]
    return _object(members)


def _subscribe_result(result: SubscribeResult) -> bytes:
    publications = result.publications
    if result.delta:
        publications = [_as_text(each) for each in publications]
    members = [
        (b"expires", _flag(result.expires)),
        (b"ttl", _ttl(result.ttl, expires=result.expires)),
        (b"recoverable", _flag(result.recoverable)),
        *_position(result.position),
        (b"publications", _list([_publication(each) for each in publications])),
        (b"recovered", _flag(result.recovered)),
        (b"positioned", _flag(result.positioned)),
        (b"data", result.data),
        (b"was_recovering", _flag(result.was_recovering)),
        (b"delta", _flag(result.delta)),
    ]
    return _object(members)


def _connect_result(result: ConnectResult) -> bytes:
    subs = [(name, _subscribe_result(each)) for name, each in result.subs.items()]
    members = [
        (b"client", msgspec.json.encode(result.client)),
        (b"version", _text(result.version)),
        (b"expires", _flag(result.expires)),
        (b"ttl", _ttl(result.ttl, expires=result.expires)),
        (b"data", result.data),
        (b"subs", _map(subs)),
        (b"ping", _number(result.ping)),
        (b"pong", _flag(result.pong)),
        (b"session", _text(result.session)),
        (b"node", _text(result.node)),
        (b"time", _number(result.time)),
    ]
    return _object(members)


def _ttl(seconds: int, *, expires: bool) -> bytes:
    """Write it where it counts, though it be 0: an SDK reads it without a default."""
    return b"%d" % seconds if expires or seconds else b""


def _presence_result(result: PresenceResult) -> bytes:
    """Write even what is empty: npm's SDK takes these two results as they are."""
    present = _map([(each.client, _info(each)) for each in result.present])
    return b'{"presence":%b}' % (present or b"{}")


def _presence_stats_result(result: PresenceStatsResult) -> bytes:
    return b'{"num_clients":%d,"num_users":%d}' % (result.clients, result.users)


def _history_result(result: HistoryResult) -> bytes:
    publications = _list([_publication(each) for each in result.publications])
    return _object([(b"publications", publications), *_position(result.top)])


def _refresh_result(result: RefreshResult) -> bytes:
    members = [
        (b"client", _text(result.client)),
        (b"version", _text(result.version)),
        (b"expires", _flag(result.expires)),
        (b"ttl", _ttl(result.ttl, expires=result.expires)),
    ]
    return _object(members)


def _sub_refresh_result(result: SubRefreshResult) -> bytes:
    members = [
        (b"expires", _flag(result.expires)),
        (b"ttl", _ttl(result.ttl, expires=result.expires)),
    ]
    return _object(members)
