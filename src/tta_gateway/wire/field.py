"""Field names: what each means for framing, forwarding and trust, looked up once and remembered.

llhttp has checked that a name is a token (RFC 9110 5.1).  Here it becomes lower case and gets a
kind.  The memory is bounded: a peer that invents names only makes itself slow.
"""

import re
from enum import IntEnum
from typing import Final


class Kind(IntEnum):
    """What a field is to a codec; PLAIN ones pass through."""

    PLAIN = 0
    HOST = 1
    LENGTH = 2
    ENCODING = 3
    CONNECTION = 4
    HOP = 5  # for this hop alone: dropped (RFC 9110 7.6.1)
    UPGRADE = 6
    EXPECT = 7
    FORWARDING = 8  # about the way here: believed of trusted peers only
    SINGLE = 9  # may not be repeated (RFC 9110 5.3)
    LOOKALIKE = 10  # no name at all, or one that reads like a field that frames: never passed on
    ALIAS = 11  # read as a field of the above by a service that maps `_` to `-`: no client's to use
    RANGE = 12  # of a request: many ranges of one thing can be asked for (RFC 9110 17.15)


_KINDS: Final[dict[bytes, Kind]] = {
    b"host": Kind.HOST,
    b"content-length": Kind.LENGTH,
    b"transfer-encoding": Kind.ENCODING,
    b"connection": Kind.CONNECTION,
    b"upgrade": Kind.UPGRADE,
    b"expect": Kind.EXPECT,
    b"range": Kind.RANGE,
    **dict.fromkeys(
        (b"keep-alive", b"proxy-connection", b"te", b"proxy-authorization", b"proxy-authenticate"),
        Kind.HOP,
    ),
    **dict.fromkeys(
        (
            b"forwarded",
            b"x-forwarded-for",
            b"x-forwarded-proto",
            b"x-forwarded-host",
            b"x-forwarded-port",
            b"x-forwarded-prefix",
            b"x-forwarded-server",
            b"x-forwarded-client-cert",
            b"x-real-ip",
            b"x-original-url",
            b"x-rewrite-url",
            b"x-http-method",
            b"x-http-method-override",
            b"x-method-override",
            b"x-request-id",
            b"x-traffic-class",
            b"x-safety-level",
            b"x-safety-categories",
            b"x-safety-key",
            b"traceparent",
            b"via",
            b"tracestate",
        ),
        Kind.FORWARDING,
    ),
    **dict.fromkeys(
        (b"authorization", b"content-type", b"origin", b"idempotency-key", b"sec-websocket-key"),
        Kind.SINGLE,
    ),
}
# Whoever takes another field for one of these sees another message: nothing may come near them.
_FRAMING: Final = frozenset((b"host", b"contentlength", b"transferencoding", b"connection"))
_MOST_NAMES: Final = 2048
_LONGEST_NAME: Final = 64
_names: dict[bytes, tuple[bytes, int]] = {}

# Fields that may not be repeated, each a bit.
SINGLE_BITS: Final = {
    name: 1 << number
    for number, name in enumerate(name for name, kind in _KINDS.items() if kind is Kind.SINGLE)
}

# Beside all that mean something to a codec, trailers that would change what a message means if a
# peer merged them (RFC 9110 6.5.1).
_NEVER_TRAIL: Final = frozenset(
    (
        b"content-encoding",
        b"content-range",
        b"trailer",
        b"cookie",
        b"set-cookie",
        b"cache-control",
        b"location",
        b"www-authenticate",
        b"age",
        b"expires",
        b"date",
        b"vary",
        b"retry-after",
    )
)
_OTHER: Final = re.compile(rb"[^a-z0-9]")
TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
# Octets that no value may hold (RFC 9110 5.5): all controls but the tab.
CONTROLS: Final = bytes(octet for octet in (*range(0x20), 0x7F) if octet != 0x09)


def known(name: bytes) -> tuple[bytes, int]:
    """Return the lower-case name and its kind."""
    found = _names.get(name)
    if found is not None:
        return found
    lower = name.lower()
    kind = _kind(lower)
    if len(_names) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
        _names[name] = lower, int(kind)
    return lower, int(kind)


def _kind(lower: bytes) -> Kind:
    kind = _KINDS.get(lower)
    if kind is not None:
        return kind
    if TOKEN.fullmatch(lower) is None or _OTHER.sub(b"", lower) in _FRAMING:
        return Kind.LOOKALIKE
    return Kind.ALIAS if _OTHER.sub(b"-", lower) in _KINDS else Kind.PLAIN


def may_trail(name: bytes) -> bool:
    """Tell whether a field may be passed on as a trailer; one that looks like another may not."""
    lower, kind = known(name)
    return kind == 0 and _OTHER.sub(b"-", lower) not in _NEVER_TRAIL


def tokens(value: bytes) -> list[bytes]:
    """Return the members of a comma-separated list, lower case, empty ones left out."""
    return [part for raw in value.lower().split(b",") if (part := raw.strip(b" \t"))]
