"""A client that sends bytes as they are and reads the answer leniently, as a browser might."""

import asyncio
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

CLIENT_ADDRESS: Final = "127.0.0.2"
"""Where the client connects from, to tell it from addresses that a row forges."""

_STATUS_LINE: Final = re.compile(rb"HTTP/[0-9.]+[ \t]+([0-9]{3})[^\n]*\n")
_NO_BODY: Final = frozenset({101, 204, 304})
_SWITCHING_PROTOCOLS: Final = 101
_FINAL: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as far as it came."""

    status: int
    head: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_complete: bool

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a field, in order."""
        return [value for field, value in self.fields if field == name]

    @property
    def is_final(self) -> bool:
        """No 1xx; a switch of protocols counts as final."""
        return self.status >= _FINAL or self.status == _SWITCHING_PROTOCOLS


class End(Enum):
    """How a conversation ended."""

    OPEN = "open"
    """The other side had neither closed nor anything more to say."""
    CLOSED = "closed"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything that came back on one connection."""

    received: bytes
    end: End
    answers: tuple[Answer, ...]
    """The final ones; 1xx are left out."""
    leftover: bytes
    """What came after the last thing that looked like an answer."""
    had_to_hang_up: bool = False
    """The end came only after the client had closed its own half."""

    @property
    def is_closed(self) -> bool:
        """The gateway ended the connection."""
        return self.end is not End.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds."""

    total: float = 2.0
    """For what has to come."""
    quiet: float = 0.1
    """For more of what need not come, once something has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """When a conversation may be left."""

    answers: int = 1
    """As soon as so many complete answers are there; 0 stands for any byte at all."""
    close: bool = False
    """Not before the gateway has closed."""
    is_head: bool = False
    """The first answer has no body, being one to HEAD."""


async def converse(
    address: tuple[str, int],
    raw: bytes,
    *,
    wanted: Wanted,
    patience: Patience,
    hang_up_after: float | None = None,
) -> Conversation:
    """Send bytes on a fresh connection and collect what comes back.

    With `hang_up_after`, wait so long for the gateway to end it, then close the sending half.
    """
    reader, writer = await _connect(address)
    try:
        writer.write(raw)
        if hang_up_after is None:
            received, end = await _collect(reader, b"", wanted, patience)
            return _conversation(received, end, wanted)
        first = Patience(total=hang_up_after, quiet=hang_up_after)
        received, end = await _collect(reader, b"", wanted, first)
        if end is not End.OPEN:
            return _conversation(received, end, wanted)
        await _hang_up(writer)
        received, end = await _collect(reader, received, wanted, patience)
        return _conversation(received, end, wanted, had_to_hang_up=True)
    finally:
        writer.transport.abort()


async def converse_in_parts(
    address: tuple[str, int], parts: tuple[bytes, bytes], *, pause: float, patience: Patience
) -> Conversation:
    """Send the first part, and the second only if no answer came in the pause."""
    reader, writer = await _connect(address)
    wanted = Wanted(answers=0)
    try:
        writer.write(parts[0])
        short = Patience(total=pause, quiet=patience.quiet)
        received, end = await _collect(reader, b"", wanted, short)
        if not received and end is End.OPEN:
            writer.write(parts[1])
            received, end = await _collect(reader, b"", wanted, patience)
        return _conversation(received, end, wanted)
    finally:
        writer.transport.abort()


async def _connect(
    address: tuple[str, int],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*address, local_addr=(CLIENT_ADDRESS, 0))


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    if writer.can_write_eof() and not writer.is_closing():
        writer.write_eof()


async def _collect(
    reader: asyncio.StreamReader, received: bytes, wanted: Wanted, patience: Patience
) -> tuple[bytes, End]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience.total
    while True:
        wait = deadline - loop.time()
        if _is_enough(received, wanted):
            wait = patience.quiet
        try:
            piece = await asyncio.wait_for(reader.read(1 << 16), wait)
        except TimeoutError:
            return received, End.OPEN
        except ConnectionError:
            return received, End.RESET
        if not piece:
            return received, End.CLOSED
        received += piece


def _is_enough(received: bytes, wanted: Wanted) -> bool:
    if wanted.close or not received:
        return False
    answers, _ = read_answers(received, is_closed=False, is_head=wanted.is_head)
    return sum(answer.is_complete for answer in answers) >= wanted.answers


def _conversation(
    received: bytes, end: End, wanted: Wanted, *, had_to_hang_up: bool = False
) -> Conversation:
    answers, leftover = read_answers(received, is_closed=end is End.CLOSED, is_head=wanted.is_head)
    return Conversation(received, end, answers, leftover, had_to_hang_up)


def read_answers(
    data: bytes, *, is_closed: bool, is_head: bool = False
) -> tuple[tuple[Answer, ...], bytes]:
    """Split bytes into final answers and what is left over."""
    answers: list[Answer] = []
    rest = data
    while match := _STATUS_LINE.match(rest.lstrip(b"\r\n")):
        answer, rest = _read_answer(
            rest.lstrip(b"\r\n"), match, is_closed, has_body=not (is_head and not answers)
        )
        if answer.is_final:
            answers.append(answer)
        if not answer.is_complete or answer.status == _SWITCHING_PROTOCOLS:
            break
    return tuple(answers), rest


def _read_answer(
    data: bytes, match: re.Match[bytes], is_closed: bool, *, has_body: bool
) -> tuple[Answer, bytes]:
    status = int(match[1])
    end = re.compile(rb"\r?\n\r?\n").search(data, match.end() - 2)
    if not end:
        return Answer(status, data, (), b"", is_complete=False), b""
    head, rest = data[: end.end()], data[end.end() :]
    fields = _read_fields(data[match.end() : end.start()])
    if status < _FINAL or status in _NO_BODY or not has_body:
        return Answer(status, head, fields, b"", is_complete=True), rest
    body, is_complete, rest = _read_body(dict(fields), rest, is_closed)
    return Answer(status, head, fields, body, is_complete), rest


def _read_fields(block: bytes) -> tuple[tuple[bytes, bytes], ...]:
    pairs = [line.partition(b":") for line in re.split(rb"\r?\n", block) if line]
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


def _read_body(
    fields: dict[bytes, bytes], rest: bytes, is_closed: bool
) -> tuple[bytes, bool, bytes]:
    if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
        return _read_chunks(rest)
    length = fields.get(b"content-length", b"")
    if length.isdigit():
        size = int(length)
        return rest[:size], len(rest) >= size, rest[size:]
    return rest, is_closed, b""


def _read_chunks(rest: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while match := re.match(rb"([0-9A-Fa-f]+)[^\n]*\n", rest):
        size, rest = int(match[1], 16), rest[match.end() :]
        if not size:
            trailers = re.match(rb"(?:[^\r\n][^\n]*\n)*\r?\n", rest)
            return body, bool(trailers), rest[trailers.end() :] if trailers else b""
        body, rest = body + rest[:size], rest[size + 2 :]
    return body, False, b""
