"""Uptake: how much of what was sent a peer has taken, as its system has acknowledged it.

The loop tells only that there is room again, which with a slow peer is once in 64 KiB.  The kernel
counts each byte (Linux, `struct tcp_info`, `tcpi_bytes_acked`).
"""

import asyncio
import socket
import sys
from typing import Final

UNKNOWN: Final = -1
_ACKED: Final = 120  # where the number begins, of eight bytes
_SIZE: Final = 128


def taken_through(transport: asyncio.Transport) -> int:
    """Return how many bytes the peer has taken so far; UNKNOWN where no kernel counts them."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX:
        return UNKNOWN
    try:
        told: bytes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except (AttributeError, OSError):  # another system, or a socket that has gone
        return UNKNOWN
    return int.from_bytes(told[_ACKED:_SIZE], sys.byteorder) if len(told) == _SIZE else UNKNOWN
