"""Packets that never arrive: a filter on the socket that they are for drops them in the kernel.

Their sender sees what a cable that was pulled, a firewall that drops or a machine that is gone
shows: nothing at all.  It needs no privilege, and no namespace.  A connection that is accepted has
the filter of its listener.
"""

import ctypes
import socket
import struct
from typing import Final

Filter = tuple[tuple[int, int, int, int], ...]
# Classic BPF over the TCP header: (code, jump if true, jump if false, operand); 0 bytes are kept of
# what is dropped.
EVERYTHING: Final[Filter] = ((0x06, 0, 0, 0),)
DATA: Final[Filter] = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x08),  # PSH, which the last segment of every write has?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else take it whole: whoever connects is connected
)
_ATTACH: Final = 26
_DETACH: Final = 27
"""SO_ATTACH_FILTER and SO_DETACH_FILTER, for which Python has no names"""


def deafen(sock: socket.socket, to: Filter = EVERYTHING) -> None:
    """Drop what arrives from now on."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in to))
    program = struct.pack("HP", len(to), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH, program)


def hear(sock: socket.socket) -> None:
    """Take what arrives again."""
    sock.setsockopt(socket.SOL_SOCKET, _DETACH, 0)
