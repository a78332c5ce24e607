"""The probe: `/healthz` and `/readyz`, answered by the supervisor itself.

It speaks as much HTTP as a probe needs: one request a connection, GET or HEAD, no body.  Whoever
says nothing, or too much, is cut off; more than a few at a time wait in the kernel's queue.
"""

import json
import selectors
import socket
from collections.abc import Callable
from typing import Final

from tta_gateway.node.listening import Listening

_MOST: Final = 16  # connections at a time
_LONGEST: Final = 4096  # bytes of a request
PATIENCE: Final = 2.0  # seconds for a request
_PHRASES: Final = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}

Health = dict[str, object]


def answer(request: bytes, *, ready: bool, health: Health) -> bytes:
    """Return the bytes that answer a request; `health` says what there is to say."""
    method, _, rest = request.partition(b"\r\n")[0].partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    status, body = _answer(path, ready=ready, health=health)
    if method not in (b"GET", b"HEAD"):
        status, body = 405, {"status": "method not allowed"}
    content = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\ncache-control: no-store\r\nconnection: close\r\n"
    )
    allow = "allow: GET, HEAD\r\n" if status == 405 else ""
    return (head + allow + "\r\n").encode() + (b"" if method == b"HEAD" else content)


def _answer(path: bytes, *, ready: bool, health: Health) -> tuple[int, Health]:
    if path == b"/healthz":
        return 200, {"status": "alive"}
    if path == b"/readyz":
        return (200 if ready else 503), {"status": "ready" if ready else "not ready", **health}
    return 404, {"status": "there are /healthz and /readyz here"}


class Probe:
    """Answers at its own address, from the supervisor's loop."""

    def __init__(
        self,
        listening: Listening,
        selector: selectors.BaseSelector,
        *,
        clock: Callable[[], float],
        health: Callable[[], tuple[bool, Health]],
    ) -> None:
        """Answer there; `health` says whether the node is ready, and what else there is to say."""
        self._listening = listening
        self._socket = listening.of(0)
        self._socket.setblocking(False)
        self._selector = selector
        self._clock = clock
        self._health = health
        self._asking: dict[socket.socket, tuple[float, bytes]] = {}
        self._accepting = False
        self._accept_if(room=True)

    def _accept_if(self, *, room: bool) -> None:
        """Let the loop look for new connections, or let them wait in the kernel's queue."""
        if self._socket.fileno() < 0:
            return  # it has been closed: the gateway drains
        if room and not self._accepting:
            self._selector.register(self._socket, selectors.EVENT_READ, self._accept)
        elif self._accepting and not room:
            self._selector.unregister(self._socket)
        self._accepting = room

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            self._accept_if(room=False)  # it has gone, or no descriptor is left: look at a tick
            return
        client.setblocking(False)
        self._accept_if(room=len(self._asking) + 1 < _MOST)
        self._asking[client] = (self._clock() + PATIENCE, b"")
        self._selector.register(client, selectors.EVENT_READ, lambda: self._read(client))

    def _read(self, client: socket.socket) -> None:
        if client not in self._asking:
            return  # the probe was closed in the same turn
        until, request = self._asking[client]
        try:
            data = client.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        request += data
        if data and b"\r\n\r\n" not in request and len(request) < _LONGEST:
            self._asking[client] = (until, request)
            return
        if b"\r\n\r\n" in request:
            ready, health = self._health()
            self._send(client, answer(request, ready=ready, health=health))
        self._end(client)

    def _send(self, client: socket.socket, data: bytes) -> None:
        try:
            client.send(data)  # a fresh socket's buffer holds it
            client.shutdown(socket.SHUT_WR)
        except OSError:
            return  # nobody listens any more

    def _end(self, client: socket.socket) -> None:
        del self._asking[client]
        self._selector.unregister(client)
        client.close()

    def tick(self) -> None:
        """Cut off who has not asked in time, and let others come."""
        now = self._clock()
        for client in [one for one, (until, _) in self._asking.items() if until <= now]:
            self._end(client)
        self._accept_if(room=len(self._asking) < _MOST)

    def close(self) -> None:
        """Answer no more."""
        for client in list(self._asking):
            self._end(client)
        self._accept_if(room=False)
        self._listening.close()
