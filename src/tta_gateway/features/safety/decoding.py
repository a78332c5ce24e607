"""Content codings (RFC 9110 8.4.1) undone as a body comes, within limits.

They are gzip, deflate, br and zstd.  However little decodes to however much, no more is made at a
time than a piece, and what grows beyond all measure is given up.  A body coded twice is decoded
twice, not more often.  Pure.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli

PIECE: Final = 16 * 1024
"""Bytes that are decoded at a time, about."""
RATIO: Final = 200
"""How many times its size a body may decode to, beyond its first kilobytes."""
MEMBERS: Final = 16
"""Streams in a body, one behind another, and one more for each kilobyte."""
_FED: Final = 4096  # bytes that are taken at a time: what is left of them is copied
_FREE: Final = 64 * 1024  # decoded bytes before the ratio counts
_ANY: Final = 47  # zlib's window bits for gzip and zlib, whichever it is
_RAW: Final = -15
_HEADER: Final = 2  # bytes of zlib's
_ZSTD_WINDOW: Final = 23  # bits: what a client must be able to decode, and no more (RFC 9659 3)
_DEEP: Final = 2  # codings one upon another


class Undecodable(Exception):
    """It is not in this coding."""


class Truncated(Undecodable):
    """It is, and its end has not come."""


class Unpacker(Protocol):
    """One stream in a coding."""

    is_over: bool
    """Whether its end has come."""
    rest: bytes
    """what came behind that"""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes decode to, a piece at a time; Undecodable if they do not."""


class _Zlib:
    """gzip (RFC 1952) and deflate, which is zlib's (RFC 1950), or bare (RFC 1951)."""

    def __init__(self, bits: int = _ANY) -> None:
        self._stream = zlib.decompressobj(bits)
        self._may_be_bare = False
        self._held = b""  # less than tells whether it is
        self.is_over = False
        self.rest = b""

    @classmethod
    def deflate(cls) -> "_Zlib":
        """Return one that also takes the bare stream, which some send and call that."""
        made = cls()
        made._may_be_bare = True
        return made

    def feed(self, data: bytes) -> Iterator[bytes]:
        left = data
        if self._may_be_bare:
            left = self._held = self._held + data
            if len(left) < _HEADER:
                return
        while True:
            made = self._decoded(left)
            if made:
                yield made
            left = self._stream.unconsumed_tail
            if self._stream.eof or (not left and len(made) < PIECE):
                break
        self.is_over = self._stream.eof
        self.rest = self._stream.unused_data

    def _decoded(self, data: bytes) -> bytes:
        try:
            made = self._stream.decompress(data, PIECE)
        except zlib.error as error:
            if not self._may_be_bare:
                raise Undecodable from error
            self._may_be_bare = False
            self._stream = zlib.decompressobj(_RAW)
            return self._decoded(data)
        self._may_be_bare = False
        return made


class _Brotli:
    """br (RFC 7932); nothing may follow it."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self.is_over = False
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        left = data
        while True:
            try:
                made: bytes = self._stream.process(left, output_buffer_limit=PIECE)
            except brotli.error as error:
                raise Undecodable from error
            if made:
                yield made
            left = b""
            self.is_over = self._stream.is_finished()
            if self.is_over or not made:
                return


class _Zstd:
    """zstd (RFC 8878), with the window that clients must have."""

    def __init__(self) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        bounds: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
        self._error = zstd.ZstdError
        self._stream = zstd.ZstdDecompressor(options=bounds)
        self.is_over = False
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        left = data
        while True:
            try:
                made = self._stream.decompress(left, PIECE)
            except self._error as error:
                raise Undecodable from error
            if made:
                yield made
            left = b""
            if self._stream.eof or self._stream.needs_input:
                break
        self.is_over = self._stream.eof
        self.rest = self._stream.unused_data


_KNOWN: Final[dict[bytes, Callable[[], Unpacker]]] = {
    b"gzip": _Zlib,
    b"x-gzip": _Zlib,
    b"deflate": _Zlib.deflate,
    b"br": _Brotli,
    b"zstd": _Zstd,
}


def prepare() -> None:
    """Load what decodes zstd, which takes some 20 ms, before the first such body has come."""
    _Zstd()


class Layer:
    """Decodes one coding; `broken` says why not to the end."""

    __slots__ = ("_came", "_made", "_make", "_members", "_unpacker", "broken")

    def __init__(self, make: Callable[[], Unpacker]) -> None:
        """Decode what such unpackers take."""
        self._make = make
        self._unpacker = make()
        self._came = self._made = 0
        self._members = 1
        self.broken = ""

    @property
    def is_whole(self) -> bool:
        """Whether its end has come, or nothing of it."""
        return self._unpacker.is_over or not self._came

    def take(self, data: bytes, most: int) -> Iterator[bytes]:
        """Yield what these bytes decode to, up to `most` in all; nothing once it is broken."""
        rest = data
        while rest and not self.broken:
            # Another member may follow (RFC 1952 2.2); whoever gets the body reads it, too.
            if self._unpacker.is_over:
                self._begin_another()
            before = len(rest)
            yield from self._decoded(rest, most)
            rest = self._unpacker.rest
            self._came += before - len(rest)

    def _decoded(self, data: bytes, most: int) -> Iterator[bytes]:
        try:
            for made in self._unpacker.feed(data):
                self._made += len(made)
                yield made
                if self._made > most:
                    self.broken = "too_large"
                    return
        except Undecodable:
            self.broken = "undecodable"

    def _begin_another(self) -> None:
        self._members += 1
        if self._members > MEMBERS + self._came // 1024:
            self.broken = "too_large"
        self._unpacker = self._make()


class Decoding:
    """Decodes a body."""

    __slots__ = ("_came", "_layers", "_most")

    def __init__(self, coding: bytes, most: int = 0) -> None:
        """Decode what this field says, which is_known, to `most` bytes; 0: as many as come."""
        self._layers = [Layer(_KNOWN[name]) for name in reversed(named(coding))]
        self._most = most
        self._came = 0

    @property
    def broken(self) -> str:
        """Why not to the end: `undecodable` or `too_large`; empty if nothing is wrong."""
        return next((one.broken for one in self._layers if one.broken), "")

    @property
    def is_whole(self) -> bool:
        """Whether what has come ends where a body may."""
        return all(one.is_whole for one in self._layers)

    def take(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes decode to, a piece at a time; nothing once it is broken."""
        for at in range(0, len(data), _FED):
            if self.broken:
                return
            piece = data[at : at + _FED]
            self._came += len(piece)
            bound = max(_FREE, RATIO * self._came)
            yield from self._through(piece, min(bound, self._most) if self._most else bound)

    def _through(self, data: bytes, most: int) -> Iterator[bytes]:
        outer = self._layers[0]
        if len(self._layers) == 1:
            yield from outer.take(data, most)
            return
        for piece in outer.take(data, most):
            yield from self._layers[1].take(piece, most)


def named(coding: bytes) -> list[bytes]:
    """Return the codings that a field names, in the order in which they were applied."""
    names = [name.strip().lower() for name in coding.split(b",")]
    return [name for name in names if name not in {b"", b"identity"}]


def is_known(names: list[bytes]) -> bool:
    """Tell whether what is coded so can be decoded."""
    return len(names) <= _DEEP and all(name in _KNOWN for name in names)
