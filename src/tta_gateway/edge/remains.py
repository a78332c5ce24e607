"""What remains: bytes that the system still holds for a socket on which a write has failed.

A peer that closes with something unread resets its connection (RFC 9112 9.6).  The next write then
fails, and the loop reads no more; but what had come before the reset is still there to be read.
"""

import asyncio
import contextlib
import os
from typing import Final

MOST: Final = 256 * 1024  # bytes, about what a loop reads at once
_PIECE: Final = 64 * 1024


def remains_of(transport: asyncio.Transport) -> bytes:
    """Return what has come and has not been read; for `connection_lost`: the socket is open yet.

    No end is told: behind a failed write a socket seems to be at its end, wherever it broke off.
    """
    sock = transport.get_extra_info("socket")
    pieces: list[bytes] = []
    if sock is None:
        return b""
    fd: int = sock.fileno()
    with contextlib.suppress(OSError):  # nothing more for now, or the reset itself
        while len(pieces) * _PIECE < MOST:
            piece = os.read(fd, _PIECE)
            if not piece:
                break
            pieces.append(piece)
    return b"".join(pieces)
