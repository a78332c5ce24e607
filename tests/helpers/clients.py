"""Clients on plain blocking sockets: they send what they are told, and read answers strictly."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.helpers.raw_client import End

Field = tuple[bytes, bytes]

PATIENCE: Final = 10.0
"""Seconds for whatever has to happen."""
_PIECE: Final = 1 << 16
_NO_BODY: Final = (204, 304)
RESET: Final = struct.pack("ii", 1, 0)
"""The SO_LINGER of a socket whose close is a reset."""


class Cut(Exception):
    """The other side ended the connection where more was due; `end` says how."""

    def __init__(self, end: End, received: bytes) -> None:
        super().__init__(f"{end.value} after {received[-200:]!r}")
        self.end = end
        self.received = received


class Stream:
    """Bytes to and from a socket, with patience."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        self.sock = sock
        self.buffer = b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def read_some(self) -> bytes:
        """What there is, or what comes next; b"" at the end of the stream."""
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        return self.sock.recv(_PIECE)

    def read_until(self, mark: bytes) -> bytes:
        """All up to the mark, and the mark."""
        while mark not in self.buffer:
            self._more()
        data, found, self.buffer = self.buffer.partition(mark)
        return data + found

    def read_exactly(self, size: int) -> bytes:
        """So many bytes."""
        parts, left = [], size
        while left:
            part = self._piece()
            parts.append(part[:left])
            self.buffer = part[left:]
            left -= len(parts[-1])
        return b"".join(parts)

    def read_chunked(self) -> tuple[bytes, tuple[Field, ...]]:
        """A body in chunks, and its trailers."""
        parts = []
        while size := int(self.read_until(b"\r\n").partition(b";")[0], 16):
            parts.append(self.read_exactly(size))
            assert self.read_exactly(2) == b"\r\n"
        trailers = []
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            trailers.append(_field(line))
        return b"".join(parts), tuple(trailers)

    def read_to_end(self) -> bytes:
        """All that comes before an orderly end."""
        parts, self.buffer = [self.buffer], b""
        while part := self._received():
            parts.append(part)
        return b"".join(parts)

    def end(self, patience: float = PATIENCE) -> End:
        """Wait for the end of the stream, whatever comes before it; say how it ended."""
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                if not self.read_some():
                    return End.CLOSED
            except TimeoutError:
                break
            except ConnectionError:
                return End.RESET
            finally:
                self.sock.settimeout(PATIENCE)
        return End.OPEN

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in order."""
        self.sock.close()

    def reset(self) -> None:
        """Break off: the other side sees a reset."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    def _more(self) -> None:
        part = self._received()
        if not part:
            raise Cut(End.CLOSED, self.buffer)
        self.buffer += part

    def _piece(self) -> bytes:
        if not self.buffer:
            self._more()
        data, self.buffer = self.buffer, b""
        return data

    def _received(self) -> bytes:
        try:
            return self.sock.recv(_PIECE)
        except ConnectionError as error:
            raise Cut(End.RESET, self.buffer) from error


class Headed:
    """A message with fields."""

    __slots__ = ()
    fields: tuple[Field, ...]

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a field, in order."""
        return [value for known, value in self.fields if known == name]

    def value(self, name: bytes) -> bytes | None:
        """The only value of a field, or None."""
        values = self.values(name)
        assert len(values) <= 1, f"{name!r} is repeated: {values}"
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Answer(Headed):
    """A final answer, whole."""

    status: int
    fields: tuple[Field, ...]
    body: bytes = b""
    trailers: tuple[Field, ...] = ()
    interim: tuple["Answer", ...] = field(default=(), repr=False)
    """The 1xx answers that came before it."""


class Client(Stream):
    """One client's connection, to a port or a unix socket."""

    def __init__(
        self, where: int | Path, *, source: str = "127.0.0.1", receive_buffer: int | None = None
    ) -> None:
        sock = socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX)
        try:
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(PATIENCE)
            _connect(sock, where, source)
        except OSError:
            sock.close()
            raise
        super().__init__(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()

    def ask(self, target: bytes, *, method: bytes = b"GET", fields: Iterable[Field] = ()) -> None:
        """Send a head."""
        self.send(head_of(target, method=method, fields=fields))

    def answer(self, *, to: bytes = b"GET") -> Answer:
        """Read one answer, whole."""
        interim = []
        while (head := self.head()).status < 200 and head.status != 101:
            interim.append(head)
        body, trailers = self._body(head, to)
        return Answer(head.status, head.fields, body, trailers, tuple(interim))

    def head(self) -> Answer:
        """Read one head, interim or final, and leave its body."""
        line, *lines = self.read_until(b"\r\n\r\n")[:-4].split(b"\r\n")
        version, status, _ = line.split(b" ", 2)
        assert version == b"HTTP/1.1"
        return Answer(int(status), tuple(_field(one) for one in lines))

    def get(self, target: bytes, *, fields: Iterable[Field] = ()) -> Answer:
        """Ask and read the answer."""
        self.ask(target, fields=fields)
        return self.answer()

    def _body(self, head: Answer, method: bytes) -> tuple[bytes, tuple[Field, ...]]:
        if method == b"HEAD" or head.status in _NO_BODY or head.status == 101:
            return b"", ()
        if head.value(b"transfer-encoding") == b"chunked":
            return self.read_chunked()
        length = head.value(b"content-length")
        if length is not None:
            return self.read_exactly(int(length)), ()
        return self.read_to_end(), ()


def _connect(sock: socket.socket, where: int | Path, source: str) -> None:
    if isinstance(where, Path):
        sock.connect(str(where))
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", where))


def head_of(target: bytes, *, method: bytes = b"GET", fields: Iterable[Field] = ()) -> bytes:
    """The bytes of a request's head."""
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: gateway.test"]
    return b"\r\n".join([*lines, *(b"%b: %b" % one for one in fields), b"", b""])


def post_of(target: bytes, body: bytes, *, method: bytes = b"POST") -> bytes:
    """The bytes of a request with a body of a stated length."""
    return head_of(target, method=method, fields=[(b"Content-Length", b"%d" % len(body))]) + body


def chunk(data: bytes) -> bytes:
    """One chunk; of nothing, the last one without trailers."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked_post(target: bytes, *, fields: Iterable[Field] = ()) -> bytes:
    """The head of a request whose body follows in chunks."""
    return head_of(target, method=b"POST", fields=[(b"Transfer-Encoding", b"chunked"), *fields])


def _field(line: bytes) -> Field:
    name, _, value = line.rstrip(b"\r\n").partition(b":")
    return name.lower(), value.strip()
