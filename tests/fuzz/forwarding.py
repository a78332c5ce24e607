"""What goes to a service when the gateway passes a request on, as upstream/outgoing.py has it."""

from collections.abc import Iterable

from tta_gateway.kernel.message import CHUNKED, Fields, RequestHead
from tta_gateway.kernel.peer import Peer
from tta_gateway.upstream import way
from tta_gateway.wire.event import Data, End
from tta_gateway.wire.http1_client import ClientCodec
from tta_gateway.wire.limits import Limits

# A trusted neighbour: what it says about the way is passed on too.
_PEER = Peer("192.0.2.7", port=1, scheme=b"http", trusted=True)
_LIMITS = Limits()


def forwarded(head: RequestHead, body: Iterable[Data | End]) -> bytes:
    """Return the bytes of a request to a service, with as much of its body as there is."""
    codec = ClientCodec(_LIMITS)
    line = head.method + b" " + head.target
    parts = [codec.send_head(line, _lines(head), _framing(head), stream_id=head.stream_id)]
    for event in body:
        if isinstance(event, Data):
            parts.append(codec.send_data(event.data))
        if isinstance(event, End) or event.end:
            parts.append(codec.send_end(_trailers(event)))
    return b"".join(parts)


def _trailers(event: Data | End) -> Fields:
    return event.trailers if isinstance(event, End) else []


def _lines(head: RequestHead) -> bytes:
    host = head.host or b"up.test"
    about_the_way = way.lines(_PEER, host=host, said=head.forwarding, client="203.0.113.9")
    return b"host: %b\r\n%b%b" % (host, head.lines(), about_the_way)


def _framing(head: RequestHead) -> bytes:
    lines = b""
    if head.length == CHUNKED:
        lines += b"transfer-encoding: chunked\r\n"
    elif head.length or head.method in (b"POST", b"PUT", b"PATCH"):
        lines += b"content-length: %d\r\n" % head.length
    if head.expects_continue:
        lines += b"expect: 100-continue\r\n"
    if head.upgrade == b"websocket":
        lines += b"connection: upgrade\r\nupgrade: %b\r\n" % head.upgrade
    return lines
