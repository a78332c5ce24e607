"""Conversations with a codec: pieces of bytes go in, what they mean comes out as plain tuples.

    assert hear(codec, b"GET / HTTP/1.1\\r\\n", b"Host: a\\r\\n\\r\\n") == [
        ("request", b"GET", b"/")
    ]

Data that is not separated by anything else is one piece here, and an end without trailers is the
same whether it came with the last data or behind it: how bytes were cut is not part of a meaning.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from tta_gateway.kernel.message import Fields, RequestHead, Response
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.http1_client import ClientCodec
from tta_gateway.wire.http1_server import DONE, ServerCodec

Event: TypeAlias = RequestHead | Response | Data | End | Reset
Heard: TypeAlias = tuple[object, ...]

_REQUEST_PARTS: Final = (
    "stream_id", "method", "target", "path", "query", "fields", "forwarding", "host", "http_1_1",
    "keep_alive", "length", "expects_continue", "upgrade",
)  # fmt: skip
_ANSWER_PARTS: Final = ("stream_id", "status", "fields", "body", "length", "keep_alive", "problem")


def hear(codec: ServerCodec | ClientCodec, *pieces: bytes) -> list[Heard]:
    """Let the pieces arrive; return what the codec makes of them, in short."""
    return in_short([event for piece in pieces for event in codec.receive(piece)])


def hear_all(codec: ServerCodec, pieces: Iterable[bytes]) -> list[Event]:
    """Let the pieces arrive, every request answered at once, until the connection has to end."""
    events: list[Event] = []
    for piece in pieces:
        events += codec.receive(piece)
        while codec.is_behind:
            events += codec.go_on()
        while codec.reading is DONE and not codec.closing:
            events += codec.next_request()
    return events


def in_turns(codec: ServerCodec | ClientCodec, data: bytes) -> tuple[list[Event], list[bytes]]:
    """Return all that it means, read turn by turn, and what each turn gave of the body."""
    events: list[Event] = list(codec.receive(data))
    parts = [body_of(events)]
    while codec.is_behind:
        more = codec.go_on()
        parts.append(body_of(more))
        events += more
    return events, parts


def in_short(events: Iterable[Event]) -> list[Heard]:
    """Return what the events say, the heads without their fields."""
    return _joined(part for event in events for part in _short(event))


def body_of(events: Iterable[Event]) -> bytes:
    """Return all data of the events."""
    return b"".join(event.data for event in events if isinstance(event, Data))


def in_full(events: Iterable[Event]) -> list[Heard]:
    """Return all that the events say; of a refusal, only that it is one.

    Which of several faults is named, and how much of a body got through before a fault behind it
    was seen, may depend on how the bytes were cut.
    """
    heard = _joined(part for event in events for part in _full(event))
    if len(heard) > 1 and heard[-1] == ("reset",) and heard[-2][0] == "data":
        del heard[-2]
    return heard


def _short(event: Event) -> Iterator[Heard]:
    match event:
        case RequestHead():
            yield "request", event.method, event.target
        case Response():
            yield "answer", event.status
        case Reset():
            yield "reset", event.error.problem.code
        case Data() | End():
            yield from _body(event)


def _full(event: Event) -> Iterator[Heard]:
    match event:
        case RequestHead():
            yield "request", *(getattr(event, part) for part in _REQUEST_PARTS)
        case Response():
            yield "answer", *(getattr(event, part) for part in _ANSWER_PARTS)
        case Reset():
            yield ("reset",)
        case Data() | End():
            yield from _body(event)


def _body(event: Data | End) -> Iterator[Heard]:
    if isinstance(event, End):
        yield _end(event.trailers)
        return
    if event.data:
        yield "data", event.data
    if event.end:
        yield _end([])


def _end(trailers: Fields) -> Heard:
    return ("end", *trailers)


def _joined(parts: Iterable[Heard]) -> list[Heard]:
    """Return the parts with data that follows data made one, in time linear in their number."""
    joined: list[Heard] = []
    run: list[bytes] = []
    for part in parts:
        if part[0] == "data":
            assert isinstance(part[1], bytes)  # _body makes it so
            run.append(part[1])
            continue
        if run:
            joined.append(("data", b"".join(run)))
            run = []
        joined.append(part)
    if run:
        joined.append(("data", b"".join(run)))
    return joined


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Return the data in pieces, cut at the places (any numbers, in any order)."""
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(bounds)]
