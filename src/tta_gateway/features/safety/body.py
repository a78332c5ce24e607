"""What is kept of a body to be looked at: its beginning and its end, decoded as it comes.

What lies between the two windows, and what cannot be decoded, is not seen: `unseen` says so, and
whoever asked counts it.
"""

import zlib
from typing import Final

from tta_gateway.features.safety.leaves import is_media, texts

WINDOW: Final = 64 * 1024
"""Bytes at the beginning that are looked at, and as many at the end."""
DECODED: Final = 256 * 1024
"""Bytes of a compressed body that are looked at, once they are decoded."""
RATIO: Final = 200
"""How many times its size a compressed body may decode to, beyond its first kilobytes."""
MEMBERS: Final = 16
"""Streams in a compressed body, one behind another; nobody sends more than one or two."""
_PIECE: Final = 4096  # bytes that are decoded at a time: what is left of them is copied
_FREE: Final = 64 * 1024  # decoded bytes before the ratio counts
_ANY: Final = 47  # zlib's window bits for gzip and zlib, whichever it is
_RAW: Final = -15
_NEVER: Final = frozenset(("coding", "kind"))  # seen: nothing of it need be kept
_CODINGS: Final = frozenset((b"gzip", b"x-gzip", b"deflate"))


class Inflating:
    """Decodes gzip and deflate (RFC 9110 8.4.1) within limits; `broken` says why not to the end."""

    __slots__ = ("_came", "_inflating", "_is_deflate", "_made", "_members", "broken")

    def __init__(self, coding: bytes) -> None:
        """Decode this coding."""
        self._is_deflate = coding == b"deflate"
        self._inflating = zlib.decompressobj(_ANY)
        self._came = self._made = 0
        self._members = 1
        self.broken = ""

    def take(self, data: bytes) -> bytes:
        """Return what these bytes decode to; nothing once it is broken."""
        made = []
        for at in range(0, len(data), _PIECE):
            rest = data[at : at + _PIECE]
            while rest and not self.broken:
                made.append(self._decoded(rest))
                # Another member may follow (RFC 1952 2.2); whoever gets the body reads it, too.
                rest = self._inflating.unused_data
                if rest and not self.broken:
                    self._begin_another()
        return b"".join(made)

    def _decoded(self, data: bytes) -> bytes:
        """Return what the present member has of these bytes."""
        try:
            made = self._inflating.decompress(data, DECODED - self._made + 1)
        except zlib.error:
            if not self._is_deflate or self._came:
                self.broken = "undecodable"
                return b""
            # Some send the bare stream and call it that.
            self._is_deflate = False
            self._inflating = zlib.decompressobj(_RAW)
            return self._decoded(data)
        self._made += len(made)
        self._came += len(data) - len(self._inflating.unused_data)
        if self._made > DECODED or self._made > max(_FREE, RATIO * self._came):
            self.broken = "too_large"
        return made

    def _begin_another(self) -> None:
        self._members += 1
        if self._members > MEMBERS:
            self.broken = "too_large"
        self._inflating = zlib.decompressobj(_ANY)


class Body:
    """A body as it comes; `size` bytes of it, decoded."""

    __slots__ = ("_head", "_inflating", "_kept", "_kind", "_tail", "size", "unseen")

    def __init__(self, kind: bytes, coding: bytes = b"") -> None:
        """Keep one of this media type and content coding."""
        self._kind = kind
        self._head: list[bytes] = []
        self._kept = 0  # in the head
        self._tail = bytearray()
        self._inflating: Inflating | None = None
        self.size = 0
        self.unseen = ""
        """Why not all of it has been seen: `coding`, `undecodable`, `too_large`, `middle`,
        `kind`; empty if it has."""
        coding = coding.strip().lower()
        if coding in _CODINGS:
            self._inflating = Inflating(coding)
        elif coding not in {b"", b"identity"}:
            self.unseen = "coding"
        if is_media(kind):
            self.unseen = "kind"

    @property
    def has_head(self) -> bool:
        """Tell whether the window at the beginning is full: what follows does not change it."""
        return self._kept >= WINDOW or bool(self.unseen)

    def take(self, data: bytes) -> None:
        """Take a part of it."""
        if self.unseen in _NEVER:
            return
        inflating = self._inflating
        if inflating is not None:
            data = inflating.take(data)
            self.unseen = inflating.broken or self.unseen
        self.size += len(data)
        room = WINDOW - self._kept
        if room > 0:
            self._head.append(data[:room])
            self._kept += min(room, len(data))
            data = data[room:]
        if data:
            tail = self._tail
            tail += data[-WINDOW:]
            if len(tail) > WINDOW:
                del tail[:-WINDOW]

    def beginning(self) -> bytes:
        """Return the bytes in the window at the beginning."""
        head = b"".join(self._head)
        self._head = [head]
        return head

    def head(self) -> str:
        """Return the texts at the beginning."""
        head = self.beginning()
        if not head:
            return ""
        return self._read(head, whole=True)

    def tail(self) -> str:
        """Return the texts behind the beginning, once all has come; empty if there is nothing."""
        if not self._tail:
            return ""
        if self.size > WINDOW + len(self._tail) and not self.unseen:
            self.unseen = "middle"
        # What the window at the beginning cut in two stands whole in this one.
        before = b"" if self.unseen == "middle" else b"".join(self._head)[-1024:]
        return self._read(before + bytes(self._tail), whole=False)

    def let_go(self) -> None:
        """Keep nothing of it any more."""
        self._head, self._tail = [], bytearray()

    def _read(self, data: bytes, *, whole: bool) -> str:
        read = texts(data, self._kind, whole=whole)
        if read is None:
            self.unseen = self.unseen or "kind"
            return ""
        return read
