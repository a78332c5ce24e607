"""The server's side of HTTP/1.1: requests in, answers out.

One request is read at a time; what the client pipelines behind it waits as bytes until
`next_request`.  The cycle of one stream: `receive` gives a RequestHead, then Data and End; the
answer is built by `send_head`, `send_data`, `send_end`; when both directions are over the codec is
`idle` again, or `closing` when the connection cannot be used for another request.
"""

from enum import Enum
from http import HTTPStatus
from typing import Final, TypeAlias

from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, Fields, RequestHead, Response
from tta_gateway.kernel.problem import (
    FIELDS_TOO_LARGE,
    FRAMING_INVALID,
    LINE_TOO_LONG,
    MALFORMED,
    Problem,
)
from tta_gateway.wire.body import ChunkedReader, FramingError, LengthReader, Reader
from tta_gateway.wire.chunk import chunk, last_chunk
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.request_head import HeadReader, origin_in

Event: TypeAlias = RequestHead | Data | End | Reset

_EMPTY_LINES: Final = b"\r\n" * 4  # so many before a request are ignored (RFC 9112 2.2)
_NOTHING: Final[list[Event]] = []


class Reading(Enum):
    """Where the client's direction stands."""

    HEAD = 1
    BODY = 2
    DONE = 3
    BROKEN = 4


# Members of an Enum cost a look-up each time they are named: bench/paper.py, 1 µs a request.
HEAD: Final = Reading.HEAD
BODY: Final = Reading.BODY
DONE: Final = Reading.DONE
BROKEN: Final = Reading.BROKEN


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return b"HTTP/1.1 %d %b" % (status, phrase.encode())


STATUS_LINES: Final = {status: _status_line(status) for status in range(100, 600)}


