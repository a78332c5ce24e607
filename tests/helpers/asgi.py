"""Ask an ASGI app by hand: no server, no socket, one request a call."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app has said."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """Return the object that the body holds."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def asked(app: App, method: str, path: str, **fields: str) -> Answer:
    """Return what an app says to a request without a body; `_` in a field's name is `-`."""
    said: list[Message] = []
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.replace("_", "-").encode(), text.encode("latin-1"))
            for name, text in fields.items()
        ],
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    async def ask() -> None:
        await app(scope, receive, send)

    asyncio.run(ask())
    return Answer(
        said[0]["status"],
        {name.decode(): text.decode() for name, text in said[0]["headers"]},
        b"".join(message.get("body", b"") for message in said[1:]),
    )
