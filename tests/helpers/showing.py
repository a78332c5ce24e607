"""A gateway in front of services that tell what they have been sent: for tests of credentials."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import Issuing, issuing
from tests.helpers.scripted_upstream import Call

ORIGIN: Final = "https://app.example"
COOKIE: Final = "__Host-tta"


def _tell(call: Call) -> None:
    """Answer with what has been asked."""
    call.body()
    fields = [(name.decode().lower(), value.decode("latin-1")) for name, value in call.head.fields]
    told = {"method": call.head.method.decode(), "target": call.head.target.decode()}
    answer = json.dumps({**told, "fields": fields}).encode()
    call.answer(answer, fields=[(b"Content-Type", b"application/json")])


def _stream(call: Call) -> None:
    """Answer with events, of which the first says what has been asked."""
    target = call.head.target
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    call.send(head + b"data: " + target + b"\n\n")
    call.gone()


def _talk(socket: ServerConnection) -> None:
    """Say first what has been asked, and then everything back."""
    request = socket.request
    assert request is not None
    socket.send(json.dumps({"target": request.path, "fields": list(request.headers.raw_items())}))
    for message in socket:
        socket.send(message)


@dataclass(frozen=True, slots=True)
class Showing:
    """The gateway."""

    gateway: Issuing

    def socket(self, path: str, **fields: str) -> ClientConnection:
        """Open a WebSocket, as no page could: with these fields."""
        url = f"ws://127.0.0.1:{self.gateway.stage.port}{path}"
        said = {name.replace("_", "-"): value for name, value in fields.items()}
        return connect(url, additional_headers=said, open_timeout=PATIENCE, proxy=None)

    def first(self, path: str, **fields: str) -> dict[str, Any]:
        """What the service of a WebSocket has been asked."""
        with self.socket(path, **fields) as socket:
            told: dict[str, Any] = json.loads(socket.recv(PATIENCE))
        return told

    def logs(self) -> str:
        """All that the gateway has written down."""
        log = self.gateway.stage.gateway.log.read_text()
        return log + self.gateway.stage.access_log.read_text()


@contextlib.contextmanager
def showing(folder: Path) -> Iterator[Showing]:
    """Start it: two workers, the cookie, tickets for two paths of WebSockets and one of events."""
    with serve(_talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        ticketed = {"auth": "required", "auth_ticket": True}
        routes: tuple[dict[str, object], ...] = (
            {"path": "/socket", "service": "talk", **ticketed},
            {"path": "/other", "service": "talk", **ticketed, "auth_query": "token"},
            {"path": "/plain", "service": "talk", "auth": "required"},
            {"path": "/shown/{rest:path}", "auth": "required"},
            {"path": "/open/{rest:path}", "auth": "none"},
            {"path": "/events/{rest:path}", **ticketed},
            {"path": "/reports", "auth": "required", "access": {"permission": "progress:read"}},
            {"path": "/profiles", "auth": "required", "access": {"permission": "profile:read"}},
            {"path": "/therapists", "auth": "required", "roles": ["therapist"]},
        )
        talk = {"talk": {"endpoints": [f"http://127.0.0.1:{port}"]}}
        cors = {"origins": [ORIGIN], "credentials": True}
        with issuing(
            folder, *routes, beside=talk, identity={"cookie": {"name": COOKIE}}, cors=cors
        ) as gateway:
            upstream = gateway.stage.upstream
            for path in (b"/shown/a", b"/open/a", b"/reports", b"/profiles", b"/therapists"):
                upstream.answers(path, _tell)
            upstream.answers(b"/events/a", _stream)
            yield Showing(gateway)
        server.shutdown()
