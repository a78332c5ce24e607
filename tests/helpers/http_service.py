"""A service of its own process, which can be killed: `python -m tests.helpers.http_service PORT`.

It answers with its port, in one piece, and to `/slow` after a while, to `/slow8` after 8 s.
SIGUSR1 makes it answer 500 from then on, SIGUSR2 200 again.
"""

import contextlib
import http.server
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

    def do_GET(self) -> None:
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.removeprefix("/slow") or 0.03))
        body = b"%d" % cast("http.server.HTTPServer", self.server).server_port
        self.send_response(_Answer.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name is the library's

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Service:
    """One, at a port of its own; it can be ended and begun again."""

    def __init__(self) -> None:
        """Start it."""
        self.port = free_port()
        self.begin()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Start it (again)."""
        command = [sys.executable, "-m", "tests.helpers.http_service", str(self.port)]
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
    _Answer.status = 500 if number == signal.SIGUSR1 else 200


if __name__ == "__main__":
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _turn)
    _Server(("127.0.0.1", int(sys.argv[1])), _Answer).serve_forever()