class ServerCodec:
    """Bytes to requests and answers to bytes, for one connection.

    `requested` is how many requests have begun; a request's stream id is its number.
    """

    def __init__(self, limits: Limits) -> None:
        """Begin before the first request of a connection."""
        # For the connection
        self._limits = limits
        self._heads = HeadReader(limits)
        self.requested = 0
        self.reading = HEAD
        self.waiting = b""
        self.closing = False
        # For this request
        self._raw = b""
        self._reader: Reader | None = None
        self._head_method = False
        self._http_1_1 = True
        self._chunked_answer = False
        self._bodyless = False

    # What arrives

    def receive(self, data: bytes) -> list[Event]:
        """Take what arrived; return what it means.  Nothing is expected behind a Reset."""
        reading = self.reading
        if reading is HEAD:
            return self._receive_head(data)
        if reading is BODY:
            if self.waiting:
                self.waiting += data
                return _NOTHING
            return self._receive_body(data)
        if reading is DONE:
            self.waiting += data
        return _NOTHING

    def next_request(self) -> list[Event]:
        """Go on to the next request, of which some may have arrived; both directions are over."""
        self.reading = HEAD
        self._head_method = False  # nor is an answer to a head that is never read one to HEAD
        data, self.waiting = self.waiting, b""
        return self._receive_head(data) if data else _NOTHING

    @property
    def is_behind(self) -> bool:
        """Tell whether more of the body has arrived than is read in one turn: `go_on` is next."""
        return self.reading is BODY and self.waiting != b""

    def go_on(self) -> list[Event]:
        """Read on in what has arrived of the body; for a turn of the loop of its own."""
        data, self.waiting = self.waiting, b""
        return self._receive_body(data)

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing of a request has arrived."""
        return self.reading is HEAD and not self._raw.strip(b"\r\n")

    def _receive_head(self, data: bytes) -> list[Event]:
        raw = self._raw
        if raw:
            fed, raw = len(raw), raw + data
        else:
            fed, raw = 0, data
        if raw[0] == 13 or raw[0] == 10:
            return self._skip_empty_lines(raw)
        end = raw.find(b"\r\n\r\n", fed - 3 if fed > 3 else 0) + 4
        if fed or end == 3:
            return self._read_head(raw, end, fed)
        head = self._heads.again(raw, end, self.requested + 1)
        if head is None:
            return self._read_head(raw, end, 0)
        self.requested += 1  # as the last one: no HEAD, HTTP/1.1, and the connection goes on
        self.reading = DONE
        if end != len(raw):
            self.waiting = raw[end:]
        return [head]

    def _read_head(self, raw: bytes, end: int, fed: int) -> list[Event]:
        """Read a head of which `fed` bytes have been seen before; `end` is 3 if it is not whole."""
        try:
            if end == 3:
                return self._feed_part(raw, fed)
            self._heads.feed(raw[fed:end] if fed or end != len(raw) else raw)
        except ClientFault as fault:
            return self._refuse(fault.problem, fault.detail, raw=raw if end == 3 else raw[:end])
        if fed:
            self._raw = b""
        return self._begin(raw, end)

    def _skip_empty_lines(self, data: bytes) -> list[Event]:
        """Ignore a few empty lines before a request (RFC 9112 2.2)."""
        kept = data.lstrip(b"\r\n")
        skipped = data[: len(data) - len(kept)]
        if not _EMPTY_LINES.startswith(skipped) or (kept and skipped[-1] == 13):
            return self._refuse(MALFORMED, "empty lines before the request")
        if kept:
            self._raw = b""
            return self._receive_head(kept)
        self._raw = skipped  # they count together, however they come
        return _NOTHING

    def _feed_part(self, raw: bytes, fed: int) -> list[Event]:
        """Give llhttp the beginning of a head, so that a bad one is refused at once."""
        limits = self._limits
        if len(raw) > limits.request_line + 1 and b"\r\n" not in raw[: limits.request_line + 2]:
            return self._refuse(LINE_TOO_LONG, raw=raw)
        if len(raw) > limits.request_line + limits.head:
            return self._refuse(FIELDS_TOO_LARGE, raw=raw)
        self._heads.feed(raw[fed:])
        problem = self._heads.early_problem(raw)
        if problem is not None:
            return self._refuse(problem, raw=raw)
        self._raw = raw
        return _NOTHING

    def _begin(self, raw: bytes, end: int) -> list[Event]:
        """Make a request of the head that has just been read, and go on with what follows it."""
        head = self._heads.head(raw, end)
        if isinstance(head, Problem):
            return self._refuse(head, raw=raw[:end])
        self.requested += 1
        head.stream_id = self.requested
        return self._begin_request(head, raw, end)

    def _begin_request(self, head: RequestHead, raw: bytes, end: int) -> list[Event]:
        """Set what the answer depends on, and go on with what follows the head."""
        self._http_1_1 = head.http_1_1
        self._head_method = head.method == b"HEAD"
        if not head.keep_alive:
            self.closing = True
        if head.length:
            return self._begin_body(head, raw[end:])
        self.reading = DONE
        if end != len(raw):
            self.waiting = raw[end:]
        return [head]

    def _begin_body(self, head: RequestHead, rest: bytes) -> list[Event]:
        self.reading = BODY
        self._heads = HeadReader(self._limits)
        self._reader = (
            ChunkedReader(self._limits) if head.length == CHUNKED else LengthReader(head.length)
        )
        events: list[Event] = [head]
        return events + self._receive_body(rest) if rest else events

    def _receive_body(self, data: bytes) -> list[Event]:
        reader = self._reader
        assert reader is not None  # `reading` is BODY only between _begin_body and the body's end
        try:
            part, over, rest = reader.read(data)
        except FramingError as error:
            return self._refuse(FRAMING_INVALID, str(error))
        if not over:
            self.waiting = rest
            return [Data(self.requested, part, end=False)] if part else _NOTHING
        self.reading = DONE
        self.waiting = rest
        self._reader = None
        if reader.trailers:
            end = End(self.requested, reader.trailers)
            return [Data(self.requested, part, end=False), end] if part else [end]
        return [Data(self.requested, part, end=True)]

    def _refuse(
        self, problem: Problem, detail: str | None = None, *, raw: bytes = b""
    ) -> list[Event]:
        if self.reading is HEAD:
            self.requested += 1  # one that could not be read has begun too
        self.reading = BROKEN
        self.closing = True
        self._raw = self.waiting = b""
        return [Reset(self.requested, ClientFault(problem, detail), origin_in(raw))]

    # What leaves

    def send_interim(self, response: Response) -> bytes:
        """Return the bytes of a 1xx answer; HTTP/1.0 knows none (RFC 9110 15.2)."""
        if not self._http_1_1:
            return b""
        return _head_bytes(response.status, response.fields, b"")

    def send_head(self, response: Response, *, last: bool = False) -> bytes:
        """Return the bytes of an answer's head.

        `last` asks that the connection close behind this answer.  Where the upstream's answer ends
        with its connection, ours does too: an end that nobody stated is not invented here.
        """
        status = response.status
        if status == 101:
            self._bodyless = True
            self._chunked_answer = False
            return _head_bytes(status, response.fields, b"connection: upgrade\r\n")
        framing = self._framing(status, response.length)
        last = last or framing is None
        framing = framing or b""
        if last or self.closing or self.reading is not DONE:
            self.closing = True
            framing += b"connection: close\r\n"
        elif not self._http_1_1:
            framing += b"connection: keep-alive\r\n"
        if response.lines is not None:
            line = STATUS_LINES.get(status) or _status_line(status)
            return b"%b\r\n%b%b\r\n" % (line, response.lines, framing)
        return _head_bytes(status, response.fields, framing)

    def _framing(self, status: int, length: int) -> bytes | None:
        """Return the line that states the body's length; None: the end of the connection does."""
        bodyless = self._bodyless = self._head_method or status in (204, 304) or status < 200
        self._chunked_answer = False
        if length >= 0:
            # A 304 without a length does not say that there is nothing (RFC 9110 8.6).
            stated = status != 204 and status >= 200 and (length or status != 304)
            return b"content-length: %d\r\n" % length if stated else b""
        if length == CHUNKED and self._http_1_1:
            self._chunked_answer = not bodyless
            return b"" if status == 204 else b"transfer-encoding: chunked\r\n"  # RFC 9112 6.1
        return b"" if bodyless else None

    def send_data(self, data: bytes) -> bytes:
        """Return the bytes that carry a part of the answer's body; b"" where there can be none."""
        if self._bodyless:
            return b""
        return chunk(data) if self._chunked_answer else data

    def send_end(self, trailers: Fields = NO_FIELDS) -> bytes:
        """Return the bytes that end the answer's body."""
        return last_chunk(trailers) if self._chunked_answer else b""


def _head_bytes(status: int, fields: Fields, framing: bytes) -> bytes:
    # One join over one list, not a write per field: bench/paper.py, `answer head`.
    line = STATUS_LINES.get(status) or _status_line(status)
    lines = [name + b": " + value for name, value in fields]
    return b"\r\n".join([line, *lines, framing, b""])
