"""Requests: what ServerCodec accepts is one request to everybody who reads it after us.

Three readers must agree: the gateway; a strict parser on the same bytes; the same parser, and h11,
on the bytes that go to the service.  And how the bytes were cut must make no difference.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import h11

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.forwarding import forwarded
from tests.fuzz.seeds import own, rows
from tests.helpers.conversation import hear_all, in_full
from tests.helpers.independent_parser import Finding, Head, Request, RequestParser, Severity
from tests.helpers.strict_answer import read_answer
from tta_gateway.kernel.message import Fields, RequestHead, Response
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.http1_server import BROKEN, DONE, Event, ServerCodec
from tta_gateway.wire.limits import Limits

_USUAL: Final = Limits()
_SMALL: Final = Limits(
    request_line=40, head=160, fields=6, chunk_extension=8, chunk_extensions=12, trailers=40
)
_FORWARDED: Final = 2  # of one input: the rest would only take time
_NOT_PASSED: Final = frozenset(
    b"host content-length transfer-encoding connection keep-alive proxy-connection te upgrade"
    b" proxy-authorization proxy-authenticate expect forwarded x-forwarded-for x-forwarded-proto"
    b" x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-server x-real-ip"
    b" x-forwarded-client-cert x-original-url x-rewrite-url x-http-method x-http-method-override"
    b" x-method-override x-request-id x-traffic-class traceparent tracestate via".split()
)
_NEVER_NOMINATED: Final = frozenset((b"authorization", b"cookie"))
_WRITTEN: Final = frozenset(
    b"host content-length transfer-encoding connection upgrade expect forwarded x-forwarded-for"
    b" x-forwarded-proto x-forwarded-host x-real-ip".split()
)


@dataclass(slots=True)
class Exchange:
    """A request that the codec has accepted, with as much of its body as has come."""

    head: RequestHead
    body: list[Data | End] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Tell whether all of the request is here."""
        if not self.head.length:
            return True
        last = self.body[-1] if self.body else None
        return isinstance(last, End) or (last is not None and last.end)

    @property
    def data(self) -> bytes:
        """Return the body."""
        return b"".join(event.data for event in self.body if isinstance(event, Data))

    @property
    def trailers(self) -> Fields:
        """Return the trailers."""
        last = self.body[-1] if self.body else None
        return last.trailers if isinstance(last, End) else []


