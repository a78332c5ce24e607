"""Answers: what ClientCodec accepts is one answer to everybody who reads it after us.

What the service sends goes through ClientCodec, and what that makes of it through ServerCodec to a
client, as the edge does.  A strict reader, and h11, must read one answer there: the one that the
strict reader sees in the service's bytes.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import h11

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own, rows
from tests.helpers.conversation import in_full
from tests.helpers.independent_parser import Malformed
from tests.helpers.strict_answer import StrictAnswer, read_answer
from tta_gateway.kernel.message import UNTIL_CLOSE, Fields, Response
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.http1_client import DONE, RAW, ClientCodec, Event
from tta_gateway.wire.http1_server import ServerCodec
from tta_gateway.wire.limits import Limits

_USUAL: Final = Limits()
_SMALL: Final = Limits(
    head=160, fields=6, chunk_extension=8, chunk_extensions=12, trailers=40, interim=2
)
_NOT_PASSED: Final = frozenset(
    b"content-length transfer-encoding connection keep-alive proxy-connection te"
    b" proxy-authorization proxy-authenticate".split()
)
_GOOD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_VERSIONS: Final = (
    b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n",
    b"HTTP/1.0\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n",
)  # fmt: skip


@dataclass(slots=True)
class Answer:
    """What the codec made of the service's bytes."""

    heads: list[Response] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    trailers: Fields = field(default_factory=list)
    is_over: bool = False
    is_reset: bool = False

    @property
    def final(self) -> Response | None:
        """Return the final answer, if it has come."""
        last = self.heads[-1] if self.heads else None
        return last if last is not None and (last.status >= 200 or last.status == 101) else None


def check(pieces: Pieces) -> Hashable:
    """Let a service answer with these bytes, and then end the connection."""
    data = b"".join(pieces)
    chance = sum(data[:64])
    limits = _SMALL if chance % 4 == 0 else _USUAL
    method = b"HEAD" if chance % 7 == 0 else b"GET"
    codec = _asked(method, limits)
    events = _events(codec, pieces)
    whole = _events(_asked(method, limits), [data])
    demand(in_full(events) == in_full(whole), "pieces make no difference", events, whole)
    answer = _collected(events)
    _relay(answer, events, method, _VERSIONS[chance % 4])
    if answer.final is not None:
        _agree(answer, data, method)
    _go_on(codec, answer)
    return _shape(answer, events)


def alone(pieces: Pieces) -> None:
    """Let a service answer with these bytes, and look no further."""
    _events(_asked(b"GET", _USUAL), pieces)


def _asked(method: bytes, limits: Limits) -> ClientCodec:
    codec = ClientCodec(limits)
    codec.send_head(method + b" /", b"host: a\r\n", b"", stream_id=1)
    return codec


def _events(codec: ClientCodec, pieces: Pieces) -> list[Event]:
    events: list[Event] = []
    for piece in pieces:
        events += codec.receive(piece)
        while codec.is_behind:
            events += codec.go_on()
    return events


def _collected(events: list[Event]) -> Answer:
    answer = Answer()
    for event in events:
        demand(not answer.is_reset, "a reset is the last event", events)
        if isinstance(event, Response):
            demand(answer.final is None, "there is one final answer", events)
            answer.heads.append(event)
        elif isinstance(event, Reset):
            demand(not answer.is_over, "an answer that is over stays good", events)
            answer.is_reset = True
        else:
            _collect_body(answer, event)
    return answer


def _collect_body(answer: Answer, event: Data | End) -> None:
    demand(answer.final is not None, "a body follows a final answer", event)
    demand(not answer.is_over, "nothing comes behind the end", event)
    if isinstance(event, Data):
        answer.parts.append(event.data)
        answer.is_over = event.end
    else:
        answer.trailers, answer.is_over = event.trailers, True


def _relay(answer: Answer, events: list[Event], method: bytes, version: bytes) -> None:
    """The client reads one answer, and it is this one."""
    server = ServerCodec(_USUAL)
    server.receive(method + b" / " + version + b"Host: a\r\n\r\n")
    sent = b"".join(_sent(server, event) for event in events)
    ends = answer.is_over or _ends_with_its_connection(answer)
    read = read_answer(sent, method=method, is_closed=ends and server.closing)
    final = answer.final
    if final is None:
        demand(read is None or all(each.status < 200 for each in read[0]), "none is invented", sent)
        return
    assert read is not None  # a head has been sent
    told, rest = read
    _same(answer, final, told[-1], sent)
    if final.status == 101:
        return
    demand(not rest, "nothing is behind the answer", rest, sent)
    demand(told[-1].is_complete == ends, "the end is not invented, nor lost", sent)
    demand(told[-1].persists == (not server.closing), "both know if it goes on", sent)
    _relay_to_h11(answer, sent, method, is_closed=server.closing and ends)


def _sent(server: ServerCodec, event: Event) -> bytes:
    match event:
        case Response() if event.status < 200 and event.status != 101:
            return server.send_interim(event)
        case Response():
            return server.send_head(event)
        case Data():
            return server.send_data(event.data) + (server.send_end() if event.end else b"")
        case End():
            return server.send_end(event.trailers)
        case Reset():
            return b""


def _ends_with_its_connection(answer: Answer) -> bool:
    final = answer.final
    return final is not None and final.length == UNTIL_CLOSE and not answer.is_reset


