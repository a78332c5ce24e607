"""The platform's rate limit: so many calls a minute from one address, counted in this process.

Behind a gateway that hides addresses all users are one caller, which is why the demonstration
raises the limit and leaves counting to the gateway.
"""

import os
from collections import defaultdict, deque
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.tta.chassis import clock

PERIOD: Final = 60  # seconds
CALLS_VARIABLE: Final = "PEI_RATE_LIMIT_CALLS"
DEFAULT_CALLS: Final = "100"


class RateLimit:
    """ASGI: count calls by address, and refuse those over the limit with 429."""

    def __init__(self, app: ASGIApp) -> None:
        """Read the limit from the environment."""
        self._app = app
        self._calls = int(os.environ.get(CALLS_VARIABLE, DEFAULT_CALLS))
        self._times: dict[str, deque[float]] = defaultdict(deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = self._take(scope["client"][0])
        if left < 0:
            await self._refusal()(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._fields(left))
            await send(message)

        await self._app(scope, receive, counted)

    def _take(self, address: str) -> int:
        """Return how many calls the address has left after this one; under 0 it is refused."""
        times, now = self._times[address], clock.elapsed()
        while times and times[0] < now - PERIOD:
            times.popleft()
        if len(times) >= self._calls:
            return -1
        times.append(now)
        return self._calls - len(times)

    def _fields(self, left: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self._calls),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(clock.now().timestamp()) + PERIOD),
        }

    def _refusal(self) -> JSONResponse:
        body = {
            "error": "Rate Limit Exceeded",
            "message": f"Too many requests. Limit: {self._calls} per {PERIOD} seconds",
            "retry_after": PERIOD,  # always the whole period, however little is left of it
        }
        return JSONResponse(body, status_code=429, headers={"Retry-After": str(PERIOD)})
