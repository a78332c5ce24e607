"""A strict reader of answers that shares no code with the gateway: the client's eye in the fuzzing.

It is written from RFC 9112 alone, takes everything that came at once, and accepts one spelling of
everything.  `independent_parser` does the same for requests, piece by piece.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.helpers.independent_parser import Malformed

Lines: TypeAlias = tuple[tuple[bytes, bytes], ...]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")


@dataclass(frozen=True, slots=True)
class StrictAnswer:
    """One answer.  `end` says what ends it: nothing, length, chunks, close or a switch."""

    version: int
    status: int
    fields: Lines
    body: bytes
    trailers: Lines
    end: str
    is_complete: bool

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of a field, in order."""
        return [value for field, value in self.fields if field == name]

    @property
    def persists(self) -> bool:
        """Tell whether the connection may be used again."""
        options = b",".join(self.values(b"connection")).lower()
        names = {option.strip() for option in options.split(b",")}
        if self.end == "close" or b"close" in names:
            return False
        return self.version == 1 or b"keep-alive" in names


def read_answer(
    data: bytes, *, method: bytes, is_closed: bool
) -> tuple[list[StrictAnswer], bytes] | None:
    """Return the interim answers and the final one, and what is behind; None if none has come."""
    answers: list[StrictAnswer] = []
    while True:
        # One empty line before an answer does no harm, and llhttp ignores it.
        head = _head(data.removeprefix(b"\r\n"))
        if head is None:
            return (answers, data) if answers else None
        version, status, fields, rest = head
        answer, data = _answer((version, status, fields), rest, method, is_closed=is_closed)
        answers.append(answer)
        if status >= 200 or status == 101:
            return answers, data


def _head(data: bytes) -> tuple[int, int, Lines, bytes] | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    line, *lines = data[:end].split(b"\r\n")
    status = _STATUS_LINE.fullmatch(line)
    if status is None:
        raise Malformed(f"status line {line[:80]!r}")
    return int(status[1]), int(status[2]), _fields(lines), data[end + 4 :]


def _fields(lines: list[bytes]) -> Lines:
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Malformed(f"field line {line[:80]!r}")
        fields.append((match[1].lower(), match[2].strip(b" \t")))
    return tuple(fields)


def _answer(
    head: tuple[int, int, Lines], rest: bytes, method: bytes, *, is_closed: bool
) -> tuple[StrictAnswer, bytes]:
    version, status, fields = head
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1 or (codings and version == 0):
        raise Malformed(f"framed by {lengths!r} and {codings!r}")
    if (lengths and not lengths[0].isdigit()) or (codings and codings[0].lower() != b"chunked"):
        raise Malformed(f"framed by {lengths!r} and {codings!r}")
    trailers: Lines = ()
    is_complete = True
    if status < 200 or status in (204, 304) or method == b"HEAD":
        end, body = ("switch" if status == 101 else "nothing"), b""
    elif codings:
        end = "chunks"
        body, trailers, is_complete, rest = _chunks(rest)
    elif lengths:
        end, size = "length", int(lengths[0])
        body, is_complete, rest = rest[:size], len(rest) >= size, rest[size:]
    else:
        end, body, is_complete, rest = "close", rest, is_closed, b""
    return StrictAnswer(version, status, fields, body, trailers, end, is_complete), rest


def _chunks(data: bytes) -> tuple[bytes, Lines, bool, bytes]:
    parts: list[bytes] = []
    at = 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size_line = _SIZE.fullmatch(data[at:end])
        if size_line is None:
            raise Malformed(f"chunk size line {data[at:end][:80]!r}")
        size = int(size_line[1], 16)
        if size == 0:
            return _last(b"".join(parts), data, end + 2)
        parts.append(data[end + 2 : end + 2 + size])
        behind = data[end + 2 + size : end + 4 + size]
        if not b"\r\n".startswith(behind):
            raise Malformed("no CRLF behind a chunk")
        at = end + 4 + size
    return b"".join(parts), (), False, b""


def _last(body: bytes, data: bytes, at: int) -> tuple[bytes, Lines, bool, bytes]:
    """Read the trailer section, which begins at `at`."""
    if data.startswith(b"\r\n", at):
        return body, (), True, data[at + 2 :]
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        return body, (), False, b""
    return body, _fields(data[at:end].split(b"\r\n")), True, data[end + 4 :]
