"""Sockets that listen, as a worker accepts from them."""

import contextlib
import socket
import time
from typing import Final

import pytest

from tta_gateway.node.listening import Listening
from tta_gateway.snapshot.model import Listener

pytestmark = pytest.mark.e2e

KIB: Final = 1024


def taken(client: socket.socket, served: socket.socket) -> int:
    """Return how many bytes the system takes for a client that reads nothing."""
    served.setblocking(False)
    begun, sent = time.monotonic(), 0
    while time.monotonic() - begun < 0.5:
        with contextlib.suppress(BlockingIOError):
            sent += served.send(bytes(64 * KIB))
            continue
        time.sleep(0.01)
    assert client.fileno() >= 0  # it is there all the time
    return sent


@pytest.mark.parametrize("handed_over", [False, True])
def test_for_a_client_that_reads_nothing_the_system_takes_little(*, handed_over: bool) -> None:
    """Red without `_hold_little(sock)` in node/listening.py: megabytes.

    What a gateway of before has bound counts too.
    """
    with contextlib.ExitStack() as stack:
        listener, fds = Listener(host="127.0.0.1", port=0), []
        if handed_over:
            fds = [socket.create_server(("127.0.0.1", 0)).detach()]
        listening = Listening(listener, 1, fds=fds)
        stack.callback(listening.close)
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        client.connect(listening.of(0).getsockname())
        served = stack.enter_context(listening.of(0).accept()[0])
        assert taken(client, served) <= 512 * KIB
