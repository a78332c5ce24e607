"""The guard's socket in the state folder: who may open it is the operator, or control."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tta_gateway.node import line_socket
from tta_gateway.node.line_socket import PATIENCE, BrokenAnswer, Told

SOCKET: Final = "guard.sock"
_PATIENCE: Final = PATIENCE
_PAUSE: Final = 0.2  # seconds between two tries: a guard that has died is back within a second


async def serve(state: Path, answer: Callable[[bytes], bytes]) -> asyncio.Server:
    """Answer in a state folder from now on; OSError if it cannot be."""
    return await line_socket.serve(state / SOCKET, answer)


async def asked(state: Path, question: Mapping[str, object]) -> Told:
    """Return what the guard answers; OSError if there is none for a while."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                return await line_socket.asked(state / SOCKET, question)
            except (FileNotFoundError, ConnectionError, BrokenAnswer):
                await asyncio.sleep(_PAUSE)  # the next guard is on its way


def ask(state: Path, question: Mapping[str, object]) -> Told:
    """Return what the guard answers, to who may wait; OSError if there is none."""
    return line_socket.ask(state / SOCKET, question)
