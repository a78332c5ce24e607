"""Limits on open WebSockets, by real workers."""

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response as Answered
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.limited import Limited, limited
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def echo() -> Iterator[str]:
    """A service of WebSockets."""
    with serve(_echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


def opened(node: Limited, stack: contextlib.ExitStack) -> ClientConnection:
    """Open a WebSocket that echoes."""
    url = f"ws://127.0.0.1:{node.gateway.port}/talk"
    made = stack.enter_context(connect(url, proxy=None))
    made.send("hello")
    assert made.recv(5) == "hello"
    return made


def refusal(node: Limited) -> Answered:
    """Open one more than may be."""
    with pytest.raises(InvalidStatus) as refused, contextlib.ExitStack() as stack:
        opened(node, stack)
    return refused.value.response


def is_full(node: Limited) -> bool:
    """Wait until whichever worker is asked has heard that no seat is left."""
    return wait_until(lambda: not any(_is_let_in(node) for _ in range(4)))


def let_in(node: Limited, stack: contextlib.ExitStack) -> ClientConnection:
    """Open one as soon as whoever is asked knows that a seat is free."""
    found: list[ClientConnection] = []

    def is_open() -> bool:
        with contextlib.suppress(InvalidStatus):
            found.append(opened(node, stack))
        return bool(found)

    assert wait_until(is_open)
    return found[0]


def _is_let_in(node: Limited) -> bool:
    with contextlib.ExitStack() as stack, contextlib.suppress(InvalidStatus):
        opened(node, stack)
        return True
    return False


def test_an_open_web_socket_takes_a_seat_until_it_is_closed(tmp_path: Path, echo: str) -> None:
    """Red where `on_finish` of features/ratelimit/policy.py gives no seat back."""
    config = {
        "services": {"echo": {"endpoints": [echo]}},
        "routes": [
            {
                "path": "/talk",
                "service": "echo",
                "auth": "none",
                "rate_limit": {"concurrent": 2, "key": ["address"], "name": "sockets"},
            }
        ],
    }
    with limited(tmp_path, workers=2, **config) as node, contextlib.ExitStack() as stack:
        node.rest()
        first = opened(node, stack)
        second = opened(node, stack)
        assert is_full(node)
        for _ in range(4):  # whichever worker is asked
            answer = refusal(node)
            assert answer.status_code == 429
            assert json.loads(answer.body or b"")["code"] == "ratelimit_concurrency_exceeded"
            assert answer.headers["ratelimit-policy"] == '"sockets";q=2;qu="concurrent-requests"'
            assert int(answer.headers["retry-after"]) >= 1
        for one in (first, second):
            one.send("still here")
            assert one.recv(5) == "still here"
        first.close()
        third = let_in(node, stack)  # its seat is free again, and no more than that
        assert is_full(node)
        assert refusal(node).status_code == 429
        second.socket.close()  # one that breaks off gives its seat back, too
        third.close()
        let_in(node, stack)
        let_in(node, stack)
