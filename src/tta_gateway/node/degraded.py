"""What an answer of control must say of itself: `X-Degraded`, whatever its status and body.

Who does the work says it (`say`), wherever that is under the request; the app around it adds the
field, the same in every answer, also in those without a body.
"""

from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FIELD: Final = b"x-degraded"
_said: Final[ContextVar[list[str] | None]] = ContextVar("degraded", default=None)


def say(word: str) -> None:
    """Have the answer to the request that is under way say this, once."""
    said = _said.get()
    if said is not None and word not in said:
        said.append(word)


class Degrading:
    """An app whose answers say it."""

    def __init__(self, app: ASGIApp) -> None:
        """Answer as this one does."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        said: list[str] = []
        token = _said.set(said)

        async def told(message: Message) -> None:
            if said and message["type"] == "http.response.start":
                fields = [*message.get("headers", ()), (FIELD, ", ".join(said).encode())]
                message = {**message, "headers": fields}
            await send(message)

        try:
            await self.app(scope, receive, told)
        finally:
            _said.reset(token)
