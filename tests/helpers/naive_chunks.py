"""A naive reading of a chunked body (RFC 9112 7.1): byte by byte, all at once, and slowly.

What it says is what ChunkedReader must say, limits included, however the bytes were cut.
"""

from typing import Final

from tta_gateway.kernel.message import Fields
from tta_gateway.wire.limits import Limits

_TOKEN: Final = frozenset(
    b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_TEXT: Final = frozenset((9, *range(0x20, 0x7F), *range(0x80, 0x100)))
_HEX: Final = b"0123456789ABCDEFabcdef"
_DROPPED: Final = frozenset(
    b"host content-length transfer-encoding connection upgrade expect keep-alive te"
    b" proxy-connection"
    b" proxy-authorization proxy-authenticate forwarded x-forwarded-for x-forwarded-proto"
    b" x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-server x-real-ip"
    b" x-forwarded-client-cert x-original-url x-rewrite-url x-http-method x-http-method-override"
    b" x-method-override x-request-id x-traffic-class traceparent tracestate authorization"
    b" content-type origin idempotency-key sec-websocket-key content-encoding content-range trailer"
    b" range cookie set-cookie cache-control location www-authenticate age expires date"
    b" vary retry-after via".split()
)

_FRAMING: Final = frozenset((b"host", b"contentlength", b"transferencoding", b"connection"))


class _Bad(Exception):
    """The bytes are no chunked body."""


def naive_chunks(data: bytes, limits: Limits) -> tuple[bytes, Fields | None, bytes | None] | None:
    """Return the body, its trailers and what is behind it; None for both of these while it is not
    over, and None for all if it is malformed.  Of a line that has not ended, nothing is said.
    """
    try:
        return _read(data, limits)
    except _Bad:
        return None


def _read(data: bytes, limits: Limits) -> tuple[bytes, Fields | None, bytes | None]:
    body, extensions = b"", 0
    while True:
        line, found, data = data.partition(b"\r\n")
        if not found:
            return body, None, None
        size, extension = _size_line(line)
        extensions += extension
        if extension > limits.chunk_extension or extensions > limits.chunk_extensions:
            raise _Bad
        if size == 0:
            return body, *_trailers(data, limits)
        body += data[:size]
        if not b"\r\n".startswith(data[size : size + 2]):
            raise _Bad
        if len(data) < size + 2:
            return body, None, None
        data = data[size + 2 :]


def _size_line(line: bytes) -> tuple[int, int]:
    """Return the chunk's size and how long its extensions are."""
    at = 0
    while at < len(line) and line[at] in _HEX:
        at += 1
    if not 1 <= at <= 16 or int(line[:at], 16) > 2**53:
        raise _Bad
    rest = line[at:]
    while rest:
        rest = _after_extension(rest)
    return int(line[:at], 16), len(line) - at


def _after_extension(rest: bytes) -> bytes:
    if rest[0:1] != b";":
        raise _Bad
    rest = _after_token(rest[1:])
    if not rest.startswith(b"="):
        return rest
    return _after_quoted(rest[2:]) if rest[1:2] == b'"' else _after_token(rest[1:])


def _after_token(rest: bytes) -> bytes:
    at = 0
    while at < len(rest) and rest[at] in _TOKEN:
        at += 1
    if at == 0:
        raise _Bad
    return rest[at:]


def _after_quoted(rest: bytes) -> bytes:
    at = 0
    while at < len(rest) and rest[at : at + 1] != b'"':
        at += 2 if rest[at : at + 1] == b"\\" else 1
    if at >= len(rest) or not _TEXT.issuperset(rest[:at]):
        raise _Bad
    return rest[at + 1 :]


def _trailers(data: bytes, limits: Limits) -> tuple[Fields | None, bytes | None]:
    trailers: Fields = []
    size = 0
    while True:
        line, found, data = data.partition(b"\r\n")
        if not found:
            return None, None
        if not line:
            return trailers, data
        size += len(line) + 2
        name, colon, value = line.partition(b":")
        if not name or not colon or not _TOKEN.issuperset(name) or size > limits.trailers:
            raise _Bad
        value = value.strip(b" \t")
        if not _TEXT.issuperset(value):
            raise _Bad
        if not _reads_like_one_of_the_dropped(name.lower()):
            trailers.append((name.lower(), value))


def _reads_like_one_of_the_dropped(name: bytes) -> bool:
    letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
    dashed = bytes(letter if letter in letters else ord("-") for letter in name)
    bare = bytes(letter for letter in name if letter in letters)
    return dashed in _DROPPED or bare in _FRAMING
