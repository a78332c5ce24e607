"""Heads of requests: what llhttp accepts, and RFC 9112, RFC 9110 and the limits accept too.

llhttp is given one head at a time; a reader is made anew behind every body, so that it always
stands at the beginning of a message.  A head without a field that means something here pays for
none.
"""

import re
from collections.abc import Callable
from typing import Final

import httptools

from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, RequestHead
from tta_gateway.kernel.problem import (
    EXPECTATION_UNKNOWN,
    FIELDS_TOO_LARGE,
    FRAMING_INVALID,
    HOST_INVALID,
    LINE_TOO_LONG,
    MALFORMED,
    METHOD_UNKNOWN,
    TARGET_INVALID,
    UPGRADE_BODY,
    VERSION_UNSUPPORTED,
    Problem,
)
from tta_gateway.wire.field import SINGLE_BITS, Kind, tokens
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.line import Special, read
from tta_gateway.wire.target import EVERYDAY, is_host, origin_form

_LARGEST_LENGTH: Final = 2**53
_LENGTH_DIGITS: Final = 19
_MOST_RANGES: Final = 16
_RANGE_BIT: Final = 1 << 30  # beside those of SINGLE_BITS
_PARTS: Final = 3
_ORIGIN: Final = re.compile(rb"\r\norigin:[ \t]*([!-~]{1,512})[ \t]*\r\n", re.IGNORECASE)
_VERSIONS: Final = frozenset((b"HTTP/1.1", b"HTTP/1.0"))
_HOST: Final = int(Kind.HOST)
_NO_CALLBACKS: Final = object()
_CONNECTION_OPTIONS: Final = frozenset(
    # Options of the connection itself, and fields that nobody may have removed on the way.
    (b"close", b"keep-alive", b"upgrade", b"host", b"content-length", b"authorization", b"cookie")
)


