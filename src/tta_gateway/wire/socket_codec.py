"""WebSocket messages (RFC 6455): bytes to events and back, for either side, by the letter.

A reader takes what has come and says what it means.  What breaks a rule is an event too, with the
code that the Close must have; nothing is read behind it, or behind a Close.  Text is checked as it
comes, so that what cannot become UTF-8 is refused at once, and what is inflated is bounded before
it is there.  Between messages a reader keeps nothing but a few numbers.
"""

import codecs
from typing import Final, TypeAlias

from tta_gateway.wire.socket_deflate import Inflater, SocketFault

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

PROTOCOL_ERROR: Final = 1002  # RFC 6455 7.4.1
NO_CODE: Final = 1005  # never on the wire: the Close has none
NOT_UTF_8: Final = 1007
TOO_BIG: Final = 1009

_FIN: Final = 0x80
_RSV1: Final = 0x40
_RESERVED: Final = 0x30
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_OPCODE: Final = 0x0F
_LONG, _LONGER = 126, 127  # lengths that stand for two and eight more bytes
_MOST_CONTROL: Final = 125
_LONG_TOP: Final = 0xFFFF
_HEAD: Final = 14  # bytes, at most
# What is read before others have their turn: frames, and bytes that they are inflated to.
_TURN: Final = 64
_INFLATED: Final = 128 * 1024
_WHOLE: Final = (_FIN | TEXT, _FIN | BINARY)


class SocketLimits:
    """How large a frame and a message may be, in bytes; a message as it is behind inflation."""

    __slots__ = ("frame", "message")

    def __init__(self, *, frame: int = 65536, message: int = 65536) -> None:
        """Allow this much."""
        self.frame = frame
        self.message = message


class Message:
    """A message, whole; text is UTF-8 that has been checked."""

    __slots__ = ("data", "is_text")

    def __init__(self, data: bytes, *, is_text: bool) -> None:
        """Keep what was said."""
        self.data = data
        self.is_text = is_text

    def __repr__(self) -> str:
        """Say how long it is: what is in it is somebody's."""
        return f"<{'text' if self.is_text else 'binary'} of {len(self.data)} bytes>"


class Fragment:
    """A part of a message that is told as it comes; `begins` and `final` say which."""

    __slots__ = ("begins", "data", "final", "is_text")

    def __init__(self, data: bytes, *, is_text: bool, begins: bool, final: bool) -> None:
        """Keep what was said."""
        self.data = data
        self.is_text = is_text
        self.begins = begins
        self.final = final


class Ping:
    """A Ping, which wants a Pong with the same data."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        """Keep the data."""
        self.data = data


class Pong:
    """A Pong, asked for or not."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        """Keep the data."""
        self.data = data


class Close:
    """The peer's Close; NO_CODE where it names none.  Nothing follows it."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: bytes) -> None:
        """Keep what it says."""
        self.code = code
        self.reason = reason


