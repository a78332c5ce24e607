"""The way here, as told to services: who asked, over what, for which host.

What an untrusted neighbour says about it is dropped.  A trusted one's words are kept, and the
neighbour is added; the client is then the rightmost hop that is not a trusted proxy.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.peer import Peer

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def lines(peer: Peer, *, host: bytes, said: Fields, client: str) -> bytes:
    """Return the header lines that tell a service about the way (RFC 7239, and X-Forwarded-*).

    `said` is what the neighbour claims, used only if it is trusted.
    """
    if peer.trusted and said:
        return _written(peer, host, said, client)
    remembered, written = peer.way
    if remembered == host and written:
        return written
    written = _written(peer, host, [], client)
    peer.way = (host, written)
    return written


def _written(peer: Peer, host: bytes, said: Fields, client: str) -> bytes:
    neighbour = peer.address.encode()
    claims = dict(said)
    before = b", ".join([value for name, value in said if name == b"x-forwarded-for"])
    chain = before + b", " + neighbour if before else neighbour
    proto = claims.get(b"x-forwarded-proto", peer.scheme)
    public = claims.get(b"x-forwarded-host", host)
    hop = b"for=%b;host=%b;proto=%b" % (_node(neighbour), _quoted(host), peer.scheme)
    forwarded = b", ".join([value for name, value in said if name == b"forwarded"] + [hop])
    return (
        b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b\r\n"
        b"x-real-ip: %b\r\nforwarded: %b\r\n"
    ) % (chain, proto, public, client.encode(), forwarded)


def _node(address: bytes) -> bytes:
    """Return an address as RFC 7239 6 writes it: IPv6 in brackets, and quoted."""
    if not address:
        return b"unknown"  # a neighbour on a unix socket has none
    return b'"[%b]"' % address if b":" in address else address


def _quoted(host: bytes) -> bytes:
    """Return a host as a value of RFC 7239 4: one that is no token could end it, and say more."""
    return host if _TOKEN.fullmatch(host) else b'"%b"' % host


def public_origin(peer: Peer, *, host: bytes, said: Fields) -> tuple[bytes, bytes]:
    """Return the scheme and the host that the client used, as far as anybody trusted tells."""
    claims = dict(said) if peer.trusted else {}
    scheme = claims.get(b"x-forwarded-proto", peer.scheme)
    return _first(scheme), _first(claims.get(b"x-forwarded-host", host))


def _first(value: bytes) -> bytes:
    return value.partition(b",")[0].strip()


def client_of(neighbour: str, said: Fields, *, is_proxy: Callable[[str], bool]) -> str:
    """Return the client behind a trusted neighbour: the rightmost hop that is no proxy.

    What is no address is nobody's: then the proxy that was told it stands for the client.
    """
    chain = b",".join([value for name, value in said if name == b"x-forwarded-for"])
    client = neighbour
    for part in reversed([part.strip() for part in chain.split(b",") if part.strip()]):
        address = _address(part.decode("latin-1"))
        if address is None:
            break
        client = address
        if not is_proxy(address):
            break
    return client


def _address(hop: str) -> str | None:
    """Return the address that a hop names, without port and brackets; None if it names none."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ip_address(hop))
    except ValueError:
        return None