class HeadReader:
    """Reads heads, one after the other, as long as none has a body."""

    def __init__(self, limits: Limits) -> None:
        """Stand at the beginning of a message."""
        self._limits = limits
        self._parser = httptools.HttpRequestParser(_NO_CALLBACKS)
        self._last_lines = b""
        self._last: RequestHead | None = None
        self._begin()

    def _begin(self) -> None:
        """Make ready for the fields that mean something here."""
        self._length: int | None = None
        self._chunked = False
        self._connection: list[bytes] | None = None
        self._upgrade: bytes | None = None
        self._seen = 0

    def feed(self, data: bytes) -> None:
        """Take a head or the next part of one; ClientFault if it cannot become a good one."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # the head is over; what follows it is not llhttp's
        except httptools.HttpParserError as error:
            raise ClientFault(_problem_of(error), str(error)) from error

    def again(self, raw: bytes, end: int, stream_id: int) -> RequestHead | None:
        """Return the head if it says what the last one said, byte for byte, but for its target.

        A client that keeps its connection mostly repeats itself.  What was judged once is not
        judged again; the request line always is.  HPACK pays for repeated fields once too.
        """
        last = self._last
        if last is None:
            return None
        line = raw.find(b"\r\n")
        if raw[line:end] != self._last_lines:
            return None
        method, _, rest = raw[:line].partition(b" ")
        target = rest[:-9]
        if method != last.method or rest[-9:] != b" HTTP/1.1" or line > self._limits.request_line:
            return None
        if target[:1] != b"/" or target.translate(None, EVERYDAY):
            return None
        return last.again(stream_id, target)

    def _remember(self, head: RequestHead, raw: bytes, end: int) -> None:
        """Keep the head that the next may repeat: one that changes nothing in how to answer."""
        usual = head.http_1_1 and head.method != b"HEAD"
        if usual and not head.length and head.upgrade is None:
            self._last = head
            self._last_lines = raw[raw.find(b"\r\n") : end]
        else:
            self._last = None

    def early_problem(self, raw: bytes) -> Problem | None:
        """Return what is wrong with a head of which only a part has come.

        llhttp takes a request line without a version for HTTP/0.9, whatever follows it.
        """
        line, end, _ = raw.partition(b"\n")
        if not end or line.endswith((b" HTTP/1.1\r", b" HTTP/1.0\r")):
            return None
        return VERSION_UNSUPPORTED

    def head(self, raw: bytes, end: int) -> RequestHead | Problem:
        """Return the head that has been fed; `raw[:end]` are its bytes."""
        lines = raw[: end - 4].split(b"\r\n")
        parts = lines[0].split(b" ")
        problem = self._check_line(lines, parts, end)
        if problem is not None:
            return problem
        head = RequestHead()
        head.method = method = parts[0]
        head.http_1_1 = parts[2] == b"HTTP/1.1"
        head.fields, specials = read(lines, 1)
        problem = self._take_all(head, specials) or self._check_framing(head)
        if problem is not None:
            return problem
        target = origin_form(parts[1], method=method, host=head.host)
        if target is None or method == b"CONNECT":
            return TARGET_INVALID
        head.target = target
        path, mark, query = target.partition(b"?")
        head.path = path
        head.query = query if mark else None
        self._finish(head)
        self._remember(head, raw, end)
        return head

    def _check_line(self, lines: list[bytes], parts: list[bytes], end: int) -> Problem | None:
        """Check the request line: exactly `method SP target SP HTTP/1.x` (RFC 9112 3)."""
        limits = self._limits
        line = len(lines[0])
        if line > limits.request_line:
            return LINE_TOO_LONG
        if end - line > limits.head or len(lines) - 1 > limits.fields:
            return FIELDS_TOO_LARGE
        if len(parts) != _PARTS:
            return MALFORMED
        return None if parts[2] in _VERSIONS else VERSION_UNSUPPORTED

    def _take_all(self, head: RequestHead, specials: list[Special]) -> Problem | None:
        """Take the fields that mean something here."""
        for kind, name, value in specials:
            if kind == _HOST:
                if head.host or not is_host(value):
                    return HOST_INVALID
                head.host = value
                continue
            problem = _TAKE[kind](self, head, name, value)
            if problem is not None:
                return problem
        return None

    def _check_framing(self, head: RequestHead) -> Problem | None:
        """Check Host, the body's framing and the upgrade against one another."""
        if not head.host and head.http_1_1:
            return HOST_INVALID
        if self._chunked and (self._length is not None or not head.http_1_1):
            return FRAMING_INVALID
        if self._upgrade is not None and (self._chunked or self._length):
            return UPGRADE_BODY if b"upgrade" in (self._connection or ()) else None
        return None

    def _finish(self, head: RequestHead) -> None:
        """Set what follows from several fields together."""
        if self._chunked:
            head.length = CHUNKED
        elif self._length is not None:
            head.length = self._length
        if self._connection is not None:
            self._apply_connection(head, self._connection)
        elif not head.http_1_1:
            head.keep_alive = False
        self._begin()

    def _apply_connection(self, head: RequestHead, nominated: list[bytes]) -> None:
        """Obey the Connection field: persistence, upgrade, and what is for this hop alone."""
        head.keep_alive = b"close" not in nominated and (
            head.http_1_1 or b"keep-alive" in nominated
        )
        if b"upgrade" in nominated and head.http_1_1:
            head.upgrade = self._upgrade
        if _CONNECTION_OPTIONS.issuperset(nominated):
            return
        hop = frozenset(nominated) - _CONNECTION_OPTIONS
        head.fields = [field for field in head.fields if field[0] not in hop]
        head.forwarding = [field for field in head.forwarding if field[0] not in hop]

    # What fields mean; each returns what is wrong with its value, if anything is

    def take_length(self, _: RequestHead, __: bytes, value: bytes) -> Problem | None:
        if self._length is not None or not value.isdigit() or len(value) > _LENGTH_DIGITS:
            return FRAMING_INVALID
        self._length = int(value)
        return FRAMING_INVALID if self._length > _LARGEST_LENGTH else None

    def take_encoding(self, _: RequestHead, __: bytes, value: bytes) -> Problem | None:
        if self._chunked or value.lower() != b"chunked":
            return FRAMING_INVALID
        self._chunked = True
        return None

    def take_connection(self, _: RequestHead, __: bytes, value: bytes) -> None:
        self._connection = (self._connection or []) + tokens(value)

    def take_hop(self, _: RequestHead, name: bytes, value: bytes) -> None:
        """Drop a field that is for this hop alone; llhttp obeys an old Proxy-Connection: close."""
        if name == b"proxy-connection" and b"close" in tokens(value):
            self._connection = [*(self._connection or ()), b"close"]

    def take_upgrade(self, _: RequestHead, __: bytes, value: bytes) -> None:
        self._upgrade = value.lower() if self._upgrade is None else b""

    def take_expect(self, head: RequestHead, _: bytes, value: bytes) -> Problem | None:
        head.expects_continue = True
        return None if value.lower() == b"100-continue" else EXPECTATION_UNKNOWN

    def take_forwarding(self, head: RequestHead, name: bytes, value: bytes) -> None:
        if head.forwarding is NO_FIELDS:
            head.forwarding = []
        head.forwarding.append((name, value))

    def take_single(self, head: RequestHead, name: bytes, value: bytes) -> Problem | None:
        bit = SINGLE_BITS[name]
        if self._seen & bit:
            return MALFORMED
        self._seen |= bit
        head.fields.append((name, value))
        return None

    def take_range(self, head: RequestHead, name: bytes, value: bytes) -> Problem | None:
        """Keep it if it is modest: any server may ignore it, and send the whole (RFC 9110 14.2)."""
        if self._seen & _RANGE_BIT:
            return MALFORMED
        self._seen |= _RANGE_BIT
        if value.count(b",") < _MOST_RANGES:
            head.fields.append((name, value))
        return None

    def refuse_field(self, _: RequestHead, __: bytes, ___: bytes) -> Problem | None:
        return MALFORMED


# Behind the class: a compiled class has no methods while its body is read.
_TAKE: Final[dict[int, Callable[[HeadReader, RequestHead, bytes, bytes], Problem | None]]] = {
    int(Kind.LENGTH): HeadReader.take_length,
    int(Kind.ENCODING): HeadReader.take_encoding,
    int(Kind.CONNECTION): HeadReader.take_connection,
    int(Kind.HOP): HeadReader.take_hop,
    int(Kind.UPGRADE): HeadReader.take_upgrade,
    int(Kind.EXPECT): HeadReader.take_expect,
    int(Kind.FORWARDING): HeadReader.take_forwarding,
    int(Kind.SINGLE): HeadReader.take_single,
    int(Kind.LOOKALIKE): HeadReader.refuse_field,
    int(Kind.ALIAS): HeadReader.refuse_field,
    int(Kind.RANGE): HeadReader.take_range,
}


def _problem_of(error: httptools.HttpParserError) -> Problem:
    return (
        METHOD_UNKNOWN if isinstance(error, httptools.HttpParserInvalidMethodError) else MALFORMED
    )


def origin_in(raw: bytes) -> bytes | None:
    """Return the Origin of a head that cannot be trusted otherwise, if it seems to have one."""
    match = _ORIGIN.search(raw)
    return match[1] if match else None
