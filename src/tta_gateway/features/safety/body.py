"""What is kept of a body to be looked at: its beginning and its end, decoded as it comes.

What lies between the two windows, and what cannot be decoded, is not seen: `unseen` says so, and
whoever asked counts it.
"""

from typing import Final

from tta_gateway.features.safety.decoding import Decoding, is_known, named
from tta_gateway.features.safety.leaves import is_media, texts

WINDOW: Final = 64 * 1024
"""Bytes at the beginning that are looked at, and as many at the end."""
DECODED: Final = 256 * 1024
"""Bytes of a compressed body that are looked at, once they are decoded."""
_NEVER: Final = frozenset(("coding", "kind"))  # seen: nothing of it need be kept


class Body:
    """A body as it comes; `size` bytes of it, decoded."""

    __slots__ = ("_decoding", "_head", "_kept", "_kind", "_tail", "size", "unseen")

    def __init__(self, kind: bytes, coding: bytes = b"") -> None:
        """Keep one of this media type and content coding."""
        self._kind = kind
        self._head: list[bytes] = []
        self._kept = 0  # in the head
        self._tail = bytearray()
        self._decoding: Decoding | None = None
        self.size = 0
        self.unseen = ""
        """Why not all of it has been seen: `coding`, `undecodable`, `too_large`, `middle`,
        `kind`; empty if it has."""
        names = named(coding)
        if not is_known(names):
            self.unseen = "coding"
        elif names:
            self._decoding = Decoding(coding, DECODED)
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
        decoding = self._decoding
        if decoding is not None:
            data = b"".join(decoding.take(data))
            self.unseen = decoding.broken or self.unseen
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
