"""The client protocol in Protocol Buffers: messages behind their lengths, by the published numbers.

The numbers stand in `client.proto` of the protocol's publication; tests compare with the library
of Protocol Buffers itself.  Data is JSON here too, so that all readers of a channel can read it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tta_gateway.features.realtime.codec import (
    LARGEST_FRAME,
    MOST_COMMANDS,
    MOST_ID,
    MOST_NUMBER,
    Malformed,
    one_line,
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
from tta_gateway.features.realtime.protobuf_wire import (
    Fields,
    delimited,
    field_data,
    field_message,
    field_number,
    field_text,
    varint,
)
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication

_PING: Final = b"\x00"
# Of a Reply: an error and a push; of a Push: what it tells.
_ERROR: Final = 2
_PUSH: Final = 4
_PUB, _JOIN, _LEAVE, _UNSUBSCRIBE, _MESSAGE, _SUBSCRIBE, _DISCONNECT = 4, 5, 6, 7, 8, 9, 11


class ProtobufCodec:
    """Reads and writes Protocol Buffers; it holds nothing."""

    name = "protobuf"
    is_binary = True

    def decode(self, frame: bytes) -> list[Command]:
        """Return the commands of a frame, or raise Malformed."""
        if len(frame) > LARGEST_FRAME:
            raise Malformed("larger than a frame may be")
        if not frame:
            raise Malformed("an empty frame")
        commands: list[Command] = []
        at = 0
        while at < len(frame):
            if len(commands) == MOST_COMMANDS:
                raise Malformed("more commands than a frame may have")
            size, at = varint(frame, at)
            if size > len(frame) - at:
                raise Malformed("a command ends behind its frame")
            commands.append(_command(frame[at : at + size]))
            at += size
        return commands

    def join(self, messages: Sequence[bytes]) -> bytes:
        """Return one frame of several messages."""
        return b"".join(messages)

    def reply(self, number: int, result: Result) -> bytes:
        """Answer a command."""
        field, told = _result(result)
        return delimited(field_number(1, number) + field_message(field, told))

    def refusal(self, number: int, refused: Refused) -> bytes:
        """Answer a command that was not carried out; where help is stands in the message."""
        words = refused.help.words
        told = (
            field_number(1, refused.code)
            + field_text(2, f"{refused.message}. {words}" if words else refused.message)
            + field_number(3, int(refused.temporary))
        )
        return delimited(field_number(1, number) + field_message(_ERROR, told))

    def ping(self) -> bytes:
        """Ask for a sign of life."""
        return _PING

    def publication(self, channel: str, publication: Publication) -> bytes:
        """Give a publication to a subscriber."""
        return _push(channel, _PUB, _publication(publication))

    def change(self, channel: str, publication: Publication, delta: bytes | None) -> bytes:
        """Give a publication to a subscriber who takes deltas: this one, or all of it."""
        if delta is None:
            return self.publication(channel, publication)
        told = _publication(replace(publication, data=delta)) + field_number(8, 1)
        return _push(channel, _PUB, told)

    def join_or_leave(self, channel: str, info: ClientInfo, *, joined: bool) -> bytes:
        """Tell a subscriber that somebody came or left."""
        return _push(channel, _JOIN if joined else _LEAVE, field_message(1, _info(info)))

    def unsubscribed(self, channel: str, why: Unsubscription) -> bytes:
        """Tell that a subscription has ended."""
        return _push(channel, _UNSUBSCRIBE, field_number(2, why.code) + field_text(3, why.reason))

    def subscribed(self, channel: str, result: SubscribeResult) -> bytes:
        """Tell that the server has subscribed the client."""
        told = (
            field_number(1, int(result.recoverable))
            + field_text(4, result.position.epoch)
            + field_number(5, result.position.offset)
            + field_number(6, int(result.positioned))
            + field_data(7, result.data)
        )
        return _push(channel, _SUBSCRIBE, told)

    def message(self, data: bytes) -> bytes:
        """Tell something that belongs to no channel."""
        return _push("", _MESSAGE, field_data(1, data))

    def disconnected(self, why: Disconnection) -> bytes:
        """Tell the end, where there is no Close frame to tell it."""
        told = (
            field_number(1, why.code)
            + field_text(2, why.reason)
            + field_number(3, int(not why.is_final))
        )
        return _push("", _DISCONNECT, told)


def _command(data: bytes) -> Command:
    fields = Fields(data)
    number = fields.number(1)
    if number > MOST_ID:
        raise Malformed("an id is larger than ids may be")
    for field, read in _REQUESTS:
        if fields.has(field):
            return Command(number, read(fields.message(field)))
    return Command(number)


def _connect(fields: Fields) -> ConnectRequest:
    return ConnectRequest(
        token=fields.text(1),
        data=one_line(fields.data(2)),
        subs=dict(_entry(each) for each in fields.each(3)),
        name=fields.text(4),
        version=fields.text(5),
        headers={pair.text(1): pair.text(2) for pair in map(Fields, fields.each(6))},
    )


def _entry(data: bytes) -> tuple[str, SubscribeRequest]:
    """Return a subscription that a client brings along, by its channel."""
    fields = Fields(data)
    channel = fields.text(1)
    return channel, _subscribe(fields.message(2), channel=channel)


def _subscribe(fields: Fields, *, channel: str = "") -> SubscribeRequest:
    return SubscribeRequest(
        channel=channel or fields.text(1),
        token=fields.text(2),
        recover=fields.flag(3),
        position=_position(fields, offset=7, epoch=6),
        data=one_line(fields.data(8)),
        positioned=fields.flag(9),
        recoverable=fields.flag(10),
        join_leave=fields.flag(11),
        delta=fields.text(12),
        flag=_long(fields.number(14)),
        kind=fields.signed(15),
        filtered=fields.has(13),
    )


def _long(value: int) -> int:
    """Return a number of 64 bits that may be less than 0."""
    return value - 2**64 if value > MOST_NUMBER else value


def _position(fields: Fields, *, offset: int, epoch: int) -> Position:
    found = fields.number(offset)
    if found > MOST_NUMBER:
        raise Malformed("an offset is larger than offsets may be")
    return Position(found, fields.text(epoch))


def _unsubscribe(fields: Fields) -> UnsubscribeRequest:
    return UnsubscribeRequest(fields.text(1))


def _publish(fields: Fields) -> PublishRequest:
    return PublishRequest(fields.text(1), one_line(fields.data(2)), fields.signed(3))


def _presence(fields: Fields) -> PresenceRequest:
    return PresenceRequest(fields.text(1))


def _presence_stats(fields: Fields) -> PresenceStatsRequest:
    return PresenceStatsRequest(fields.text(1))


def _history(fields: Fields) -> HistoryRequest:
    since = _position(fields.message(8), offset=1, epoch=2) if fields.has(8) else None
    return HistoryRequest(fields.text(1), fields.signed(7), since, fields.flag(9))


def _ping(_fields: Fields) -> PingRequest:
    return PingRequest()


def _send(fields: Fields) -> SendRequest:
    return SendRequest(one_line(fields.data(1)))


def _rpc(fields: Fields) -> RpcRequest:
    return RpcRequest(fields.text(2), one_line(fields.data(1)))


def _refresh(fields: Fields) -> RefreshRequest:
    return RefreshRequest(fields.text(1))


def _sub_refresh(fields: Fields) -> SubRefreshRequest:
    return SubRefreshRequest(fields.text(1), fields.text(2), fields.signed(5))


_REQUESTS: Final[Sequence[tuple[int, Callable[[Fields], Request]]]] = (
    (4, _connect),
    (5, _subscribe),
    (6, _unsubscribe),
    (7, _publish),
    (8, _presence),
    (9, _presence_stats),
    (10, _history),
    (11, _ping),
    (12, _send),
    (13, _rpc),
    (14, _refresh),
    (15, _sub_refresh),
)
"""of a Command, in the order in which the first one counts"""


def _result(result: Result) -> tuple[int, bytes]:
    """Return the field of a Reply and what it says."""
    if isinstance(result, PublishResult):
        return 8, b""
    if isinstance(result, SubscribeResult):
        return 6, _subscribe_result(result)
    if isinstance(result, ConnectResult):
        return 5, _connect_result(result)
    if isinstance(result, UnsubscribeResult):
        return 7, b""
    if isinstance(result, PingResult):
        return 12, b""
    return _further_result(result)


def _further_result(
    result: PresenceResult
    | PresenceStatsResult
    | HistoryResult
    | RpcResult
    | RefreshResult
    | SubRefreshResult,
) -> tuple[int, bytes]:
    if isinstance(result, RpcResult):
        return 13, field_data(1, result.data)
    if isinstance(result, HistoryResult):
        return 11, _history_result(result)
    if isinstance(result, PresenceResult):
        return 9, b"".join(_pair(1, each.client, _info(each)) for each in result.present)
    if isinstance(result, PresenceStatsResult):
        return 10, field_number(1, result.clients) + field_number(2, result.users)
    if isinstance(result, RefreshResult):
        who = field_text(1, result.client) + field_text(2, result.version)
        return 14, who + field_number(3, int(result.expires)) + field_number(4, result.ttl)
    return 15, field_number(1, int(result.expires)) + field_number(2, result.ttl)


def _push(channel: str, field: int, told: bytes) -> bytes:
    return delimited(field_message(_PUSH, field_text(2, channel) + field_message(field, told)))


def _pair(field: int, name: str, value: bytes) -> bytes:
    """Write an entry of a map."""
    return field_message(field, field_text(1, name) + field_message(2, value))


def _publication(publication: Publication) -> bytes:
    info = publication.info
    return (
        field_data(4, publication.data)
        + (b"" if info is None else field_message(5, _info(info)))
        + field_number(6, publication.offset)
        + b"".join(_pair(7, name, value.encode()) for name, value in publication.tags.items())
        + field_number(9, publication.time)
    )


def _info(info: ClientInfo) -> bytes:
    return (
        field_text(1, info.user)
        + field_text(2, info.client)
        + field_data(3, info.about_session)
        + field_data(4, info.about_subscription)
    )


def _subscribe_result(result: SubscribeResult) -> bytes:
    return (
        field_number(1, int(result.expires))
        + field_number(2, result.ttl)
        + field_number(3, int(result.recoverable))
        + field_text(6, result.position.epoch)
        + b"".join(field_message(7, _publication(each)) for each in result.publications)
        + field_number(8, int(result.recovered))
        + field_number(9, result.position.offset)
        + field_number(10, int(result.positioned))
        + field_data(11, result.data)
        + field_number(12, int(result.was_recovering))
        + field_number(13, int(result.delta))
    )


def _connect_result(result: ConnectResult) -> bytes:
    return (
        field_text(1, result.client)
        + field_text(2, result.version)
        + field_number(3, int(result.expires))
        + field_number(4, result.ttl)
        + field_data(5, result.data)
        + b"".join(_pair(6, name, _subscribe_result(each)) for name, each in result.subs.items())
        + field_number(7, result.ping)
        + field_number(8, int(result.pong))
        + field_text(9, result.session)
        + field_text(10, result.node)
        + field_number(11, result.time)
    )


def _history_result(result: HistoryResult) -> bytes:
    return (
        b"".join(field_message(1, _publication(each)) for each in result.publications)
        + field_text(2, result.top.epoch)
        + field_number(3, result.top.offset)
    )
