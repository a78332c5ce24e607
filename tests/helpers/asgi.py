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


def asked(app: App, method: str, path: str, *parts: bytes | None, **fields: str) -> Answer:
    """Return what an app says to a request; `_` in a field's name is `-`.

    The body comes in parts; None is the client's end before that of the body.
    """
    said = told(app, method, path, *parts, **fields)
    return Answer(
        said[0]["status"],
        {name.decode(): text.decode() for name, text in said[0]["headers"]},
        b"".join(message.get("body", b"") for message in said[1:]),
    )


def told(app: App, method: str, path: str, *parts: bytes | None, **fields: str) -> list[Message]:
    """Return every message of an app's answer to such a request."""
    path, _, query = path.partition("?")
    said: list[Message] = []
    coming = list(parts or (b"",))
    scope: Message = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.replace("_", "-").encode(), text.encode("latin-1"))
            for name, text in fields.items()
        ],
    }

    async def receive() -> Message:
        part = coming.pop(0) if coming else None
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(coming)}

    async def send(message: Message) -> None:
        said.append(message)

    async def ask() -> None:
        await app(scope, receive, send)

    asyncio.run(ask())
    return said
