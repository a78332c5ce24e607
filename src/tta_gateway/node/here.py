"""Here: whether an address is this machine's, as the system itself decides it.

It is asked the way to the address, over a route socket (rtnetlink(7)): who lives here is `local`.
That tells of all interfaces, and of whole networks that are routed to this machine, as they are at
the moment; nothing is sent to anybody.  To bind a socket there would tell less: with
`ip_nonlocal_bind`, which pairs of machines with a common address have, any address can be bound.
Where a sandbox has no such sockets, the address is this machine's if who asks it would ask as it.
"""

import ipaddress
import socket
import struct
from collections.abc import Callable
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
# linux/netlink.h, linux/rtnetlink.h
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ROUTE: Final = struct.Struct("=8BI")  # family, length of destination, …, type at 7, flags
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_NEWROUTE: Final = 24
_GETROUTE: Final = 26
_REQUEST: Final = 1
_DESTINATION: Final = 1
_LOCAL: Final = 2
_PATIENCE: Final = 1.0  # seconds, for the system: it answers at once
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_KEPT: Final = 1.0  # seconds for which an answer holds
_MOST: Final = 1024  # answers


class Here:
    """Tells it, and remembers for a moment: who tells of many tells of them at once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Remember by this clock, in seconds."""
        self._monotonic = monotonic
        self._known: dict[Address, tuple[bool, float]] = {}

    def __call__(self, address: Address) -> bool:
        """Tell whether an address is this machine's."""
        now = self._monotonic()
        found, until = self._known.get(address, (False, now))
        if until <= now:
            found = is_here(address)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[address] = found, now + _KEPT
        return found


def is_here(address: Address) -> bool:
    """Tell whether an address is this machine's at the moment."""
    try:
        return _is_local(address)
    except (OSError, struct.error):
        return _is_asked_by_itself(address)


def _is_local(address: Address) -> bool:
    """Tell what kind of way leads there; OSError or struct.error if the system does not say."""
    raw, family = address.packed, _FAMILIES[address.version]
    asked = (
        _ROUTE.pack(family, 8 * len(raw), 0, 0, 0, 0, 0, 0, 0)
        + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(raw), _DESTINATION)
        + raw
    )
    head = _HEADER.pack(_HEADER.size + len(asked), _GETROUTE, _REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(_PATIENCE)
        sock.sendto(head + asked, (0, 0))
        answer = sock.recv(4096)
    if _HEADER.unpack_from(answer)[1] != _NEWROUTE:
        return False  # an error: no way leads there
    kind: int = _ROUTE.unpack_from(answer, _HEADER.size)[7]
    return kind == _LOCAL


def _is_asked_by_itself(address: Address) -> bool:
    """Tell whether whoever asks an address from here would have it too; nothing is sent."""
    with socket.socket(_FAMILIES[address.version], socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((str(address), 9))
        except OSError:
            return False
        said: str = sock.getsockname()[0]
    return ipaddress.ip_address(said.partition("%")[0]) == address
