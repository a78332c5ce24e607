"""An attacker in a process of its own: `python -m tests.helpers.flooder PORT KIND RATE SECONDS`.

It comes from a thousand addresses of the loopback network.  `connections` begins a connection each
time, which sends what is no HTTP; `requests` asks over one kept connection of each address, several
times in one go (RFC 9112, 9.3.2), each time with another bad token.  RATE is how many a second,
open loop: each at its time, however the last ones fare.  With 0 it is closed, `AT_ONCE` at a time,
from addresses of `SPARED`: so it finds out what the gateway can do.  What became of it is one line
of JSON on standard output.

Plain sockets and epoll: it has to be faster than what it attacks.
"""

import contextlib
import errno
import itertools
import json
import resource
import select
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ADDRESSES: Final = 1000
AT_ONCE: Final = 64
SPARED: Final = "127.77.0.0/16"
"""Where it comes from to find out what the gateway can do: to be spared by the shield."""
_HOSTILE: Final = "127.66"
_HARMLESS: Final = "127.77"
_NO_HTTP: Final = b"GET / HTTP/9.9\r\nHo st: a\r\n\r\n"
_ASKED: Final = b"GET /guarded/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer eyJ.%d.a\r\n\r\n"
_PIPELINED: Final = 4
"""Requests that are sent at once: an attacker who waits for no answer has less to do so."""
_PATIENCE: Final = 3.0  # seconds
_MOST: Final = 6000  # connections at once
_RESET: Final = struct.pack("ii", 1, 0)  # leaves nothing behind in the system
_NO_PORT_YET: Final = 24  # IP_BIND_ADDRESS_NO_PORT
_ROOT: Final = Path(__file__).parents[2]


@dataclass(slots=True)
class Told:
    """What became of it: how many were sent, not even begun, answered, cut, and left waiting."""

    sent: int = 0
    unsent: int = 0
    answered: int = 0
    cut: int = 0
    waited: int = 0
    seconds: float = 0.0


class Flooder:
    """What the two kinds share."""

    AT_A_TIME = 1
    """how much of it one `attack` is"""

    def __init__(self, port: int, *, is_closed: bool) -> None:
        self.told = Told()
        self.under_way = 0
        self._port = port
        self._network = _HARMLESS if is_closed else _HOSTILE
        self._epoll = select.epoll()
        self._socks: dict[int, socket.socket] = {}
        self._numbers = itertools.count()

    def connect(self, one: int) -> socket.socket | None:
        """Begin a connection from the address of this number; None where there is no room."""
        if len(self._socks) >= _MOST:
            return None
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.setsockopt(socket.IPPROTO_IP, _NO_PORT_YET, 1)
        try:
            sock.bind((f"{self._network}.{one // 250}.{1 + one % 250}", 0))
            if sock.connect_ex(("127.0.0.1", self._port)) not in (0, errno.EINPROGRESS):
                raise OSError  # noqa: TRY301 - there is no port, or nobody listens
        except OSError:
            sock.close()
            return None
        self._socks[sock.fileno()] = sock
        return sock

    def close(self, sock: socket.socket) -> None:
        """End a connection."""
        self._socks.pop(sock.fileno(), None)
        sock.close()

    def attack(self) -> None:
        """Do it once more, or `AT_A_TIME` times."""
        raise NotImplementedError

    def happened(self, sock: socket.socket, event: int) -> None:
        """Take what has come."""
        raise NotImplementedError

    def look(self, patience: float) -> None:
        """Take what has happened, or happens soon."""
        for number, event in self._epoll.poll(patience):
            sock = self._socks.get(number)
            if sock is not None:
                self.happened(sock, event)


