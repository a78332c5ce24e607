"""What a request shows of who is asking: at most one token, from one place.

    Authorization: Bearer <token>                          RFC 6750 2.1
    Sec-WebSocket-Protocol: bearer, <token>, chat          of pages, which can set no other field
    GET /ws?token=<token>                                  of WebSockets, where the route says so

Two that differ are a mistake or an attack, and are refused: services behind might look at the other
one.
"""

from typing import Final
from urllib.parse import parse_qsl

from tta_gateway.kernel.message import Fields, RequestHead

MARKER: Final = b"bearer"
"""the subprotocol in front of a token; the answer says it where the service chooses none"""
_PROTOCOLS: Final = b"sec-websocket-protocol"
_FEWEST: Final = 2
_LEAST: Final = len(b"Bearer x")


class Ambiguous(ValueError):
    """The request shows more than one token, or one in a way that is none."""


def token_of(request: RequestHead) -> bytes | None:
    """Return the token that a request shows; None if it shows none.  Ambiguous if it is not one."""
    shown = _of_header(request)
    if request.upgrade == b"websocket":
        beside = _of_protocols(request)
        if shown and beside and shown != beside:
            raise Ambiguous("two tokens")
        shown = shown or beside
    return shown


def _of_header(request: RequestHead) -> bytes | None:
    value = request.get(b"authorization")  # one there is: wire/ refuses two
    if value is None or value[:6].lower() != b"bearer" or value[6:7] not in (b" ", b""):
        return None  # none, or somebody else's and for the service to read
    if len(value) < _LEAST or value.find(b" ", _LEAST - 1) >= 0:
        raise Ambiguous("no token behind `Bearer`")
    return value[_LEAST - 1 :]


def _of_protocols(request: RequestHead) -> bytes | None:
    offered = _offered(request.fields)
    if len(offered) < _FEWEST or MARKER not in offered[:-1]:
        return None
    return offered[offered.index(MARKER) + 1]


def without_token(fields: Fields) -> Fields:
    """Return the fields of a WebSocket's request without marker and token among its protocols."""
    offered = _offered(fields)
    if len(offered) < _FEWEST or MARKER not in offered[:-1]:
        return fields
    at = offered.index(MARKER)
    left = offered[:at] + offered[at + 2 :]
    kept = [(name, value) for name, value in fields if name != _PROTOCOLS]
    return [*kept, (_PROTOCOLS, b", ".join(left))] if left else kept


def of_query(request: RequestHead, name: bytes) -> tuple[bytes | None, bytes]:
    """Return the token that a WebSocket's query shows in this parameter, and the query without it.

    Ambiguous if it shows two.
    """
    shown, left = None, []
    for part in (request.query or b"").split(b"&"):
        if not part.startswith(name + b"="):
            left.append(part)
        elif shown is not None:
            raise Ambiguous("two tokens")
        else:
            shown = part[len(name) + 1 :]
    return shown, b"&".join(left)


def named_in(query: bytes, name: bytes) -> list[bytes]:
    """Return the values of a parameter, decoded."""
    found = parse_qsl(query, keep_blank_values=True)
    return [value for one, value in found if one == name]


def _offered(fields: Fields) -> list[bytes]:
    """Return the protocols of a WebSocket's request; their case counts (RFC 6455 11.3.4)."""
    said = b",".join(value for name, value in fields if name == _PROTOCOLS)
    return [one for part in said.split(b",") if (one := part.strip(b" \t"))]
