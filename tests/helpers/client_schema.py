"""The published messages of the client protocol, for the library of Protocol Buffers itself.

What a test compares with must not share code with what it tests: here are only names and numbers.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_MESSAGES: Final = """
Error: uint32 code=1, string message=2, bool temporary=3
Command: uint32 id=1, ConnectRequest connect=4, SubscribeRequest subscribe=5,
 Channel unsubscribe=6, PublishRequest publish=7, Channel presence=8, Channel presence_stats=9,
 HistoryRequest history=10, Nothing ping=11, Data send=12, RpcRequest rpc=13, Token refresh=14,
 SubRefreshRequest sub_refresh=15
Reply: uint32 id=1, Error error=2, Push push=4, ConnectResult connect=5,
 SubscribeResult subscribe=6, Nothing unsubscribe=7, PublishResult publish=8,
 PresenceResult presence=9, PresenceStatsResult presence_stats=10,
 HistoryResult history=11, Nothing ping=12, Data rpc=13,
 RefreshResult refresh=14, SubRefreshResult sub_refresh=15
Push: int64 id=1, string channel=2, Publication pub=4, Info join=5, Info leave=6,
 Ended unsubscribe=7, Data message=8, Subscribe subscribe=9, Disconnect disconnect=11
ClientInfo: string user=1, string client=2, bytes conn_info=3, bytes chan_info=4
Publication: bytes data=4, ClientInfo info=5, uint64 offset=6, map:string tags=7, bool delta=8,
 int64 time=9, string channel=10
Info: ClientInfo info=1
Ended: uint32 code=2, string reason=3
Subscribe: bool recoverable=1, string epoch=4, uint64 offset=5, bool positioned=6, bytes data=7
Data: bytes data=1
Disconnect: uint32 code=1, string reason=2, bool reconnect=3
ConnectRequest: string token=1, bytes data=2, map:SubscribeRequest subs=3, string name=4,
 string version=5, map:string headers=6, int64 flag=7
ConnectResult: string client=1, string version=2, bool expires=3, uint32 ttl=4, bytes data=5,
 map:SubscribeResult subs=6, uint32 ping=7, bool pong=8, string session=9, string node=10,
 int64 time=11
Token: string token=1
RefreshResult: string client=1, string version=2, bool expires=3, uint32 ttl=4
SubscribeRequest: string channel=1, string token=2, bool recover=3, string epoch=6, uint64 offset=7,
 bytes data=8, bool positioned=9, bool recoverable=10, bool join_leave=11, string delta=12,
 FilterNode tf=13, int64 flag=14, int32 type=15
FilterNode: string op=1, string key=2
SubscribeResult: bool expires=1, uint32 ttl=2, bool recoverable=3, string epoch=6,
 each:Publication publications=7, bool recovered=8, uint64 offset=9, bool positioned=10,
 bytes data=11, bool was_recovering=12, bool delta=13
SubRefreshRequest: string channel=1, string token=2, int32 type=5
SubRefreshResult: bool expires=1, uint32 ttl=2
Channel: string channel=1
PublishRequest: string channel=1, bytes data=2, int32 type=3
PublishResult: int32 debounce=1
PresenceResult: map:ClientInfo presence=1
PresenceStatsResult: uint32 num_clients=1, uint32 num_users=2
StreamPosition: uint64 offset=1, string epoch=2
HistoryRequest: string channel=1, int32 limit=7, StreamPosition since=8, bool reverse=9
HistoryResult: each:Publication publications=1, string epoch=2, uint64 offset=3
RpcRequest: bytes data=1, string method=2
Nothing:
"""
_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_SIMPLE: Final = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "bool": _FIELD.TYPE_BOOL,
    "uint32": _FIELD.TYPE_UINT32,
    "uint64": _FIELD.TYPE_UINT64,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
}


def command(**members: Json) -> Message:
    """Return a command as a client would make it: what is bytes there is given as JSON."""
    made = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("Command"))()
    _fill(made, members)
    return made


def written(*commands: Message) -> bytes:
    """Return the frame that a client would send."""
    return b"".join(_delimited(each.SerializeToString()) for each in commands)


def replies(frame: bytes) -> list[dict[str, Json]]:
    """Return what a client would read in a frame, in the words of JSON."""
    kind = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("Reply"))
    return [_told(kind.FromString(each)) for each in _split(frame)]


def commands(frame: bytes) -> list[dict[str, Json]]:
    """Return the commands that the library reads in a frame."""
    kind = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("Command"))
    return [_told(kind.FromString(each)) for each in _split(frame)]


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="client.proto", syntax="proto3")
    for line in _MESSAGES.replace("\n ", " ").strip().splitlines():
        name, _, fields = line.partition(":")
        made = file.message_type.add(name=name)
        for each in fields.split(","):
            if each.strip():
                _declare(made, *each.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _declare(made: descriptor_pb2.DescriptorProto, kind: str, name: str) -> None:
    name, _, number = name.partition("=")
    form, _, of = kind.rpartition(":")
    label = _FIELD.LABEL_REPEATED if form else _FIELD.LABEL_OPTIONAL
    field = made.field.add(name=name, number=int(number), label=label)
    if form == "map":
        entry = "".join(part.capitalize() for part in name.split("_")) + "Entry"
        nested = made.nested_type.add(name=entry)
        nested.options.map_entry = True
        _declare(nested, "string", "key=1")
        _declare(nested, of, "value=2")
        of = f"{made.name}.{entry}"
    if of in _SIMPLE:
        field.type = _SIMPLE[of]
    else:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{of}"


def _fill(made: Message, members: dict[str, Json]) -> None:
    for name, value in members.items():
        field = made.DESCRIPTOR.fields_by_name[name]
        if isinstance(value, dict) and field.is_repeated:
            for key, each in value.items():
                if isinstance(each, dict):
                    getattr(made, name)[key].SetInParent()
                    _fill(getattr(made, name)[key], each)
                else:
                    getattr(made, name)[key] = each
        elif field.message_type is not None and isinstance(value, dict):
            getattr(made, name).SetInParent()
            _fill(getattr(made, name), value)
        elif field.type == _FIELD.TYPE_BYTES:
            text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            setattr(made, name, text.encode())
        else:
            setattr(made, name, value)


def _told(message: Message) -> dict[str, Json]:
    return {field.name: _value(value) for field, value in message.ListFields()}


def _value(value: object) -> Json:
    if isinstance(value, Message):
        return _told(value)
    if isinstance(value, bytes):
        told: Json = json.loads(value)
        return told
    if isinstance(value, str | int | bool):
        return value
    if isinstance(value, Mapping):
        return {key: _value(each) for key, each in value.items()}
    assert isinstance(value, Iterable)
    return [_value(each) for each in value]


def _split(frame: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(frame):
        size = shift = 0
        while True:
            byte = frame[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        yield frame[at : at + size]
        at += size


def _delimited(data: bytes) -> bytes:
    size, digits = len(data), bytearray()
    while size >= 0x80:
        digits.append(size % 0x80 + 0x80)
        size //= 0x80
    return bytes([*digits, size]) + data


_POOL: Final = _pool()