class Broken:
    """The peer broke a rule: the Close that says so has this code.  Nothing follows it."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        """Keep what is wrong."""
        self.code = code
        self.reason = reason


SocketEvent: TypeAlias = Message | Fragment | Ping | Pong | Close | Broken


class SocketReader:
    """Reads one direction.  `waiting` has come but is not read yet: `go_on` is next.

    `over` tells that nothing is read any more.  With `streams`, a message that comes in several
    frames is told frame by frame, to be passed on; else it is told when it is whole.
    """

    __slots__ = (
        "_compressed",
        "_control",
        "_decoder",
        "_final",
        "_frame",
        "_gathered",
        "_head",
        "_inflated",
        "_inflater",
        "_left",
        "_limits",
        "_mask",
        "_masked",
        "_message",
        "_most",
        "_passed",
        "_streams",
        "over",
        "waiting",
    )

    def __init__(
        self,
        *,
        is_server: bool,
        limits: SocketLimits,
        inflater: Inflater | None = None,
        streams: bool = False,
    ) -> None:
        """Stand at the beginning; a server's peer masks its frames, a client's does not."""
        self._masked = _MASKED if is_server else 0
        self._limits = limits
        self._most = min(limits.frame, limits.message)
        self._inflater = inflater
        self._streams = streams
        self.waiting = b""
        self.over = False
        # Of the frame under way
        self._head = b""  # where it has come in part
        self._frame = 0
        self._final = False
        self._left = 0
        self._mask = b""
        self._control = b""
        # Of the message under way
        self._message = 0  # its opcode; 0: there is none
        self._compressed = False
        self._inflated = 0
        self._gathered: bytearray | None = None
        self._passed = -1  # bytes of it that have been told; -1: it has not begun to be
        self._decoder: codecs.IncrementalDecoder | None = None

    def receive(self, data: bytes) -> list[SocketEvent]:
        """Take bytes; return what they say."""
        events: list[SocketEvent] = []
        if self.over:
            return events
        if self.waiting:
            data, self.waiting = self.waiting + data, b""
        if self._head:
            data, self._head = self._head + data, b""
        try:
            self._read(data, events)
        except SocketFault as fault:
            self.stop()
            events.append(Broken(fault.code, fault.reason))
        return events

    def go_on(self) -> list[SocketEvent]:
        """Read on in what has come already, in a turn of its own."""
        return self.receive(b"")

    def stop(self) -> None:
        """Read nothing any more."""
        self.over = True
        self.waiting = self._head = self._control = b""
        self._gathered = self._decoder = self._inflater = None

    def _read(self, data: bytes, events: list[SocketEvent]) -> None:
        at, size, turn = 0, len(data), _TURN
        self._inflated = 0
        while at < size and not self.over:
            if not turn or self._inflated > _INFLATED:
                self.waiting = data[at:]
                return
            turn -= 1
            if self._left:
                at = self._take_payload(data, at, events)
                continue
            behind = 0 if self._message else self._take_whole(data, at, events)
            if not behind:
                behind = self._begin_frame(data, at, events)
                if not behind:
                    return
            at = behind

    def _take_whole(self, data: bytes, at: int, events: list[SocketEvent]) -> int:
        """Take a message in one frame that is here whole; return where it ends, or 0 if it is not.

        Nearly all messages are like that: bench/web_socket.py.
        """
        first, size = data[at], len(data)
        begin = _payload_at(data, at, self._masked) if first in _WHOLE and at + 1 < size else 0
        if not begin:
            return 0
        length = data[at + 1] & _LENGTH
        if length == _LONG:
            length = (data[at + 2] << 8) | data[at + 3]
        end = begin + length
        if end > size or length > self._most:
            return 0
        payload = data[begin:end]
        if self._masked:
            payload = masked(payload, data[begin - 4 : begin])
        is_text = first == _FIN | TEXT
        if is_text and not payload.isascii():
            _check_utf_8(payload)
        events.append(Message(payload, is_text=is_text))
        return end

    def _begin_frame(self, data: bytes, at: int, events: list[SocketEvent]) -> int:
        """Take a frame's head; return where it ends, or 0 if it has come in part."""
        head = data[at : min(at + _HEAD, len(data))]
        size = _head_size(head, self._masked)
        self._refuse_early(head)
        if len(head) < size:
            self._head = head
            return 0
        first, length = head[0], _length_of(head)
        opcode = first & _OPCODE
        self._check_length(opcode, length)
        self._frame, self._final, self._left = opcode, first & _FIN != 0, length
        self._mask = head[size - 4 : size] if self._masked else b""
        if opcode in (TEXT, BINARY):
            self._message = opcode
            self._compressed = first & _RSV1 != 0
            self._gathered, self._passed = bytearray(), -1
        if not length:
            self._end_frame(events)
        return at + size

    def _refuse_early(self, head: bytes) -> None:
        """Refuse a frame by its first bytes, also where the others have not come yet."""
        first = head[0]
        opcode = first & _OPCODE
        if first & _RESERVED:
            raise SocketFault(PROTOCOL_ERROR, "a reserved bit is set")
        if opcode >= CLOSE:
            self._refuse_control(first, opcode)
        elif opcode > BINARY:
            raise SocketFault(PROTOCOL_ERROR, "a reserved opcode")
        elif (opcode == CONTINUATION) == (self._message == 0):
            raise SocketFault(PROTOCOL_ERROR, "a fragment out of order")
        elif first & _RSV1 and (opcode == CONTINUATION or self._inflater is None):
            raise SocketFault(PROTOCOL_ERROR, "a reserved bit is set")
        if len(head) > 1 and head[1] & _MASKED != self._masked:
            what = "a frame is not masked" if self._masked else "a frame is masked"
            raise SocketFault(PROTOCOL_ERROR, what)

    def _refuse_control(self, first: int, opcode: int) -> None:
        if opcode > PONG:
            raise SocketFault(PROTOCOL_ERROR, "a reserved opcode")
        if first & _RSV1:
            raise SocketFault(PROTOCOL_ERROR, "a reserved bit is set")
        if not first & _FIN:
            raise SocketFault(PROTOCOL_ERROR, "a control frame in fragments")

    def _check_length(self, opcode: int, length: int) -> None:
        if length < 0:
            raise SocketFault(PROTOCOL_ERROR, "a length that is not as short as it can be")
        if opcode >= CLOSE:
            if length > _MOST_CONTROL:
                raise SocketFault(PROTOCOL_ERROR, "a control frame that is too long")
            return
        limits = self._limits
        before = 0 if self._gathered is None else limits.message - self._room()
        if length > limits.frame or before + length > limits.message:
            raise SocketFault(TOO_BIG, "a message that is too big")

    def _take_payload(self, data: bytes, at: int, events: list[SocketEvent]) -> int:
        """Take what has come of a frame's payload; return where it ends."""
        end = min(at + self._left, len(data))
        piece = data[at:end]
        if self._masked:
            mask, turned = self._mask, len(piece) & 3
            piece = masked(piece, mask)
            if turned:
                self._mask = mask[turned:] + mask[:turned]
        self._left -= end - at
        if self._frame >= CLOSE:
            self._control += piece
        else:
            self._gather(piece)
        if not self._left:
            self._end_frame(events)
        return end

    def _gather(self, piece: bytes) -> None:
        """Take a part of the message under way."""
        gathered = self._gathered
        assert gathered is not None  # a message is under way
        if self._compressed:
            inflater = self._inflater
            assert inflater is not None  # _refuse_early has looked
            piece = inflater.inflate(piece, self._room())
            self._inflated += len(piece)
        if self._message == TEXT:
            self._check(piece)
        gathered += piece

    def _check(self, piece: bytes, *, final: bool = False) -> None:
        """Refuse text that cannot become UTF-8 any more, wherever it is cut."""
        decoder = self._decoder
        if decoder is None:
            if piece.isascii():
                return
            decoder = self._decoder = _UTF_8()
        try:
            decoder.decode(piece, final)
        except UnicodeDecodeError:
            raise SocketFault(NOT_UTF_8, "text that is not UTF-8") from None

    def _end_frame(self, events: list[SocketEvent]) -> None:
        if self._frame >= CLOSE:
            data, self._control = self._control, b""
            self._end_control(self._frame, data, events)
        elif self._final:
            self._end_message(events)
        elif self._streams:
            self._pass_on(events, final=False)

    def _room(self) -> int:
        """Return how many more bytes the message under way may have."""
        gathered = self._gathered
        assert gathered is not None  # a message is under way
        return self._limits.message - len(gathered) - max(self._passed, 0)

    def _pass_on(self, events: list[SocketEvent], *, final: bool) -> None:
        """Tell what has come of the message under way."""
        gathered, passed = self._gathered, self._passed
        assert gathered is not None  # a message is under way
        is_text = self._message == TEXT
        begins = passed < 0
        events.append(Fragment(bytes(gathered), is_text=is_text, begins=begins, final=final))
        self._passed = max(passed, 0) + len(gathered)
        gathered.clear()

    def _end_message(self, events: list[SocketEvent]) -> None:
        gathered = self._gathered
        assert gathered is not None  # a message is under way
        if self._compressed:
            inflater = self._inflater
            assert inflater is not None  # _refuse_early has looked
            rest = inflater.end(self._room())
            if self._message == TEXT:
                self._check(rest)
            gathered += rest
        if self._decoder is not None:
            self._check(b"", final=True)
        if self._passed >= 0:
            self._pass_on(events, final=True)
        else:
            events.append(Message(bytes(gathered), is_text=self._message == TEXT))
        self._message, self._gathered, self._decoder = 0, None, None

    def _end_control(self, opcode: int, data: bytes, events: list[SocketEvent]) -> None:
        if opcode == PING:
            events.append(Ping(data))
        elif opcode == PONG:
            events.append(Pong(data))
        else:
            events.append(_close_of(data))
            self.stop()


