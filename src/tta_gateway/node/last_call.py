"""Last call: how a node leaves its listening sockets without resetting whoever has knocked.

A kernel answers knocks (SYN) by itself and lets them wait in the socket's queue; closing the socket
resets those whom nobody has accepted yet.  So the socket is made deaf first: further knocks are
dropped, which their senders repeat a second later and then find nobody.  What waits is accepted:
the loop does that for one in a turn, so that of many, or on a busy machine, it takes a while.
"""

import asyncio
import contextlib
import ctypes
import select
import socket
import struct
from collections.abc import Sequence
from typing import Final

_SO_ATTACH_FILTER: Final = 26  # Linux; Python has no name for it
_PATIENCE: Final = 0.2  # seconds, for handshakes that have begun to be over
_LONGEST: Final = 3.0  # seconds, for a loop that is busy to accept who waits
_LOOK: Final = 0.01  # seconds between two looks whether somebody does
# Classic BPF over the TCP header: (code, jump if true, jump if false, operand).
_DEAF: Final = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else take it whole
)


async def last_call(sockets: Sequence[socket.socket]) -> None:
    """Let no more knocks in, and leave the loop the time to accept those who are."""
    deaf = [_deafen(sock) for sock in sockets]
    await asyncio.sleep(_PATIENCE if any(deaf) else 0)
    loop = asyncio.get_running_loop()
    end = loop.time() + _LONGEST
    while any(map(_is_knocked_at, sockets)) and loop.time() < end:  # noqa: ASYNC110 - nobody says so
        await asyncio.sleep(_LOOK)


def _is_knocked_at(sock: socket.socket) -> bool:
    """Tell whether somebody waits there to be accepted."""
    if sock.fileno() < 0:
        return False
    queue = select.poll()
    queue.register(sock, select.POLLIN)
    return queue.poll(0) != []


def _deafen(sock: socket.socket) -> bool:
    """Drop further knocks; False where this cannot be done: a unix socket, another system."""
    if sock.family == socket.AF_UNIX:
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _DEAF))
    program = struct.pack("HP", len(_DEAF), ctypes.addressof(code))
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        return True
    return False