def _same(answer: Answer, final: Response, told: StrictAnswer, sent: bytes) -> None:
    demand(final.status == told.status, "same status", final.status, told.status)
    own_lines = (b"content-length", b"transfer-encoding", b"connection")
    fields = [pair for pair in told.fields if pair[0] not in own_lines]
    demand(fields == final.fields, "same fields", fields, final.fields, sent)
    body = b"".join(answer.parts)
    demand(told.body == body or final.status == 101, "same body", told.body, body)
    strangers = [pair for pair in told.trailers if pair not in answer.trailers]
    demand(not strangers, "same trailers", strangers)


def _relay_to_h11(answer: Answer, sent: bytes, method: bytes, *, is_closed: bool) -> None:
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=128 * 1024)
    client.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(sent)
    if is_closed:
        client.receive_data(b"")
    while isinstance(event := client.next_event(), h11.InformationalResponse):
        pass
    demand(isinstance(event, h11.Response), "h11 sees an answer", event, sent)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    demand(body == b"".join(answer.parts), "h11 sees the body", body, sent)
    is_over = isinstance(event, h11.EndOfMessage)
    demand(is_over == (answer.is_over or is_closed), "h11 sees the end", event, sent)
    demand(client.trailing_data[0] == b"", "h11 sees nothing behind it", sent)


def _agree(answer: Answer, data: bytes, method: bytes) -> None:
    """A strict reader reads the service's bytes as the gateway does."""
    try:
        read = read_answer(data, method=method, is_closed=False)
    except Malformed as error:
        # What is behind the answer's head may be bad; then nothing may be said to be over.
        demand(answer.is_reset, "a strict reader approves", error, answer)
        return
    assert read is not None  # the codec has seen a head, so there is one
    told, rest = read
    final = answer.final
    assert final is not None  # asked before
    demand([each.status for each in told] == [head.status for head in answer.heads], "same answers")
    nominated = {name for value in told[-1].values(b"connection") for name in _members(value)}
    dropped = nominated | _NOT_PASSED | {b"upgrade"}
    dropped -= {b"upgrade"} if final.status in (101, 426) else set()
    passed = [pair for pair in told[-1].fields if pair[0] not in dropped]
    demand(_by_name(final.fields) == _by_name(passed), "same fields as sent", final.fields, passed)
    if final.status == 101:
        demand(b"".join(answer.parts) == rest, "what follows a switch is passed on", rest)
    elif not answer.is_reset:
        demand(told[-1].body == b"".join(answer.parts), "same body as sent", told[-1].body)
        demand(told[-1].is_complete == answer.is_over, "same end as sent", told[-1])


def _by_name(fields: Fields) -> Fields:
    """Return fields in the order of their names: among different ones it means nothing."""
    return sorted(fields, key=itemgetter(0))


def _members(value: bytes) -> list[bytes]:
    return [member.strip(b" \t").lower() for member in value.split(b",")]


def _go_on(codec: ClientCodec, answer: Answer) -> None:
    """A connection that is said to be reusable is; one that is not has a reason."""
    if codec.reading is DONE and codec.reusable:
        codec.send_head(b"GET /next", b"host: a\r\n", b"", stream_id=2)
        again = _collected(codec.receive(_GOOD))
        demand(again.is_over and again.parts == [b"ok"], "a reusable connection is good", again)
        return
    over = codec.receive_eof()
    if answer.is_over or answer.is_reset or codec.reading is RAW:
        demand(not over, "an end behind the end says nothing", over)
        return
    demand(len(over) == 1, "the end of the connection is told", over)
    good = _ends_with_its_connection(answer)
    demand(isinstance(over[0], End if good else Reset), "an end is not invented", over)


def _shape(answer: Answer, events: list[Event]) -> Hashable:
    last = events[-1] if events else None
    detail = last.error.detail if isinstance(last, Reset) else type(last)
    heads = [(head.status, min(head.length, 1), head.keep_alive) for head in answer.heads[:3]]
    return detail, *heads, bool(answer.trailers), answer.is_over


def _seeds() -> list[bytes]:
    return own("client_codec") + rows("http_responses_dev")


TARGET: Final = Target(
    name="client_codec",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=3,
    tokens=(
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 304 Not Modified\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 E\r\n",
        b"HTTP/1.1 150 X\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 101 S\r\n", b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 099 X\r\n", b"HTTP/1.1 600 X\r\n", b"HTTP/1.1  200 X\r\n", b"HTTP/2 200 OK\r\n",
        b"ICY 200 OK\r\n", b"HTTP/1.1 200 \x00\r\n", b"HTTP/1.1 205 R\r\n", b"HTTP/1.1 500 \r\n",
        b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"content-length:5\r\n",
        b"Content-Length: 5, 5\r\n", b"Content_Length: 5\r\n", b"Content-Length : 5\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: Chunked \r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
        b"Connection: close, x-a\r\n", b"Connection: upgrade\r\n", b"Upgrade: websocket\r\n",
        b"Connection: Upgrade, x-a\r\n", b"Proxy-Connection: close\r\n", b"Keep-Alive: 5\r\n",
        b"X-A: b \t\r\n", b"Set-Cookie: a=b\r\n", b"Set-Cookie: c=d\r\n", b"Location: /x\r\n",
        b"Date: x\r\n", b"X:\r\n", b" folded\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n",
        b"0\r\nX-T: v\r\n", b";a=b", b"\r\n\r\n", b"hello", b"\r\n", b"\n\n", b"\r\n\r\nhello",
    ),
)  # fmt: skip
