"""Own addresses: where the gateway itself is reached, and where nobody else may have it ask.

Whoever could name one as an instance would speak to the administration from inside, or to services'
own API, or send requests round in circles.  Only the operator's configuration may; every other
source is asked here (node/services.py), and who registers is told so (node/registering.py).

A listener on all addresses stands on each that the machine has by then (node/here.py).  No name is
asked for: one that only a resolver knows to be this machine is not seen through.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tta_gateway.kernel.route import Endpoint
from tta_gateway.node.here import Address, is_here
from tta_gateway.snapshot.model import Listener, Snapshot

REASON: Final = "it is an address of the gateway itself"
_LOOPBACK: Final = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_LOCAL: Final = frozenset(  # as hosts files have them
    (
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost6",
        "ip6-localhost",
        "ip6-loopback",
    )
)


class Own:
    """The addresses of a configuration: those of all its listeners, and its state folder."""

    def __init__(
        self,
        listeners: Iterable[Listener] = (),
        folder: str = "",
        here: Callable[[Address], bool] = is_here,
    ) -> None:
        """Know these listeners; whatever listens in `folder` is the gateway's too.

        `here` tells whether an address is this machine's.
        """
        self._is_here = here
        self._folder = folder
        self._sockets: list[str] = []
        self._hosts: dict[int, list[str]] = {}
        known: set[Address] = set()
        for one in listeners:
            if one.unix:
                self._sockets.append(one.unix)
            else:
                self._hosts.setdefault(one.port, []).append(one.host)
                known.update(_addresses(one.host))
        self._here = frozenset(known)  # who listens at an address says that it is this machine's

    def has(self, one: Endpoint) -> bool:
        """Tell whether an endpoint is one of them."""
        if one.unix:
            return self._has_socket(one.unix)
        hosts = self._hosts.get(one.port)
        if hosts is None:
            return False
        wanted = _addresses(one.host)
        return any(self._is_at(own, one.host, wanted) for own in hosts)

    def _has_socket(self, path: str) -> bool:
        """Tell whether a socket is ours, by whatever links it is reached."""
        wanted = _behind(path)
        if self._folder and wanted.is_relative_to(_behind(self._folder)):
            return True
        return any(wanted == _behind(own) for own in self._sockets)

    def _is_at(self, own: str, host: str, wanted: frozenset[Address]) -> bool:
        """Tell whether who asks a host comes to a listener of ours with the same port."""
        listens = _addresses(own)
        if not wanted or not listens:
            return _name(own) == _name(host)
        if any(one.is_unspecified for one in wanted):
            return True  # systems take it for this machine
        if any(one.is_unspecified for one in listens):
            return any(one.is_loopback or one in self._here or self._is_here(one) for one in wanted)
        return bool(wanted & listens)


def own_of(snapshot: Snapshot, here: Callable[[Address], bool] = is_here) -> Own:
    """Return the gateway's own addresses under a configuration."""
    named = (*snapshot.listeners, snapshot.admin, snapshot.probe)
    return Own([one for one in named if one is not None], snapshot.state_dir, here)


def _behind(path: str) -> Path:
    """Return what is behind all links.

    Those that lead round in a circle lead nowhere, and are no error: `Path.resolve` raises one, and
    a service that registers may have made them, before or later.
    """
    return Path(os.path.realpath(path))


def _name(host: str) -> str:
    return host.lower().removesuffix(".")


def _addresses(host: str) -> frozenset[Address]:
    """Return what a host is without asking anybody; nothing for a name."""
    name = _name(host)
    if name in _LOCAL or name.endswith(".localhost"):
        return frozenset(_LOOPBACK)
    try:
        found = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return _as_system(name)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return frozenset((mapped or found,))


def _as_system(name: str) -> frozenset[Address]:
    """Return the address that resolvers take `127.1` or `0x7f000001` for, nothing for a name."""
    try:
        return frozenset((ipaddress.ip_address(socket.inet_aton(name)),))
    except (OSError, ValueError):
        return frozenset()