class Connections(Flooder):
    """Begins a connection each time."""

    def __init__(self, port: int, *, is_closed: bool) -> None:
        super().__init__(port, is_closed=is_closed)
        self._due: deque[tuple[float, socket.socket]] = deque()
        self._unsaid: set[socket.socket] = set()  # whose connection is not there yet

    def attack(self) -> None:
        """Begin one."""
        now = time.monotonic()
        while self._due and self._due[0][0] < now:
            _, late = self._due.popleft()
            if late.fileno() >= 0:
                self.told.waited += 1
                self.under_way -= 1
                self._unsaid.discard(late)
                self.close(late)
        sock = self.connect(next(self._numbers) % ADDRESSES)
        if sock is None:
            self.told.unsent += 1
            return
        self.told.sent += 1
        self.under_way += 1
        self._due.append((now + _PATIENCE, sock))
        self._epoll.register(sock.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        self._say(sock)

    def _say(self, sock: socket.socket) -> None:
        try:
            sock.send(_NO_HTTP)
        except OSError:
            self._unsaid.add(sock)

    def happened(self, sock: socket.socket, event: int) -> None:
        """Say it once the connection is there; end it with the answer."""
        if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            try:
                is_answered = bool(sock.recv(100))
            except BlockingIOError:
                return
            except OSError:
                is_answered = False
            self.told.answered += is_answered
            self.told.cut += not is_answered
            self.under_way -= 1
            self._unsaid.discard(sock)
            self.close(sock)
        elif sock in self._unsaid:
            self._unsaid.discard(sock)
            self._say(sock)


class Requests(Flooder):
    """Asks again and again over a connection of each address, some requests in one go."""

    AT_A_TIME = _PIPELINED

    def __init__(self, port: int, *, is_closed: bool) -> None:
        super().__init__(port, is_closed=is_closed)
        self._lines: dict[int, socket.socket] = {}  # by the number of the address
        self._waits: dict[socket.socket, int] = {}  # requests without an answer yet

    def attack(self) -> None:
        """Ask from the next address, over a new connection if the last one was cut."""
        number = next(self._numbers)
        one = number % ADDRESSES
        asked = b"".join([_ASKED % (number * _PIPELINED + at) for at in range(_PIPELINED)])
        for _ in range(2):
            sock = self._line(one)
            if sock is None:
                break
            try:
                sock.send(asked)
            except BlockingIOError:
                break
            except OSError:  # it was cut, and nobody has looked yet
                self._over(sock)
            else:
                self.told.sent += _PIPELINED
                self._waits[sock] += _PIPELINED
                self.under_way += _PIPELINED
                return
        self.told.unsent += _PIPELINED

    def _line(self, one: int) -> socket.socket | None:
        """Return the connection of an address; None where there is no room for one."""
        sock = self._lines.get(one)
        if sock is None or sock.fileno() < 0:
            sock = self.connect(one)
            if sock is not None:
                self._lines[one] = sock
                self._waits[sock] = 0
                self._epoll.register(sock.fileno(), select.EPOLLIN)
        return sock

    def _over(self, sock: socket.socket) -> None:
        waits = self._waits.pop(sock, 0)
        self.told.cut += waits
        self.under_way -= waits
        self.close(sock)

    def happened(self, sock: socket.socket, event: int) -> None:  # noqa: ARG002 - of the base
        """Count the answers."""
        try:
            data = sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._over(sock)
            return
        answers = min(data.count(b"HTTP/1.1 "), self._waits[sock])
        self._waits[sock] -= answers
        self.under_way -= answers
        self.told.answered += answers


def run(made: Flooder, rate: float, seconds: float) -> Told:
    """Attack for so long."""
    begun, due = time.monotonic(), 0
    while (now := time.monotonic()) - begun < seconds:
        if rate:
            wanted = int((now - begun) * rate)
            while due < wanted:
                made.attack()
                due += made.AT_A_TIME
                if due % 64 == 0:
                    made.look(0)
            made.look(0.002)
        else:
            while made.under_way < AT_ONCE and time.monotonic() - begun < seconds:
                before = made.under_way
                made.attack()
                if made.under_way == before:
                    break
            made.look(0.05)
    made.told.seconds = time.monotonic() - begun
    return made.told


KINDS: Final = {"connections": Connections, "requests": Requests}


@contextlib.contextmanager
def flooding(
    port: int, kind: str, *, rate: float, seconds: float
) -> Iterator["subprocess.Popen[str]"]:
    """Attack while the block runs, and no longer than so many seconds."""
    command = [sys.executable, "-m", "tests.helpers.flooder", str(port), kind, str(rate)]
    process = subprocess.Popen(
        [*command, str(seconds)], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def told_by(process: "subprocess.Popen[str]", seconds: float) -> Told:
    """Wait until it has ended; return what became of it."""
    said, _ = process.communicate(timeout=seconds)
    return Told(**json.loads(said))


def ceiling(port: int, kind: str, *, seconds: float = 2.0) -> float:
    """How many a second a gateway answers, that spares `SPARED`."""
    with flooding(port, kind, rate=0, seconds=seconds) as process:
        told = told_by(process, seconds + 30.0)
    return told.answered / told.seconds


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    port_, kind_, rate_, seconds_ = sys.argv[1:]
    attacker = KINDS[kind_](int(port_), is_closed=not float(rate_))
    sys.stdout.write(json.dumps(asdict(run(attacker, float(rate_), float(seconds_)))) + "\n")
