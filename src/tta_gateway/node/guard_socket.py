"""The guard's socket in the state folder: who may open it is the operator, or control.

One line of JSON in, one out, then the end.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tta_gateway.node.near import connected, listening
from tta_gateway.support.socket_path import short

SOCKET: Final = "guard.sock"
_LONGEST: Final = 16 * 2**20  # bytes of a question: control brings incidents of other nodes
_LARGEST: Final = 16 * 2**20  # of an answer
_PATIENCE: Final = 5.0  # seconds
_PAUSE: Final = 0.2  # seconds between two tries: a guard that has died is back within a second
Told = dict[str, Any]


class BrokenAnswer(OSError):
    """The guard has died over it: ask again."""


async def serve(state: Path, answer: Callable[[bytes], bytes]) -> asyncio.Server:
    """Answer in a state folder from now on; OSError if it cannot be."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            async with asyncio.timeout(_PATIENCE):
                line = await reader.readline()
                if line.endswith(b"\n"):
                    writer.write(answer(line) + b"\n")
                    await writer.drain()
        writer.close()

    sock = listening(state / SOCKET)
    return await asyncio.start_unix_server(talk, sock=sock, limit=_LONGEST)


async def asked(state: Path, question: Mapping[str, object]) -> Told:
    """Return what the guard answers; OSError if there is none for a while."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                return await _asked(state, question)
            except (FileNotFoundError, ConnectionError, BrokenAnswer):
                await asyncio.sleep(_PAUSE)  # the next guard is on its way


async def _asked(state: Path, question: Mapping[str, object]) -> Told:
    with short(str(state / SOCKET)) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=_LARGEST)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        line = await reader.readline()
    except ValueError:
        raise BrokenAnswer("the guard's answer is too large") from None
    finally:
        writer.transport.abort()
    return _read(line)


def ask(state: Path, question: Mapping[str, object]) -> Told:
    """Return what the guard answers, to who may wait; OSError if there is none."""
    with connected(state / SOCKET, _PATIENCE) as sock:
        sock.sendall(json.dumps(question).encode() + b"\n")
        with sock.makefile("rb") as file:
            return _read(file.readline())


def _read(line: bytes) -> Told:
    if not line.endswith(b"\n"):
        raise BrokenAnswer("the guard's answer broke off: ask again")
    told: Told = json.loads(line)
    return told
