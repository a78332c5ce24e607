"""The client's side of HTTP/1.1: requests out, answers in.

One exchange at a time.  An answer's body is framed by the request's method, the status and the
fields (RFC 9112 6.3); anything that could be read in two ways is refused.  Bytes behind an answer
that is over make the connection unusable: they never reach the next client.
"""

import re
from enum import Enum
from typing import Final, TypeAlias

import httptools

from tta_gateway.kernel.errors import UpstreamFault
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, UNTIL_CLOSE, Fields, Response
from tta_gateway.kernel.problem import UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE, UPSTREAM_RESET
from tta_gateway.wire.body import ChunkedReader, CloseReader, FramingError, LengthReader, Reader
from tta_gateway.wire.chunk import chunk, last_chunk
from tta_gateway.wire.event import Data, End, Reset
from tta_gateway.wire.field import Kind, tokens
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.line import Special, read

Event: TypeAlias = Response | Data | End | Reset

_LARGEST_LENGTH: Final = 2**53
_LENGTH_DIGITS: Final = 19
_STATUS_LINE: Final = re.compile(
    rb"HTTP/1\.[01] [1-5][0-9][0-9](?: (?:[!-~\x80-\xff][\t -~\x80-\xff]*)?)?"
)
_NO_CALLBACKS: Final = object()
_MOST_STATUSES: Final = 256
_statuses: dict[bytes, int] = {}
_NO_TOKENS: Final[list[bytes]] = []
_KEEP_ALIVE: Final = [b"keep-alive"]  # what most services say, recognised without splitting it
_LENGTH: Final = int(Kind.LENGTH)
_ENCODING: Final = int(Kind.ENCODING)
_CONNECTION: Final = int(Kind.CONNECTION)
_LOOKALIKE: Final = int(Kind.LOOKALIKE)
_THIS_HOP: Final = frozenset((int(Kind.HOP), int(Kind.UPGRADE)))
_WITH_UPGRADE: Final = frozenset((101, 426))  # answers that speak of it (RFC 9110 7.8, 15.5.22)
_ZERO: Final = 48  # of HTTP/1.0
_WHOLE: Final = frozenset(range(200, 600)) - {204, 304}
_OPTIONS: Final = frozenset((b"close", b"keep-alive", b"upgrade"))
_NOTHING: Final[list[Event]] = []


