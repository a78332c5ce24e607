"""WebSocket frames (RFC 6455 5), as far as a tunnel must know them: where one ends, and a Close.

What is in a frame is never looked at, and nothing of it is kept: a follower knows how many bytes of
the frame under way are still to come.  So a frame of ours can be put in between two others.
"""

from typing import Final

GOING_AWAY: Final = 1001  # the gateway goes (RFC 6455 7.4.1)
RESTARTED: Final = 1012  # the gateway or the service begins anew: come back (IANA's registry)

_CLOSE: Final = 0x8
_FIN: Final = 0x80
_MASKED: Final = 0x80
_OPCODE: Final = 0x0F
_LENGTH: Final = 0x7F
_LONG, _LONGER = 126, 127  # lengths that stand for two and eight more bytes


class Frames:
    """Follows the frames of one direction; `closed` tells that a Close has gone by, whole."""

    __slots__ = ("_head", "_is_close", "_left", "closed")

    def __init__(self) -> None:
        """Begin before the first frame."""
        self._head = b""  # of a frame whose head has come in part
        self._left = 0  # bytes of the frame under way, behind its head
        self._is_close = False
        self.closed = False

    @property
    def is_between(self) -> bool:
        """Tell whether no frame is under way."""
        return not self._left and not self._head

    def follow(self, data: bytes) -> None:
        """Take note of what goes by."""
        left, size = self._left, len(data)
        if left > size:  # the middle of a large frame
            self._left = left - size
            return
        at = self._to_end(data, 0) if size else 0
        while at < size:
            at = _behind_short(data, at)
            if at < size:
                at = self._to_end(data, at)

    def end_in(self, data: bytes) -> int:
        """Take note of what goes by up to the end of the frame under way; return where that is."""
        return self._to_end(data, 0)

    def _to_end(self, data: bytes, at: int) -> int:
        """Go on to the end of the frame under way, or of the data; return where that is."""
        if not self._left:
            at = self._take_head(data, at)
            if self._head:
                return at
        rest = len(data) - at
        if self._left > rest:
            self._left -= rest
            return at + rest
        at += self._left
        self._left = 0
        if self._is_close:
            self.closed = True
        return at

    def _take_head(self, data: bytes, at: int) -> int:
        """Take a frame's head, which may come in pieces; return where it ends."""
        head = self._head + data[at : at + 14 - len(self._head)]
        size = _size_of_head(head)
        if size > len(head):
            self._head = head
            return len(data)
        at += size - len(self._head)
        self._head = b""
        self._left = _length(head)
        self._is_close = head[0] & _OPCODE == _CLOSE
        return at


def _behind_short(data: bytes, at: int) -> int:
    """Pass over short frames that are here whole; return where the first other thing begins."""
    # In one loop, not two calls a frame: a client may send very many: bench/tunnel.py, turn.py.
    size = len(data)
    while at + 1 < size:
        second = data[at + 1]
        length = second & _LENGTH
        if length >= _LONG or data[at] & _OPCODE == _CLOSE:
            break
        end = at + length + (6 if second & _MASKED else 2)
        if end > size:
            break
        at = end
    return at


def _size_of_head(head: bytes) -> int:
    """Return how long a frame's head is, of which at least a byte has come."""
    if len(head) == 1:
        return 2
    length = head[1] & _LENGTH
    size = 6 if head[1] & _MASKED else 2
    if length == _LONG:
        return size + 2
    return size + 8 if length == _LONGER else size


def _length(head: bytes) -> int:
    """Return the length of the payload behind a whole head."""
    length = head[1] & _LENGTH
    if length == _LONG:
        return int.from_bytes(head[2:4], "big")
    if length == _LONGER:
        return int.from_bytes(head[2:10], "big")
    return length


def close_frame(code: int, reason: bytes, *, mask: bytes = b"") -> bytes:
    """Return a Close frame; one to a service is masked, by four bytes that nobody can foretell."""
    payload = code.to_bytes(2, "big") + reason
    if not mask:
        return bytes((_FIN | _CLOSE, len(payload))) + payload
    hidden = bytes([byte ^ mask[at % 4] for at, byte in enumerate(payload)])
    return bytes((_FIN | _CLOSE, _MASKED | len(payload))) + mask + hidden
