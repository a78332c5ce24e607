"""The PROXY protocol, versions 1 and 2: who is behind the proxy that has connected.

As in HAProxy's proxy-protocol.txt.  The header comes before anything else on a connection, TLS
included; a connection without one is broken.  Read strictly: what says who somebody is must have
one meaning only.
"""

import re
from ipaddress import IPv6Address, ip_address
from typing import Final

LONGEST: Final = 4096  # bytes: an address takes 36, and what else proxies tell is skipped
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED: Final = 16  # bytes before the addresses of version 2
_LONGEST_LINE: Final = 107  # bytes, its end included (2.1)
_LOCAL, _PROXIED = 0x20, 0x21  # version and command
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
# Bytes of the addresses and ports of a family (2.2).
_ADDRESSES: Final = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}
_PORT: Final = rb"(0|[1-9][0-9]{0,4})"
_LINE: Final = re.compile(
    rb"PROXY TCP([46]) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) " + _PORT + b" " + _PORT
)
_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n\x00]*)?")
_LARGEST_PORT: Final = 65535


class NotProxiedError(Exception):
    """The connection does not begin with a header of the PROXY protocol."""


class Source:
    """Who has connected to the proxy; without an address, somebody whom it does not name.

    `length` is how many bytes the header takes; `local` says that the proxy speaks for itself.
    """

    __slots__ = ("address", "length", "local", "port")

    def __init__(
        self, length: int, address: str = "", port: int = 0, *, local: bool = False
    ) -> None:
        """Keep what the header says."""
        self.length = length
        self.address = address
        self.port = port
        self.local = local


def read(data: bytes) -> Source | None:
    """Return what the header at the beginning says, None if more of it has to come.

    NotProxiedError if none begins there.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _read_binary(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_line(data)
    raise NotProxiedError


def _read_line(data: bytes) -> Source | None:
    end = data.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(data) >= _LONGEST_LINE:
            raise NotProxiedError
        return None
    line = data[:end]
    match = _LINE.fullmatch(line)
    if match is None:
        if _UNKNOWN.fullmatch(line) is None:
            raise NotProxiedError
        return Source(end + 2)
    version, source, destination, port, other = match.groups()
    _checked(destination.decode(), version, int(other))
    return Source(end + 2, _checked(source.decode(), version, int(port)), int(port))


def _checked(text: str, version: bytes, port: int) -> str:
    """Return an address in its usual form."""
    try:
        address = ip_address(text)
    except ValueError:
        raise NotProxiedError from None
    if address.version != int(version) or port > _LARGEST_PORT:
        raise NotProxiedError
    return _usual(str(address))


def _usual(text: str) -> str:
    """Return an IPv4 address that is written as an IPv6 one as what it is."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return text if mapped is None else str(mapped)


def _read_binary(data: bytes) -> Source | None:
    if len(data) < _FIXED:
        return None
    command, family = data[12], data[13]
    length = int.from_bytes(data[14:16], "big")
    if command not in (_LOCAL, _PROXIED) or length > LONGEST:
        raise NotProxiedError
    if command == _PROXIED and length < _ADDRESSES.get(family, LONGEST + 1):
        raise NotProxiedError
    if len(data) < _FIXED + length:
        return None
    if command == _LOCAL or family not in (_TCP4, _TCP6):
        return Source(_FIXED + length, local=command == _LOCAL)
    size = 4 if family == _TCP4 else 16
    address = str(ip_address(data[_FIXED : _FIXED + size]))
    ports = _FIXED + 2 * size
    return Source(_FIXED + length, _usual(address), int.from_bytes(data[ports : ports + 2], "big"))
