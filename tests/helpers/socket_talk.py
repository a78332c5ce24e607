"""Frames of WebSockets: made for tests, and read in a naive way, all at once, to compare with."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tta_gateway.wire.socket_codec import (
    CLOSE,
    Close,
    Fragment,
    Message,
    Ping,
    Pong,
    SocketEvent,
    SocketLimits,
    SocketReader,
    framed,
    is_sayable,
)
from tta_gateway.wire.socket_endpoint import SocketEndpoint

Heard: TypeAlias = tuple[object, ...]
MASK: Final = b"\x11\x80\xff\x44"
ROWS: Final = Path(__file__).resolve().parents[1] / "conformance" / "data"
_OPCODES: Final = (0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 8, 9, 10, 9, 10, 3, 11, 0x10, 0x21, 0x41)
_PAYLOADS: Final = st.one_of(
    st.text(max_size=9).map(str.encode),
    st.binary(max_size=9),
    st.sampled_from((125, 126, 127, 65535, 65536)).map(bytes),
    st.integers(990, 5010).map(lambda code: code.to_bytes(2, "big")),
    st.sampled_from((b"\xce", b"\xba", b"\xf4\x90", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80")),
)


class OnPaper:
    """Something that reads, turn by turn, and heeds what it reads."""

    def __init__(self, reader: SocketReader | SocketEndpoint) -> None:
        """Read by this."""
        self.reader = reader

    def hear(self, pieces: Iterable[bytes]) -> list[Heard]:
        """Let the pieces arrive; return what they say, in short."""
        return in_short(self._events(pieces))

    def _events(self, pieces: Iterable[bytes]) -> Iterator[SocketEvent]:
        reader = self.reader
        for piece in pieces:
            yield from self._heeded(reader.receive(piece))
            while reader.waiting if isinstance(reader, SocketReader) else reader.is_behind:
                yield from self._heeded(reader.go_on())

    def _heeded(self, events: list[SocketEvent]) -> list[SocketEvent]:
        reader = self.reader
        if isinstance(reader, SocketReader):
            return events
        return [event for event in events if reader.heed(event)]


def in_short(events: Iterable[SocketEvent]) -> list[Heard]:
    """Return what the events say."""
    return [_short(event) for event in events]


def _short(event: SocketEvent) -> Heard:
    if isinstance(event, Message):
        return ("text" if event.is_text else "binary", event.data)
    if isinstance(event, Fragment):
        kind = "text" if event.is_text else "binary"
        return ("part", kind, event.data, event.begins, event.final)
    if isinstance(event, (Ping, Pong)):
        return ("ping" if isinstance(event, Ping) else "pong", event.data)
    if isinstance(event, Close):
        return ("close", event.code, event.reason)
    return ("broken", event.code)


def joined(heard: Iterable[Heard]) -> list[Heard]:
    """Return what is heard with the parts of each message together, where it is whole."""
    told: list[Heard] = []
    text: bytes | None = None
    for one in heard:
        if one[0] != "part":
            told.append(one)
            continue
        _, kind, data, begins, final = one
        assert isinstance(data, bytes)
        assert begins == (text is None)
        text = (text or b"") + data
        if final:
            told.append((kind, text))
            text = None
    return told


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of the hostile corpus."""
    return [json.loads(line) for line in (ROWS / f"{name}.jsonl").read_text().splitlines()]


@st.composite
def streams(draw: st.DrawFn, *, is_masked: bool, whole: bool = False) -> bytes:
    """Frames, mostly well-formed and in order; where not `whole`, cut off, or not frames at all."""
    frames = st.builds(
        lambda opcode, data, final, masked: framed(
            opcode,
            data[:125] if opcode >= CLOSE else data,
            mask=MASK if masked else b"",
            final=final or opcode >= CLOSE,
        ),
        st.sampled_from(_OPCODES),
        _PAYLOADS,
        st.booleans(),
        st.sampled_from((is_masked,) * 29 + (not is_masked,)),
    )
    if whole:
        return b"".join(draw(st.lists(frames, max_size=8)))
    odd = st.binary(min_size=1, max_size=4)
    made = draw(st.lists(st.one_of(frames, frames, frames, frames, odd), max_size=8))
    stream = b"".join(made)
    return stream[: draw(st.integers(0, len(stream)))] if draw(st.booleans()) else stream


# The naive way


class _Wrong(Exception):
    """A rule is broken."""


def naive(data: bytes, *, is_server: bool, limits: SocketLimits) -> list[Heard]:
    """Return what frames without any extension say, read as RFC 6455 5 has it."""
    heard: list[Heard] = []
    try:
        _read(data, is_server, limits, heard)
    except _Wrong as wrong:
        heard.append(("broken", wrong.args[0]))
    return heard


def _read(data: bytes, is_server: bool, limits: SocketLimits, heard: list[Heard]) -> None:
    kind, text = 0, b""
    while data:
        first, opcode = data[0], data[0] & 15
        _check_start(data, is_server, kind)
        begin, length = _measure(data, is_server)
        if begin > len(data):
            return
        _check_length(opcode, length, len(text), limits)
        mask = data[begin - 4 : begin] if is_server else bytes(4)
        body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data[begin : begin + length]))
        whole = len(data) >= begin + length
        data = data[begin + length :]
        if opcode >= CLOSE:
            heard += [_control(opcode, body)] if whole else []
            if opcode == CLOSE:
                return
            continue
        kind, text = kind or opcode, text + body
        final = whole and first & 128 != 0
        if kind == 1:
            _prefix_of_utf_8(text, final)
        if final:
            heard.append(("text" if kind == 1 else "binary", text))
            kind, text = 0, b""


def _check_start(data: bytes, is_server: bool, kind: int) -> None:
    first, opcode = data[0], data[0] & 15
    if first & 0x70 or 3 <= opcode <= 7 or opcode > 10:
        raise _Wrong(1002)
    if not first & 128 if opcode >= CLOSE else (opcode == 0) != (kind != 0):
        raise _Wrong(1002)
    if len(data) > 1 and bool(data[1] & 128) != is_server:
        raise _Wrong(1002)


def _check_length(opcode: int, length: int, before: int, limits: SocketLimits) -> None:
    if length < 0 or (opcode >= CLOSE and length > 125):
        raise _Wrong(1002)
    if opcode < CLOSE and (length > limits.frame or before + length > limits.message):
        raise _Wrong(1009)


def _measure(data: bytes, is_server: bool) -> tuple[int, int]:
    """Return where the payload begins, and its length; below 0 where it could be said shorter."""
    length, begin = data[1] & 127 if len(data) > 1 else 0, 2
    if length == 126:
        length, begin = int.from_bytes(data[2:4], "big"), 4
        length = length if length > 125 else -1
    elif length == 127:
        length, begin = int.from_bytes(data[2:10], "big"), 10
        length = length if 65535 < length < 2**63 else -1
    return begin + (4 if is_server else 0), length


def _prefix_of_utf_8(text: bytes, final: bool) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        if not final and error.start == len(text) - 2 and text[-2] == 0xED:
            return  # half a surrogate: Python waits for its third byte
        if final or error.end != len(text) or error.reason != "unexpected end of data":
            raise _Wrong(1007) from None


def _control(opcode: int, body: bytes) -> Heard:
    if opcode != CLOSE:
        return ("ping" if opcode == 9 else "pong", body)
    if not body:
        return ("close", 1005, b"")
    code = int.from_bytes(body[:2], "big")
    if len(body) == 1 or not is_sayable(code):
        raise _Wrong(1002)
    _prefix_of_utf_8(body[2:], True)
    return ("close", code, body[2:])
