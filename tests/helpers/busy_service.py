"""A service for hundreds of clients: `python -m tests.helpers.busy_service PORT`.

`/fast` answers at once, `/slow` after five seconds, `/ws` sends back what it gets.
"""

import asyncio
import sys
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

BODY: Final = "x" * 500
SLOW: Final = 5.0


async def fast(_: Request) -> PlainTextResponse:
    return PlainTextResponse(BODY)


async def slow(_: Request) -> PlainTextResponse:
    await asyncio.sleep(SLOW)
    return PlainTextResponse(BODY)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


app = Starlette(
    routes=[Route("/fast", fast), Route("/slow", slow), WebSocketRoute("/ws", echo)],
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        loop="uvloop",
        ws="websockets-sansio",
        timeout_keep_alive=120,
    )
