"""A strict, incremental HTTP/1.1 request parser that shares no code with the gateway.

It is the upstream's eye in the conformance tests: what this parser refuses, some real server would
read differently from the gateway.  It is written from RFC 9112 alone and accepts one spelling of
everything: single SP in the request line, CRLF, token names, one Host, Content-Length or exactly
`Transfer-Encoding: chunked`.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, TypeVar


class Severity(Enum):
    """How bad something in a request is, as seen from the upstream."""

    DANGEROUS = "dangerous"
    """Two servers may disagree where the message ends, or what a field is."""
    INVALID = "invalid"
    """Not HTTP as the RFC has it, but the framing is beyond doubt."""
    REMARK = "remark"
    """Allowed, and worth a line in a report."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the parser noticed."""

    severity: Severity
    what: str


@dataclass(frozen=True, slots=True)
class Head:
    """A request line and its fields, names in lower case."""

    method: bytes
    target: bytes
    version: bytes
    fields: tuple[tuple[bytes, bytes], ...]

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a field, in order."""
        return [value for field, value in self.fields if field == name]


@dataclass(frozen=True, slots=True)
class Request:
    """One complete request."""

    head: Head
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...] = ()


class Malformed(Exception):
    """The bytes are no request; nothing after them can be trusted either."""


_T = TypeVar("_T")
_Steps: TypeAlias = Generator[None, None, _T]

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_REQUEST_LINE: Final = re.compile(rb"(%b) ([\x21-\x7e\x80-\xff]+) HTTP/(1\.[01])" % _TOKEN)
_FIELD_LINE: Final = re.compile(rb"(%b):[ \t]*(.*?)[ \t]*" % _TOKEN, re.DOTALL)
_CHUNK_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*"
    % (_TOKEN, _TOKEN, _QUOTED)
)
_HOST: Final = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]*")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING: Final = {"transferencoding": b"transfer-encoding", "contentlength": b"content-length"}
_NEVER_IN_TRAILERS: Final = frozenset(
    {b"transfer-encoding", b"content-length", b"host", b"connection", b"authorization"}
)


class RequestParser:
    """Feed it what one connection brought; it gives back complete requests."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.pending: Head | None = None
        """The head of a request whose body is still on its way."""
        self.is_broken = False
        self._buffer = bytearray()
        self._complete: list[Request] = []
        self._steps = self._run()

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes.  Return the requests that they complete."""
        self._buffer += data
        if not self.is_broken:
            self._advance()
        complete, self._complete = self._complete, []
        return complete

    def _advance(self) -> None:
        try:
            next(self._steps)
        except Malformed as error:
            self.is_broken = True
            self._note(Severity.DANGEROUS, str(error))

    def _note(self, severity: Severity, what: str) -> None:
        self.findings.append(Finding(severity, what))

    def _run(self) -> _Steps[None]:
        while True:
            head = yield from self._head()
            self.pending = head
            body, trailers = yield from self._body(head)
            self.pending = None
            self._complete.append(Request(head, body, trailers))

    def _head(self) -> _Steps[Head]:
        line = yield from self._line()
        match = _REQUEST_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"request line {line[:80]!r}")
        fields = yield from self._fields()
        head = Head(match[1], match[2], match[3], fields)
        self.findings += [*_about_target(head), *_about_fields(fields), *_about_host(head)]
        self.findings += _about_framing(head)
        return head

    def _fields(self) -> _Steps[tuple[tuple[bytes, bytes], ...]]:
        fields = []
        while line := (yield from self._line()):
            match = _FIELD_LINE.fullmatch(line)
            if not match:
                raise Malformed(f"field line {line[:80]!r}")
            fields.append((match[1].lower(), match[2]))
        return tuple(fields)

    def _body(self, head: Head) -> _Steps[tuple[bytes, tuple[tuple[bytes, bytes], ...]]]:
        if head.values(b"transfer-encoding"):
            return (yield from self._chunks())
        lengths = head.values(b"content-length")
        if lengths and lengths[0].isdigit():
            return (yield from self._exactly(int(lengths[0]))), ()
        return b"", ()

    def _chunks(self) -> _Steps[tuple[bytes, tuple[tuple[bytes, bytes], ...]]]:
        body = bytearray()
        while size := (yield from self._chunk_size()):
            body += yield from self._exactly(size)
            if (yield from self._exactly(2)) != b"\r\n":
                raise Malformed("no CRLF after the data of a chunk")
        trailers = yield from self._fields()
        self.findings += _about_trailers(trailers)
        return bytes(body), trailers

    def _chunk_size(self) -> _Steps[int]:
        line = yield from self._line()
        match = _CHUNK_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"chunk size line {line[:80]!r}")
        return int(match[1], 16)

    def _exactly(self, size: int) -> _Steps[bytes]:
        while len(self._buffer) < size:
            yield
        return self._cut(size)

    def _line(self) -> _Steps[bytes]:
        """A line without its CRLF.  Stray bytes are refused before the line is whole."""
        while (end := self._buffer.find(b"\n")) < 0:
            _refuse_stray(bytes(self._buffer).removesuffix(b"\r"))
            yield
        line = self._cut(end + 1)
        if not line.endswith(b"\r\n"):
            raise Malformed(f"bare LF after {line[-40:]!r}")
        _refuse_stray(line[:-2])
        return line[:-2]

    def _cut(self, size: int) -> bytes:
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece


def _refuse_stray(line: bytes) -> None:
    for byte, name in ((b"\r", "bare CR"), (b"\x00", "NUL")):
        if byte in line:
            raise Malformed(f"{name} in {line[:80]!r}")


def _about_target(head: Head) -> list[Finding]:
    if not head.target.isascii():
        return [Finding(Severity.INVALID, f"raw non-ASCII in the target {head.target!r}")]
    if b"#" in head.target:
        return [Finding(Severity.INVALID, f"a fragment in the target {head.target!r}")]
    return []


def _about_fields(fields: tuple[tuple[bytes, bytes], ...]) -> list[Finding]:
    return [finding for name, value in fields for finding in _about_field(name, value)]


def _about_field(name: bytes, value: bytes) -> list[Finding]:
    findings = []
    plain = re.sub(rb"[^a-z0-9]", b"", name).decode()
    if _FRAMING.get(plain, name) != name:
        findings.append(Finding(Severity.DANGEROUS, f"look-alike field {name!r}"))
    if _CONTROL.search(value):
        # RFC 9110 5.5: a recipient MAY keep other control characters within a value.
        findings.append(Finding(Severity.REMARK, f"control character kept in {name!r}"))
    return findings


def _about_host(head: Head) -> list[Finding]:
    hosts = head.values(b"host")
    if len(hosts) > 1:
        return [Finding(Severity.DANGEROUS, f"{len(hosts)} Host fields")]
    if not hosts and head.version == b"1.1":
        return [Finding(Severity.INVALID, "HTTP/1.1 without Host")]
    if hosts and not _HOST.fullmatch(hosts[0]):
        return [Finding(Severity.INVALID, f"Host {hosts[0]!r}")]
    return []


def _about_framing(head: Head) -> list[Finding]:
    lengths, codings = head.values(b"content-length"), head.values(b"transfer-encoding")
    doubts = {
        "both Content-Length and Transfer-Encoding": bool(lengths and codings),
        f"Transfer-Encoding {codings!r}": bool(codings) and codings[0].lower() != b"chunked",
        "several Transfer-Encoding fields": len(codings) > 1,
        "Transfer-Encoding in HTTP/1.0": bool(codings) and head.version == b"1.0",
        "several Content-Length fields": len(lengths) > 1,
        f"Content-Length {lengths!r}": not all(length.isdigit() for length in lengths),
    }
    return [Finding(Severity.DANGEROUS, what) for what, is_so in doubts.items() if is_so]


def _about_trailers(trailers: tuple[tuple[bytes, bytes], ...]) -> list[Finding]:
    forbidden = [
        Finding(Severity.INVALID, f"{name!r} among the trailers")
        for name, _ in trailers
        if name in _NEVER_IN_TRAILERS
    ]
    return [*_about_fields(trailers), *forbidden]
