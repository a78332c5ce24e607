"""Receives alerts over HTTP, as an Alertmanager or a webhook would; the standard library serves."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.helpers.slow import wait_until


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has come."""

    method: str
    path: str
    fields: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)
    """when it came"""

    @property
    def json(self) -> Any:  # noqa: ANN401 - what was sent
        """What stands in the body."""
        return json.loads(self.body)


class Receiver:
    """A server on a port of its own; `statuses` are its next answers, then `status` for ever."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.statuses: list[int] = []
        self.status = 200
        self.before: Callable[[], int | None] = lambda: None
        """is called before each answer, and may take its time; a status that it returns is it"""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                fields = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append(Call(self.command, self.path, fields, body))
                status, left = receiver.before(), receiver.statuses
                if status is None:
                    status = left.pop(0) if left else receiver.status
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert of every call that was taken, in order, as our webhooks send them."""
        return [one for call in list(self.calls) for one in call.json["alerts"]]

    def told(self, name: str, status: str) -> list[dict[str, Any]]:
        """Those of a name and status."""
        return [one for one in self.alerts() if (one["alert"], one["status"]) == (name, status)]

    def hears(self, name: str, status: str, patience: float = 20.0) -> bool:
        """Wait until one of them has come."""
        return wait_until(lambda: bool(self.told(name, status)), patience)
