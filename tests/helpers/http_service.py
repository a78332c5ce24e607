"""A service of its own process, which can be killed: `python -m tests.helpers.http_service PORT`.

It answers with its port, in one piece, and to `/slow` after a while, to `/slow8` after 8
seconds.  SIGUSR1 makes it answer 500 from then on, SIGUSR2 200 again.  Behind the port may stand
how many seconds it takes to answer, until SIGUSR2, and each how many-eth answer is a 500 (0: none).
"""

import contextlib
import http.server
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final, cast

from tests.helpers.gateway import free_port
from tests.helpers.slow import connects, wait_until

_ROOT: Final = Path(__file__).parents[2]


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # what is killed has sent a whole answer or nothing
    status = 200
    takes = 0.0
    each = 0
    turns = itertools.count(1)

    def do_GET(self) -> None:
        slow = self.path.startswith("/slow")
        time.sleep(float(self.path.removeprefix("/slow") or 0.03) if slow else _Answer.takes)
        fails = _Answer.each > 0 and next(_Answer.turns) % _Answer.each == 0
        body = b"%d" % cast("http.server.HTTPServer", self.server).server_port
        self.send_response(500 if fails else _Answer.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name is the library's

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Service:
    """One, at a port of its own; it can be ended and begun again."""

    def __init__(self, *, takes: float = 0.0, each: int = 0) -> None:
        """Start it."""
        self.port = free_port()
        self._more = [str(takes), str(each)]
        self.begin()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Start it (again)."""
        command = [sys.executable, "-m", "tests.helpers.http_service", str(self.port), *self._more]
        self.process = subprocess.Popen(command, cwd=_ROOT)
        assert wait_until(lambda: connects(self.port))

    def kill(self) -> None:
        """End it as a fault does."""
        self.process.kill()
        self.process.wait()

    def fail(self, *, failing: bool = True) -> None:
        """Have it answer 500, or 200 again."""
        self.process.send_signal(signal.SIGUSR1 if failing else signal.SIGUSR2)


@contextlib.contextmanager
def services(count: int) -> Iterator[list[Service]]:
    """So many of them, for as long as the block lasts."""
    made = [Service() for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.kill()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # a few, as it comes, and a crowd's first packets are dropped


def _turn(number: int, _: FrameType | None) -> None:
    _Answer.status, _Answer.takes = (500 if number == signal.SIGUSR1 else 200), 0.0


if __name__ == "__main__":
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _turn)
    if len(sys.argv) > 2:
        _Answer.takes, _Answer.each = float(sys.argv[2]), int(sys.argv[3])
    _Server(("127.0.0.1", int(sys.argv[1])), _Answer).serve_forever()