class Witness(RequestParser):
    """The strict parser, but it ignores empty lines before a request."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[list[Finding]] = []
        """What is wrong with the head of each request: trailers are dropped where they are bad."""

    def see(self, data: bytes) -> list[Request]:
        """Return the whole requests; a length of thousands of digits is the end of it."""
        try:
            return self.feed(data)
        except ValueError:
            self.is_broken = True
            return self._complete

    def _head(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - the generator of RequestParser
        while self._buffer.startswith(b"\r\n"):
            self._cut(2)
        number = len(self.heads)
        self.heads.append([])
        before = len(self.findings)
        head = yield from super()._head()
        self.heads[number] = self.findings[before:]
        return head


def check(pieces: Pieces) -> Hashable:
    """Let a client send these bytes."""
    data = b"".join(pieces)
    limits = _SMALL if sum(data[:64]) % 4 == 0 else _USUAL
    codec = ServerCodec(limits)
    events = _converse(codec, pieces)
    told = in_full(events)
    if len(pieces) > 1:
        whole = in_full(hear_all(ServerCodec(limits), [data]))
        demand(told == whole, "pieces make no difference", told, whole)
    demand(codec.reading is not BROKEN or not codec.receive(data), "nothing comes behind a reset")
    exchanges = _exchanges(events)
    witness = Witness()
    seen = witness.see(data) if exchanges else []
    for number, exchange in enumerate(exchanges):
        # A body that is refused may be malformed, or more than a limit allows.
        if exchange.is_over or codec.reading is not BROKEN:
            _agree(exchange, number, witness, seen)
    for exchange in exchanges[-_FORWARDED:]:
        _forward(exchange)
    return _shape(events)


def _all_of(codec: ServerCodec, events: list[Event]) -> list[Event]:
    """Return these events, and those of a body in more chunks than are read in one turn."""
    while codec.is_behind:
        events = [*events, *codec.go_on()]
    return events


def _converse(codec: ServerCodec, pieces: Pieces) -> list[Event]:
    """Let the pieces arrive; answer every request, and what cannot be read."""
    events: list[Event] = []
    for piece in pieces:
        new = _all_of(codec, codec.receive(piece))
        events += new
        while codec.reading is DONE and not codec.closing:
            _answer(codec, events)
            new = _all_of(codec, codec.next_request())
            events += new
        if new and (codec.reading is BROKEN or (codec.reading is DONE and codec.closing)):
            _answer(codec, events)
    return events


def _answer(codec: ServerCodec, events: list[Event]) -> None:
    """The client reads the answer, and whether the connection goes on, as we mean it."""
    broken = codec.reading is BROKEN
    heads = [event for event in events if isinstance(event, RequestHead)]
    is_own = broken and not (heads and heads[-1].stream_id == codec.requested)
    method = b"GET" if is_own else heads[-1].method
    # In chunks where there can be chunks; else the connection would end with the answer.
    status, in_chunks = (400, False) if broken else (200, heads[-1].http_1_1)
    response = Response(status, [(b"x-a", b"b")], None if in_chunks else b"hello")
    sent = codec.send_head(response) + codec.send_data(b"hello") + codec.send_end()
    read = read_answer(sent, method=method, is_closed=codec.closing)
    assert read is not None  # a head has been sent
    (answer,), rest = read
    demand(not rest and answer.is_complete, "the answer is whole", sent, method)
    demand(answer.body == (b"" if method == b"HEAD" else b"hello"), "its body is there", sent)
    demand((answer.end == "chunks") == (in_chunks and method != b"HEAD"), "chunks", sent)
    demand(answer.persists == (not codec.closing), "both know if it goes on", sent)


def alone(pieces: Pieces) -> None:
    """Let a client send these bytes, and look no further."""
    hear_all(ServerCodec(_USUAL), pieces)


def _exchanges(events: Iterable[Event]) -> list[Exchange]:
    exchanges: list[Exchange] = []
    for event in events:
        demand(not exchanges or not isinstance(exchanges[-1], Reset), "a reset is the last event")
        if isinstance(event, RequestHead):
            demand(not exchanges or exchanges[-1].is_over, "a request ends before the next")
            demand(event.stream_id == len(exchanges) + 1, "requests are numbered", event.stream_id)
            exchanges.append(Exchange(event))
        elif isinstance(event, (Data, End)):
            demand(not exchanges[-1].is_over, "nothing comes behind the end")
            exchanges[-1].body.append(event)
    return exchanges


def _agree(exchange: Exchange, number: int, witness: Witness, seen: list[Request]) -> None:
    """The strict parser reads the client's bytes as the gateway does."""
    demand(len(witness.heads) > number, "a strict parser sees the request", witness.findings)
    demand(not _bad(witness.heads[number]), "a strict parser approves", witness.heads[number])
    if not exchange.is_over:
        demand(len(seen) == number, "a strict parser waits for the rest")
        if witness.pending is not None:
            _same_head(exchange, witness.pending)
        return
    demand(len(seen) > number, "a strict parser sees the whole request", witness.findings)
    request = seen[number]
    _same_head(exchange, request.head)
    demand(exchange.data == request.body, "same body", exchange.data, request.body)
    _same_trailers(exchange, request)


def _same_head(exchange: Exchange, seen: Head) -> None:
    head = exchange.head
    demand(head.method == seen.method, "same method", head.method, seen.method)
    demand(head.target == _origin_form(seen.target), "same target", head.target, seen.target)
    demand([head.host] == (seen.values(b"host") or [b""]), "same host", head.host)
    nominated = _members(seen.values(b"connection")) - _NEVER_NOMINATED
    passed = [
        pair for pair in seen.fields if pair[0] not in _NOT_PASSED and pair[0] not in nominated
    ]
    demand(_by_name(head.fields) == _by_name(passed), "same fields", head.fields, passed)
    about_the_way = {name for name, _ in head.forwarding}
    demand(not about_the_way & nominated, "nominated fields go no further", head.forwarding)


def _origin_form(target: bytes) -> bytes:
    """Return an absolute-form target's path and query, and any other target as it is."""
    _, found, behind = target.partition(b"://")
    if target.startswith((b"/", b"*")) or not found:
        return target
    at = min(place for place in (behind.find(b"/"), behind.find(b"?"), len(behind)) if place >= 0)
    return behind[at:] if behind[at : at + 1] == b"/" else b"/" + behind[at:]


def _same_trailers(exchange: Exchange, seen: Request) -> None:
    strangers = [pair for pair in exchange.trailers if pair not in seen.trailers]
    demand(not strangers, "no trailers but those that came", strangers)


