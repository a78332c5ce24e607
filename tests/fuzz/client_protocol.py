"""The client protocol: whatever a frame holds, both codecs read it or call it malformed.

The first byte of the input says which codec reads the rest (`b`: Protocol Buffers).
"""

import json
from collections.abc import Hashable
from typing import Final

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tta_gateway.features.realtime.codec import LARGEST_FRAME, MOST_COMMANDS, Malformed
from tta_gateway.features.realtime.command import Command, PublishRequest, RpcRequest, SendRequest
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.publication import Publication

_JSON: Final = JsonCodec()
_PROTOBUF: Final = ProtobufCodec()


def check(pieces: Pieces) -> Hashable:
    """Read one frame, and look at all that it says."""
    data = b"".join(pieces)
    commands = _read(data)
    if commands is None:
        return None
    demand(0 < len(commands) <= MOST_COMMANDS, "a frame has commands, and not too many", data)
    demand(len(data) <= LARGEST_FRAME + 1, "a frame is not larger than it may be", len(data))
    for command in commands:
        demand(0 <= command.id < 2**32, "an id has 32 bits", command)
        _look_at(command)
    return tuple(sorted({type(each.request).__name__ for each in commands})), len(commands) > 1


def _look_at(command: Command) -> None:
    """What is published goes to others: it must be JSON of one line, whoever wrote it."""
    request = command.request
    if not isinstance(request, PublishRequest | RpcRequest | SendRequest) or not request.data:
        return
    demand(not {10, 13} & set(request.data), "data is one line", request.data)
    try:
        json.loads(request.data)
    except ValueError as error:
        # Its numbers may have more digits than Python reads.
        demand("integer string conversion" in str(error), "data is JSON", request.data)
    line = _JSON.publication("a", Publication(request.data, 1))
    demand(line.count(b"\n") == 0, "what is pushed is one line", line)


def _read(data: bytes) -> list[Command] | None:
    codec = _PROTOBUF if data[:1] == b"b" else _JSON
    try:
        return codec.decode(data[1:])
    except Malformed:
        return None


def alone(pieces: Pieces) -> None:
    """Only read."""
    _read(b"".join(pieces))


def _seeds() -> list[bytes]:
    return own("client_protocol")


TARGET: Final = Target(
    name="client_protocol",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=1,
    tokens=(
        b"j", b"b", b"{}", b"\n", b"\r", b"null", b"true", b'"id":1', b'"id":4294967296', b'"',
        b'"channel":"a"', b'"data":', b'"\\ud800"', b'"\\u0000"', b"\\", b"[[[[[[[[", b"]]]]]]]]",
        b"1e999", b"-0", b'"offset":9223372036854775808', b'"publish":{', b'"connect":{"subs":{',
        b"\x00", b"\x08\x01", b"\x3a\x04", b"\x12\x02", b"\x2a\x00", b"\xff", b"\x80\x80\x80",
        b"\x0b", b"\x0c", b"\xc3\xa9", b"\xed\xa0\x80",
    ),
)  # fmt: skip
