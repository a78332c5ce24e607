"""An upstream that does on real sockets exactly what each test's script says.

A thread serves each connection: it reads a head, hands the request to the script of its target, and
reads the next head if the script has left the socket open.
"""

import contextlib
import itertools
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.helpers.clients import PATIENCE, RESET, Cut, Field, Headed, Stream
from tests.helpers.raw_client import End

_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class Head(Headed):
    """A request's head as the upstream got it."""

    method: bytes
    target: bytes
    fields: tuple[Field, ...]


class Call(Stream):
    """One request, and the connection it came on; `number` counts connections from 1."""

    def __init__(self, head: Head, stream: Stream, number: int) -> None:
        super().__init__(stream.sock)
        self.buffer = stream.buffer
        self.head = head
        self.number = number
        self.is_over = False

    def body(self) -> bytes:
        """Read the request's body."""
        return self.body_and_trailers()[0]

    def body_and_trailers(self) -> tuple[bytes, tuple[Field, ...]]:
        """Read the request's body and what follows it."""
        if self.head.value(b"transfer-encoding") == b"chunked":
            return self.read_chunked()
        return self.read_exactly(int(self.head.value(b"content-length") or b"0")), ()

    def answer(self, body: bytes = b"", *, status: int = 200, fields: Iterable[Field] = ()) -> None:
        """Answer with a body of a stated length."""
        lines = [b"HTTP/1.1 %d Told" % status, b"Content-Length: %d" % len(body)]
        self.send(b"\r\n".join([*lines, *(b"%b: %b" % one for one in fields), b"", body]))

    def finish(self) -> None:
        """Close the connection in order."""
        self.is_over = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.close()

    def hang_up_with(self, data: bytes) -> None:
        """Say this and close at once, with something unread: the system makes a reset of that."""
        self.is_over = True
        assert select.select([self.sock], [], [], PATIENCE)[0], "nothing is left to be read"
        self.send(data)
        self.close()

    def break_off(self) -> None:
        """Close the connection with a reset."""
        self.is_over = True
        self.reset()

    def gone(self, patience: float = PATIENCE) -> float:
        """Wait until the gateway has ended the connection; return the moment."""
        self.is_over = True
        assert self.end(patience) is not End.OPEN, "the gateway holds the connection open"
        return time.monotonic()


Script = Callable[[Call], None]


class Late:
    """A script that answers once the test has it released."""

    def __init__(self, body: bytes = b"late but whole") -> None:
        """Hold back this body."""
        self.body = body
        self._released = threading.Event()

    def __call__(self, call: Call) -> None:
        """Wait, and answer."""
        assert self._released.wait(3 * PATIENCE)  # a test may have commands run meanwhile
        call.answer(self.body)

    def release(self) -> None:
        """Let all answers go."""
        self._released.set()


class ScriptedUpstream:
    """Serves from entering its `with` block to leaving it."""

    def __init__(
        self, *, port: int = 0, unix: Path | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        if not unix:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(str(unix) if unix else ("127.0.0.1", port))
        self.listener.listen(_BACKLOG)
        self.port = 0 if unix else int(self.listener.getsockname()[1])
        scheme = "https" if tls else "http"
        self.url = f"unix:{unix}" if unix else f"{scheme}://127.0.0.1:{self.port}"
        self._tls = tls
        self.faults: list[BaseException] = []
        """What scripts have raised, beside the ends of connections."""
        self._scripts: dict[bytes, Script] = {}
        self._names = itertools.count(1)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self._calls: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.break_all()

    def break_all(self, *, with_reset: bool = False) -> None:
        """End every connection."""
        with self._lock:
            left = list(self._open.values())
        for sock in left:
            with contextlib.suppress(OSError):
                if with_reset:  # the thread that reads closes it, which then is a reset
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    sock.shutdown(socket.SHUT_RD)
                else:
                    sock.shutdown(socket.SHUT_RDWR)

    def say_on_all(self, data: bytes) -> None:
        """Send bytes on every connection, whether anybody asked or not."""
        with self._lock:
            for sock in self._open.values():
                sock.sendall(data)

    def on(self, script: Script, *, under: bytes = b"/") -> bytes:
        """Take a script; return the fresh target that leads to it."""
        target = b"%b%d" % (under, next(self._names))
        self._scripts[target] = script
        return target

    def answers(self, target: bytes, script: Script) -> None:
        """Have a script answer what is asked under a target of the test's own."""
        self._scripts[target] = script

    def calls(self, target: bytes) -> int:
        """How many requests have come for the target."""
        with self._lock:
            return self._calls.get(target, 0)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.port:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = next(self._numbers)
            with self._lock:
                self._open[number] = sock
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            with self._climbed(sock, number) as end:
                self._converse(Stream(end), number)
        except (OSError, Cut):
            pass  # the gateway has ended the connection, or had enough
        except BaseException as fault:  # noqa: BLE001 - the test's own thread must hear of it
            self.faults.append(fault)
        finally:
            with self._lock:
                del self._open[number]

    def _climbed(self, sock: socket.socket, number: int) -> socket.socket:
        """Return the connection to speak on: TLS over it, if that is spoken here."""
        if self._tls is None:
            return sock
        with self._lock:
            self._open[number] = self._tls.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        return self._open[number]

    def _converse(self, stream: Stream, number: int) -> None:
        stream.sock.settimeout(None)  # a connection may be idle for as long as the gateway likes
        while (head := _head(stream)) is not None:
            path = head.target.partition(b"?")[0]
            with self._lock:
                self._calls[path] = self._calls.get(path, 0) + 1
            call = Call(head, stream, number)
            self._scripts.get(path, _plainly)(call)
            if call.is_over:
                return
            stream.buffer = call.buffer
            stream.sock.settimeout(None)


def _plainly(call: Call) -> None:
    call.body()
    call.answer(b"plain")


def _head(stream: Stream) -> Head | None:
    """Read a head; None if the connection ends before one begins."""
    try:
        line, *lines = stream.read_until(b"\r\n\r\n")[:-4].split(b"\r\n")
    except Cut as cut:
        if cut.received:
            raise
        return None
    method, target, version = line.split(b" ")
    assert version == b"HTTP/1.1"
    pairs = [one.partition(b":") for one in lines]
    return Head(method, target, tuple((name.lower(), value.strip()) for name, _, value in pairs))
