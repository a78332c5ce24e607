"""The probe: `/healthz` and `/readyz`, answered by the supervisor itself.

It speaks as much HTTP as a probe needs: one request a connection, GET or HEAD, no body.
"""

import json
import selectors
from collections.abc import Callable
from typing import Final

from tta_gateway.node.desk import Desk
from tta_gateway.node.listening import Listening

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
        self._health = health
        end, sock = b"\r\n\r\n", listening.of(0)
        self._desk = Desk(sock, selector, clock=clock, end=end, answer=self._answer)

    def _answer(self, request: bytes) -> bytes:
        ready, health = self._health()
        return answer(request, ready=ready, health=health)

    def tick(self) -> None:
        """Cut off who is late."""
        self._desk.tick()

    def close(self) -> None:
        """Answer no more."""
        self._desk.close()
        self._listening.close()