def _by_name(fields: Fields) -> Fields:
    """Return fields in the order of their names: among different ones it means nothing."""
    return sorted(fields, key=itemgetter(0))


def _members(values: list[bytes]) -> set[bytes]:
    return {member.strip(b" \t").lower() for value in values for member in value.split(b",")}


def _forward(exchange: Exchange) -> None:
    """The service reads exactly this request, and nothing behind it."""
    raw = forwarded(exchange.head, exchange.body)
    parser = RequestParser()
    seen = parser.feed(raw)
    demand(not _bad(parser.findings), "the service finds nothing wrong", parser.findings, raw)
    if not exchange.is_over:
        demand(not seen and parser.pending is not None, "the service waits for the rest", raw)
        return
    demand(len(seen) == 1, "the service sees one request", seen, raw)
    demand(parser.pending is None and not parser._buffer, "nothing is behind the request", raw)
    head = seen[0].head
    demand((head.method, head.target) == (exchange.head.method, exchange.head.target), "line", raw)
    fields = [pair for pair in head.fields if pair[0] not in _WRITTEN]
    demand(fields == exchange.head.fields, "the service sees the fields", fields, raw)
    demand(seen[0].body == exchange.data, "the service sees the body", seen[0].body, raw)
    demand(list(seen[0].trailers) == exchange.trailers, "the service sees the trailers", raw)
    if exchange.head.stream_id == 1:
        _forward_to_h11(exchange, raw)


def _forward_to_h11(exchange: Exchange, raw: bytes) -> None:
    service = h11.Connection(h11.SERVER, max_incomplete_event_size=128 * 1024)
    service.receive_data(raw)
    request, body = service.next_event(), b""
    demand(isinstance(request, h11.Request), "h11 sees a request", request, raw)
    while isinstance(event := service.next_event(), h11.Data):
        body += bytes(event.data)
    demand(isinstance(event, h11.EndOfMessage), "h11 sees its end", event, raw)
    demand(body == exchange.data, "h11 sees the body", body, raw)
    demand(service.trailing_data == (b"", False), "h11 sees nothing behind it", raw)


def _bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is not Severity.REMARK]


def _shape(events: list[Event]) -> Hashable:
    return tuple(_kind(event) for event in events[:3])


def _kind(event: Event) -> Hashable:
    if isinstance(event, RequestHead):
        return event.method, min(event.length, 1), len(event.fields), event.keep_alive
    if isinstance(event, Reset):
        return event.error.problem.code, event.error.detail
    return isinstance(event, Data)


def _seeds() -> list[bytes]:
    return own("server_codec") + rows("http_requests_dev")


TARGET: Final = Target(
    name="server_codec",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=3,
    tokens=(
        b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"HEAD / HTTP/1.0\r\n", b" HTTP/1.1",
        b"OPTIONS * HTTP/1.1\r\n", b"GET http://a/ HTTP/1.1\r\n", b"GET /\r\n", b"GET /\n",
        b"HTTP/2.0", b"HTTP/0.9", b"CONNECT a:443 HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n",
        b"Host: a\r\n", b"host: transfer-encoding:80\r\n", b"Host: \r\n", b"Host: b\r\n",
        b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"content-length:5\r\n",
        b"Content_Length: 5\r\n", b"Content-Length : 5\r\n", b"Content-Length: 5, 5\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
        b"transfer-encoding:\tchunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n", b"Transfer_Encoding: chunked\r\n", b"xchunked",
        b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: upgrade\r\n",
        b"Connection: close, transfer-encoding\r\n", b"Connection: x-a, cookie\r\n", b"X-A: b\r\n",
        b"Proxy-Connection: close\r\n", b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n",
        b"Cookie: a=b; c=d\r\n", b"Authorization: Bearer x\r\n", b"Content-Type: a/b\r\n",
        b"Via: 1.1 b\r\n", b"Origin: http://a\r\n",
        b"X-Forwarded-For: 10.0.0.1\r\n", b"X-Forwarded-Host: a, b\r\n", b"Forwarded: for=x\r\n",
        b"Trailer: X-T\r\n", b"X-T: v\r\n", b"TE: trailers\r\n", b"Keep-Alive: 5\r\n",
        b"5\r\nhello\r\n", b"0\r\n\r\n", b"0\r\n", b";a=b", b';a="\\""', b";", b"\r\n\r\n",
        b"\r\n ", b"\r\n\t", b"hello", b"%2e%2e/", b"//", b"?", b"#", b"\\", b"%", b"\xc3\xa9",
    ),
)  # fmt: skip
