"""The head of a request as its service gets it: the line, the fields, the way here, the framing.

What the client sent passes through as it came; what frames the message, and what is said about the
way here, is the gateway's own.
"""

from typing import Final

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, Fields, RequestHead, lines_of
from tta_gateway.kernel.traffic import CLASSES
from tta_gateway.upstream import way
from tta_gateway.wire.socket_deflate import offer

_BODYLESS: Final = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS"))
_CLASS: Final = [b"x-traffic-class: %b\r\n" % name.encode() for name in CLASSES]
_EXTENSIONS: Final = b"sec-websocket-extensions"
_EXPECT_BODY: Final = frozenset((b"POST", b"PUT", b"PATCH"))


def line(exchange: Exchange, method: bytes) -> bytes:
    """Return the method and the target."""
    request = exchange.request
    path, query = exchange.upstream_path, exchange.upstream_query
    if path is None:
        if query is None:
            return method + b" " + request.target
        path = request.target.partition(b"?")[0]
    if query is None:
        query = request.query
        if query is None:
            return method + b" " + path
        return method + b" " + path + b"?" + query
    return method + b" " + path + b"?" + query if query else method + b" " + path


def lines(exchange: Exchange, host: bytes, *, authority: bytes, via: bytes) -> bytes:
    """Return the lines of the fields: the client's own, the way here, and the class.

    `host` is the service's own, or empty; `authority` stands in where the client names none either.
    `via` is the line that names this gateway.
    """
    request, fields = exchange.request, exchange.upstream_fields
    if request.upgrade is not None and exchange.plan.message:
        fields = _with_our_offer(exchange, request.fields if fields is None else fields)
    said = request.forwarding
    host = host or request.host or authority
    written = b"host: %b\r\n%b%b%b" % (
        host,
        via if said is NO_FIELDS else _passed_on_by(said) + via,
        request.lines() if fields is None else lines_of(fields),
        way.lines(exchange.peer, host=request.host or host, said=said, client=exchange.client),
    )
    written += _CLASS[exchange.traffic]
    for field in exchange.extra:
        written += b"%b: %b\r\n" % field
    return written


def _with_our_offer(exchange: Exchange, fields: Fields) -> Fields:
    """Return what a service is asked whose WebSocket is looked into: its leg is ours to agree on.

    It may compress nothing but where the route says so.
    """
    kept = [field for field in fields if field[0] != _EXTENSIONS]
    route = exchange.plan.route
    if route is not None and route.sockets.deflate == "both":
        kept.append((_EXTENSIONS, offer()))
    return kept


def framing(request: RequestHead, method: bytes, *, upgrades: tuple[str, ...]) -> bytes:
    """Return the lines that frame the request: nothing in them is the client's to choose.

    `upgrades` are the protocols that the route allows a connection to change to.
    """
    if not request.length and method in _BODYLESS and request.upgrade is None:
        return b""  # the usual request, in one look
    written = b""
    if request.length == CHUNKED:
        written = b"transfer-encoding: chunked\r\n"
    elif request.length or method in _EXPECT_BODY:
        written = b"content-length: %d\r\n" % request.length
    if request.expects_continue:
        written += b"expect: 100-continue\r\n"
    if request.upgrade is not None and may_switch(request.upgrade, upgrades):
        written += b"connection: upgrade\r\nupgrade: %b\r\n" % request.upgrade
    return written


def may_switch(protocol: bytes | None, upgrades: tuple[str, ...]) -> bool:
    """Tell whether the service has been asked to change to this protocol."""
    return protocol is not None and protocol.decode("latin-1") in upgrades


def _passed_on_by(said: Fields) -> bytes:
    """Return the Via lines of those who have passed the request on before."""
    return b"".join([b"via: %b\r\n" % value for name, value in said if name == b"via"])