class Reading(Enum):
    """Where the upstream's direction stands."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    DONE = 3
    RAW = 4  # behind a 101: bytes of another protocol
    BROKEN = 5


# Members of an Enum cost a look-up each time they are named: bench/paper.py, 1 µs a request.
IDLE: Final = Reading.IDLE
HEAD: Final = Reading.HEAD
BODY: Final = Reading.BODY
DONE: Final = Reading.DONE
RAW: Final = Reading.RAW
BROKEN: Final = Reading.BROKEN


class ClientCodec:
    """Requests to bytes and bytes to answers, for one connection to an upstream."""

    def __init__(self, limits: Limits) -> None:
        """Begin before the first request of a connection."""
        # For the connection
        self._limits = limits
        self._parser = httptools.HttpResponseParser(_NO_CALLBACKS)
        self.reading = IDLE
        self.reusable = True
        self.behind = b""
        # For this exchange
        self._stream_id = 0
        self._head_method = False
        self._chunked_request = False
        self._raw = b""
        self._reader: Reader | None = None
        self._interim = 0
        self._length: int | None = None
        self._chunked = False
        self._nominated = _NO_TOKENS
        self._upgrade = NO_FIELDS

    # What leaves

    def send_head(self, line: bytes, fields: bytes, framing: bytes, *, stream_id: int) -> bytes:
        """Return the bytes of a request's head.

        `line` is `method SP target`; `framing` are the lines that frame the message, the
        transfer-encoding first if there is one, and `fields` all the others.
        """
        self._stream_id = stream_id
        self._head_method = line.startswith(b"HEAD ")
        self._chunked_request = framing.startswith(b"transfer-encoding:")
        self.reading = HEAD
        self._interim = 0
        return b"%b HTTP/1.1\r\n%b%b\r\n" % (line, fields, framing)

    def send_data(self, data: bytes) -> bytes:
        """Return the bytes that carry a part of the request's body."""
        return chunk(data) if self._chunked_request else data

    def send_end(self, trailers: Fields = NO_FIELDS) -> bytes:
        """Return the bytes that end the request's body."""
        return last_chunk(trailers) if self._chunked_request else b""

    # What arrives

    def receive(self, data: bytes) -> list[Event]:
        """Take what arrived; return what it means.  Nothing is expected behind a Reset."""
        reading = self.reading
        if reading is HEAD:
            return self._receive_head(data)
        if reading is BODY:
            if self.behind:
                self.behind += data
                return _NOTHING
            return self._receive_body(data)
        if reading is RAW:
            return [Data(self._stream_id, data, end=False)]
        self.reusable = False  # nobody asked: an answer that is over, or none that was due
        return _NOTHING

    @property
    def is_behind(self) -> bool:
        """Tell whether more of the body has arrived than is read in one turn: `go_on` is next."""
        return self.behind != b""

    def go_on(self) -> list[Event]:
        """Read on in what has arrived of the body; for a turn of the loop of its own."""
        data, self.behind = self.behind, b""
        return self._receive_body(data)

    def receive_eof(self) -> list[Event]:
        """Take the end of the connection: the end of a body without a length, else a fault."""
        self.reusable = False
        if self.reading is BODY and isinstance(self._reader, CloseReader):
            self.reading = DONE
            return [End(self._stream_id)]
        if self.reading is HEAD and not self._raw:
            self.reading = BROKEN
            return [Reset(self._stream_id, UpstreamFault(UPSTREAM_RESET))]
        if self.reading in (HEAD, BODY):
            self.reading = BROKEN
            return [Reset(self._stream_id, UpstreamFault(UPSTREAM_INCOMPLETE))]
        return _NOTHING

    def _receive_head(self, data: bytes) -> list[Event]:
        raw = self._raw
        if raw:
            fed, raw = len(raw), raw + data
        else:
            fed, raw = 0, data
        if raw[0] == 13:
            return self._skip_empty_line(raw)
        end = raw.find(b"\r\n\r\n", fed - 3 if fed > 3 else 0) + 4
        try:
            if end == 3:
                return self._feed_part(raw, fed)
            self._parser.feed_data(raw[fed:end])
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            return self._refuse(str(error))
        if fed:
            self._raw = b""
        return self._begin(raw, end)

    def _skip_empty_line(self, raw: bytes) -> list[Event]:
        """Ignore one empty line before an answer, as llhttp does."""
        if b"\r\n".startswith(raw):
            self._raw = raw
            return _NOTHING
        if not raw.startswith(b"\r\n") or raw[2] == 13:
            return self._refuse("empty lines before the answer")
        self._raw = b""
        return self._receive_head(raw[2:])

    def _feed_part(self, raw: bytes, fed: int) -> list[Event]:
        if len(raw) > self._limits.head:
            return self._refuse("the answer's head is too large")
        self._parser.feed_data(raw[fed:])
        self._raw = raw
        return _NOTHING

    def _begin(self, raw: bytes, end: int) -> list[Event]:
        """Make an answer of the head that has just been read, and go on with what follows it."""
        lines = raw[: end - 4].split(b"\r\n")
        fields, specials = read(lines, 1)
        status = _statuses.get(lines[0]) or _status(lines[0])
        problem = self._check(lines, status, end) or self._take(specials, fields)
        if problem is not None:
            return self._refuse(problem)
        http_1_1 = lines[0][7] != _ZERO
        if self._chunked and (self._length is not None or not http_1_1):
            return self._refuse("the body's length is stated in two ways")
        response = Response(status, fields, None)
        response.stream_id = self._stream_id
        response.local = False
        if self._length is not None:
            response.length = self._length
        else:
            response.length = CHUNKED if self._chunked else UNTIL_CLOSE
        if not http_1_1 or not (self._nominated is _NO_TOKENS or self._nominated is _KEEP_ALIVE):
            self._apply_connection(response, self._nominated, http_1_1=http_1_1)
        if self._upgrade and status in _WITH_UPGRADE:
            response.fields += self._upgrade
        rest = raw[end:]
        if response.length == len(rest) and response.status in _WHOLE:
            return self._whole(response, rest)
        if response.status < 200 and response.status != 101:
            return self._interim_answer(response, rest)
        return self._begin_body(response, rest)

    def _take(self, specials: list[Special], fields: Fields) -> str | None:
        """Take the fields that mean something here; return what is wrong with one, if any is."""
        self._length, self._chunked, self._nominated = None, False, _NO_TOKENS
        self._upgrade = NO_FIELDS
        problem = None
        for kind, name, value in specials:
            if kind == _LENGTH:
                problem = problem or self._take_length(value)
            elif kind == _ENCODING:
                problem = problem or self._take_encoding(value)
            elif kind == _CONNECTION:
                self._take_connection(value)
            elif kind == _LOOKALIKE:
                return "a field is malformed, or looks like one that frames a message"
            elif kind in _THIS_HOP:
                self._take_hop(name, value)
            else:
                fields.append((name, value))
        return problem

    def _take_hop(self, name: bytes, value: bytes) -> None:
        """Take a field that is for this hop alone; llhttp obeys an old Proxy-Connection: close."""
        if name == b"upgrade":
            self._upgrade = [*self._upgrade, (name, value)]
        elif name == b"proxy-connection" and b"close" in tokens(value):
            self._nominated = [*self._nominated, b"close"]

    def _take_connection(self, value: bytes) -> None:
        if value == b"keep-alive" and self._nominated is _NO_TOKENS:
            self._nominated = _KEEP_ALIVE
        else:
            self._nominated = self._nominated + tokens(value)

    def _take_length(self, value: bytes) -> str | None:
        if self._length is not None or not value.isdigit() or len(value) > _LENGTH_DIGITS:
            return "the Content-Length is malformed or repeated"
        self._length = int(value)
        return "the Content-Length is too large" if self._length > _LARGEST_LENGTH else None

    def _take_encoding(self, value: bytes) -> str | None:
        if self._chunked or value.lower() != b"chunked":
            return "the Transfer-Encoding is not exactly `chunked`"
        self._chunked = True
        return None

    def _whole(self, response: Response, body: bytes) -> list[Event]:
        """Return an answer whose body has all come with its head: the usual one."""
        if self._head_method and body:
            return self._begin_body(response, body)
        if self._head_method:
            self._parser = httptools.HttpResponseParser(_NO_CALLBACKS)
        elif body:
            self._parser.feed_data(body)  # passes over it, and is at the beginning again
        self.reading = DONE
        self.reusable = response.keep_alive
        return [response, Data(self._stream_id, body, end=True)]

    def _apply_connection(
        self, response: Response, nominated: list[bytes], *, http_1_1: bool
    ) -> None:
        """Obey the Connection field: persistence, and what is for this hop alone."""
        if nominated and not _OPTIONS.issuperset(nominated):
            hop = frozenset(nominated)
            response.fields = [field for field in response.fields if field[0] not in hop]
        if http_1_1:
            response.keep_alive = b"close" not in nominated
        else:
            response.keep_alive = b"keep-alive" in nominated

    def _interim_answer(self, response: Response, rest: bytes) -> list[Event]:
        """Pass a 1xx answer on; the final one follows (RFC 9110 15.2)."""
        self._interim += 1
        if self._interim > self._limits.interim:
            return self._refuse("too many interim answers")
        # llhttp passes over the body that some 1xx announce; none has one (RFC 9112 6.3 rule 1).
        self._parser = httptools.HttpResponseParser(_NO_CALLBACKS)
        events: list[Event] = [response]
        return events + self._receive_head(rest) if rest else events

    def _begin_body(self, response: Response, rest: bytes) -> list[Event]:
        status = response.status
        if self._head_method or status in (204, 304) or status == 101:
            return self._without_body(response, rest)
        self._parser = httptools.HttpResponseParser(_NO_CALLBACKS)
        if response.length == CHUNKED:
            self._reader = ChunkedReader(self._limits)
        elif response.length == UNTIL_CLOSE:
            self._reader = CloseReader()
            response.keep_alive = False
        else:
            self._reader = LengthReader(response.length)
        self.reusable = response.keep_alive
        self.reading = BODY
        if not rest and response.length:
            return [response]
        return [response, *self._receive_body(rest)]

    def _without_body(self, response: Response, rest: bytes) -> list[Event]:
        if response.status == 101:
            self.reusable = False
            self.reading = RAW
            events: list[Event] = [response]
            return [*events, Data(self._stream_id, rest, end=False)] if rest else events
        if self._head_method:
            self._parser = httptools.HttpResponseParser(_NO_CALLBACKS)
        self.reading = DONE
        self.reusable = response.keep_alive and not rest
        return [response, End(self._stream_id)]

    def _receive_body(self, data: bytes) -> list[Event]:
        reader = self._reader
        assert reader is not None  # `reading` is BODY only between _begin_body and the body's end
        try:
            part, over, rest = reader.read(data)
        except FramingError as error:
            return self._refuse(str(error))
        if not over:
            self.behind = rest
            return [Data(self._stream_id, part, end=False)] if part else _NOTHING
        self.reading = DONE
        if rest:
            self.reusable = False
        self._reader = None
        if reader.trailers:
            end = End(self._stream_id, reader.trailers)
            return [Data(self._stream_id, part, end=False), end] if part else [end]
        return [Data(self._stream_id, part, end=True)]

    def _refuse(self, detail: str) -> list[Event]:
        self.reading = BROKEN
        self.reusable = False
        self._raw = self.behind = b""
        return [Reset(self._stream_id, UpstreamFault(UPSTREAM_GARBAGE, detail))]

    def _check(self, lines: list[bytes], status: int, end: int) -> str | None:
        """Check the status line (RFC 9112 4) beyond what llhttp demands, and the limits."""
        if not status:
            return "the status line is malformed"
        if end > self._limits.head or len(lines) - 1 > self._limits.fields:
            return "the answer's head is too large"
        return None


def _status(line: bytes) -> int:
    """Return the status that a status line tells, 0 if it is malformed."""
    if _STATUS_LINE.fullmatch(line) is None:
        return 0
    status = int(line[9:12])
    if len(_statuses) < _MOST_STATUSES:
        _statuses[line] = status
    return status
