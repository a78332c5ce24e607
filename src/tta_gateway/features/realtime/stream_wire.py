"""What goes over HTTP where there is no WebSocket: frames in an answer, commands sent beside it.

An answer has a message a line, or an event each (the HTML standard, server-sent events), or one
behind the other in Protocol Buffers, where each says how long it is.  Commands name the session
whose they are, and the worker that has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import parse_qs

import msgspec

from tta_gateway.features.realtime.codec import Malformed
from tta_gateway.features.realtime.protobuf_wire import Fields

PARAMETER: Final = "cf_connect"
"""of a query: the commands that begin a session"""
_LONGEST: Final = 64  # characters of a worker's name, or of a session's secret
Framing: TypeAlias = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Sent:
    """Commands of a session, and the worker that has it."""

    session: str
    node: str
    data: bytes


class _Wire(msgspec.Struct):
    session: str = ""
    node: str = ""
    data: str = ""


_DECODER: Final = msgspec.json.Decoder(_Wire)


def lines(frame: bytes) -> bytes:
    """Return a frame of JSON as lines."""
    return frame + b"\n"


def events(frame: bytes) -> bytes:
    """Return a frame of JSON as events, of which each has one message."""
    return b"data: " + frame.replace(b"\n", b"\n\ndata: ") + b"\n\n"


def as_it_is(frame: bytes) -> bytes:
    """Return a frame of Protocol Buffers."""
    return frame


def commands_in(query: bytes | None) -> bytes:
    """Return the commands that stand in a query; nothing, if there are none."""
    found = parse_qs((query or b"").decode("latin-1"), max_num_fields=None).get(PARAMETER)
    return found[-1].encode() if found else b""


def sent(body: bytes, *, is_binary: bool) -> Sent:
    """Read what is sent beside an answer, or raise Malformed."""
    found = _in_protobuf(body) if is_binary else _in_json(body)
    if not found.session or max(len(found.session), len(found.node)) > _LONGEST:
        raise Malformed("names no session")
    return found


def _in_json(body: bytes) -> Sent:
    try:
        body.decode()  # what is read over is not looked at by msgspec
        wire = _DECODER.decode(body)
        return Sent(wire.session, wire.node, wire.data.encode())
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Malformed(f"not of the form: {type(error).__name__}") from error


def _in_protobuf(body: bytes) -> Sent:
    fields = Fields(body)
    return Sent(fields.text(2), fields.text(1), fields.data(3))