_UTF_8: Final = codecs.getincrementaldecoder("utf-8")


def _check_utf_8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        raise SocketFault(NOT_UTF_8, "text that is not UTF-8") from None


def _payload_at(data: bytes, at: int, mask: int) -> int:
    """Return where the payload of a frame under 64 KiB begins; 0 if it is none, or not here."""
    length = data[at + 1] ^ mask
    begin = at + 6 if mask else at + 2
    if length < _LONG:
        return begin
    if length > _LONG or at + 4 > len(data) or (data[at + 2] << 8) | data[at + 3] < _LONG:
        return 0
    return begin + 2


def _head_size(head: bytes, mask: int) -> int:
    """Return how long a frame's head is, of which at least a byte has come."""
    size = 6 if mask else 2
    if len(head) == 1:
        return size
    length = head[1] & _LENGTH
    if length == _LONG:
        return size + 2
    return size + 8 if length == _LONGER else size


def _length_of(head: bytes) -> int:
    """Return the length of a frame's payload; below 0 if it is not as short as it can be."""
    length = head[1] & _LENGTH
    if length == _LONG:
        length = int.from_bytes(head[2:4], "big")
        return length if length >= _LONG else -1
    if length == _LONGER:
        length = int.from_bytes(head[2:10], "big")
        return length if _LONG_TOP < length < 1 << 63 else -1
    return length


