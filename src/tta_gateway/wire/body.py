"""Bodies: where one ends, by length, by chunks, or by the end of the connection.

Each reader takes the bytes that arrived and returns the body's part of them, whether the body is
over, and what is left for the next message.  llhttp stops at the head: it does not tell how long a
chunk's extensions are, nor where in the data a message ended, and both must be bounded exactly.
"""

import re
from typing import Final

from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.wire.field import TOKEN, VALUE, may_trail
from tta_gateway.wire.limits import Limits

# chunk-size [ chunk-ext ] (RFC 9112 7.1); bad white space around `;` and `=` is not accepted.
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_EXTENSION: Final = rb";" + TOKEN.pattern + rb"(?:=(?:" + TOKEN.pattern + rb"|" + _QUOTED + rb"))?"
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})((?:" + _EXTENSION + rb")*)")
_LARGEST: Final = 2**53
# So many size lines and chunks in one turn of the loop: half a millisecond, a millisecond
# interpreted.  A flood of one-byte chunks would else hold it for fifty (bench/turn.py).
_STEPS: Final = 1000


class FramingError(Exception):
    """The bytes do not frame a body; the connection cannot be read any further."""


class LengthReader:
    """A body of a stated length."""

    __slots__ = ("_left", "trailers")

    def __init__(self, length: int) -> None:
        """Expect `length` bytes."""
        self._left = length
        self.trailers: Fields = NO_FIELDS

    def read(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """Return the body's part of the data, whether that was its end, and the rest."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data, False, b""
        if left == 0:
            self._left = 0
            return data, True, b""
        cut = self._left
        self._left = 0
        return data[:cut], True, data[cut:]


class CloseReader:
    """A body that ends with the connection (answers only, RFC 9112 6.3 rule 8)."""

    __slots__ = ("trailers",)

    def __init__(self) -> None:
        """Expect anything."""
        self.trailers: Fields = NO_FIELDS

    def read(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """Return all of it."""
        return data, False, b""


class ChunkedReader:
    """A body in chunks, with bounded extensions and trailers (RFC 9112 7.1).

    `_left` is what remains of the chunk being read, with its CRLF; -1 while a size line is awaited,
    -2 in the trailer section.  An incomplete line waits in `_line`.
    """

    __slots__ = ("_extensions", "_left", "_limits", "_line", "_trailer_bytes", "trailers")

    def __init__(self, limits: Limits) -> None:
        """Expect a size line."""
        self._limits = limits
        self._left = -1
        self._line = b""
        self._extensions = 0
        self._trailer_bytes = 0
        self.trailers: Fields = []

    def read(self, data: bytes) -> tuple[bytes, bool, bytes]:
        """Return the body's part of the data, whether that was its end, and the rest.

        A rest of a body that is not over is for another turn: there are very many chunks.
        """
        if self._line:
            data, self._line = self._line + data, b""
        parts: list[bytes] = []
        at, size = 0, len(data)
        for _ in range(_STEPS):
            if at >= size:
                break
            if self._left >= 0:
                at = self._chunk(data, at, parts)
                continue
            end = data.find(b"\r\n", at, at + self._longest_line())
            if end < 0:
                self._wait(data[at:])
                return b"".join(parts), False, b""
            line = data[at:end]
            at = end + 2
            if self._left == -1:
                self._size(line)
            elif self._trailer(line):
                return b"".join(parts), True, data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts), False, data[at:]

    def _chunk(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Take what there is of the chunk and of the CRLF behind it; return where it stops."""
        body_left = self._left - 2
        end = at + body_left
        if body_left > 0 and data[end : end + 2] == b"\r\n":
            parts.append(data[at:end])  # all of it is here, as mostly
            self._left = -1
            return end + 2
        if body_left > 0:
            part = data[at : at + body_left]
            parts.append(part)
            self._left -= len(part)
            return at + len(part)
        if data[at] != (13 if self._left == 2 else 10):
            raise FramingError("no CRLF behind a chunk")
        self._left -= 1
        if self._left == 0:
            self._left = -1
        return at + 1

    def _size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise FramingError("a chunk's size line is malformed")
        size = int(match[1], 16)
        extension = len(match[2])
        self._extensions += extension
        if extension > self._limits.chunk_extension or size > _LARGEST:
            raise FramingError("a chunk's extensions are too long, or its size too large")
        if self._extensions > self._limits.chunk_extensions:
            raise FramingError("the extensions of all chunks are too long")
        self._left = size + 2 if size else -2

    def _trailer(self, line: bytes) -> bool:
        """Take one line of the trailer section; an empty one ends the body."""
        if not line:
            return True
        self._trailer_bytes += len(line) + 2
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise FramingError("a trailer is malformed")
        if self._trailer_bytes > self._limits.trailers:
            raise FramingError("the trailers are too long")
        if may_trail(name):
            self.trailers.append((name.lower(), value))
        return False

    def _longest_line(self) -> int:
        if self._left == -2:
            return self._limits.trailers + 2
        return self._limits.chunk_extension + 18

    def _wait(self, line: bytes) -> None:
        """Keep the beginning of a line; refuse one that can no longer become a good one."""
        if len(line) >= self._longest_line():
            raise FramingError("a line of the chunked framing is too long")
        if self._left == -1 and not _BEGINNING.fullmatch(line):
            raise FramingError("a chunk's size line is malformed")
        self._line = line


_BEGINNING: Final = re.compile(rb"[0-9A-Fa-f]{1,16}(?:;[\t\x20-\x7e\x80-\xff]*)?\r?")
Reader = LengthReader | ChunkedReader | CloseReader
