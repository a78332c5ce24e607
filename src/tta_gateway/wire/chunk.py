"""Chunks as they are written (RFC 9112 7.1): the same to a client and to a service."""

from tta_gateway.kernel.message import Fields


def chunk(data: bytes) -> bytes:
    """Return a chunk that holds the data; nothing for none, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Fields) -> bytes:
    """Return what ends a body in chunks."""
    if not trailers:
        return b"0\r\n\r\n"
    lines = [b"%b: %b\r\n" % field for field in trailers]
    return b"0\r\n" + b"".join(lines) + b"\r\n"
