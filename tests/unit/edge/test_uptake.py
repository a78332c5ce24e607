"""How much a peer has taken, as a socket tells it."""

import asyncio
import socket
from typing import cast

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeSocket, FakeTransport
from tta_gateway.edge.uptake import UNKNOWN, taken_through


class Told(FakeSocket):
    """A socket whose kernel tells this."""

    def __init__(self, answer: bytes | OSError) -> None:
        super().__init__(socket.AF_INET)
        self.answer = answer

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        super().getsockopt(level, name, size)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def taken(sock: FakeSocket | None) -> int:
    transport = FakeTransport(FakeLoop())
    transport.socket = sock
    return taken_through(cast("asyncio.Transport", transport))


def test_what_is_acknowledged_was_taken() -> None:
    sock = FakeSocket(socket.AF_INET6)
    sock.taken = 5_000_000_000
    assert taken(sock) == 5_000_000_000


@pytest.mark.parametrize(
    "sock",
    [None, FakeSocket(socket.AF_UNIX), Told(b""), Told(bytes(104)), Told(OSError("it has gone"))],
    ids=["no socket", "a Unix socket", "nothing", "an old kernel", "closed"],
)
def test_where_nobody_counts_it_is_unknown(sock: FakeSocket | None) -> None:
    assert taken(sock) == UNKNOWN