def _close_of(data: bytes) -> Close:
    """Return what a Close says; SocketFault where it may not say so (RFC 6455 5.5.1, 7.4)."""
    if not data:
        return Close(NO_CODE, b"")
    code = int.from_bytes(data[:2], "big")
    if len(data) == 1 or not is_sayable(code):
        raise SocketFault(PROTOCOL_ERROR, "a Close with a code that is none")
    reason = data[2:]
    _check_utf_8(reason)
    return Close(code, reason)


def is_sayable(code: int) -> bool:
    """Tell whether a Close may have this code on the wire (RFC 6455 7.4, IANA's registry)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


# What leaves


def masked(data: bytes, mask: bytes) -> bytes:
    """Return data as it is under a mask; twice, it is as it was (RFC 6455 5.3)."""
    # As one large number: no loop over bytes is as quick, short of C: bench/web_socket.py.
    size = len(data)
    key = (mask * ((size + 3) >> 2))[:size]
    hidden = int.from_bytes(data, "little") ^ int.from_bytes(key, "little")
    return hidden.to_bytes(size, "little")


def framed(
    opcode: int,
    data: bytes,
    *,
    mask: bytes = b"",
    final: bool = True,
    compressed: bool = False,
) -> bytes:
    """Return a frame; a client's has a mask, of four bytes that nobody can foretell."""
    first = opcode | (_FIN if final else 0) | (_RSV1 if compressed else 0)
    bit, size = _MASKED if mask else 0, len(data)
    if size < _LONG:
        head = bytes((first, bit | size))
    elif size <= _LONG_TOP:
        head = bytes((first, bit | _LONG, size >> 8, size & 0xFF))
    else:
        head = bytes((first, bit | _LONGER)) + size.to_bytes(8, "big")
    return head + mask + masked(data, mask) if mask else head + data


def close_data(code: int, reason: bytes) -> bytes:
    """Return what a Close with this code carries; the reason is cut where there is no room."""
    if code == NO_CODE:
        return b""
    kept = reason[: _MOST_CONTROL - 2].decode(errors="ignore").encode()
    return code.to_bytes(2, "big") + kept
