"""Sockets at which one line of JSON is asked and one answered, then the end.

Who may open them is the operator, or another process of the node.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from tta_gateway.node.near import connected, listening
from tta_gateway.support.socket_path import short

PATIENCE: Final = 5.0  # seconds
_LONGEST: Final = 16 * 2**20  # bytes of a question: control brings incidents of other nodes
_LARGEST: Final = 16 * 2**20  # of an answer
Told: TypeAlias = dict[str, Any]
Answering: TypeAlias = Callable[[bytes], bytes | Awaitable[bytes]]


class BrokenAnswer(OSError):
    """Who was asked has died over it: ask again."""


async def serve(path: Path, answer: Answering) -> asyncio.Server:
    """Answer there from now on; OSError if it cannot be."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            async with asyncio.timeout(PATIENCE):
                line = await reader.readline()
                if line.endswith(b"\n"):
                    told = answer(line)
                    writer.write((told if isinstance(told, bytes) else await told) + b"\n")
                    await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(talk, sock=listening(path), limit=_LONGEST)


async def asked(path: Path, question: Mapping[str, object]) -> Told:
    """Return what is answered there; OSError if nobody does."""
    with short(str(path)) as name:
        reader, writer = await asyncio.open_unix_connection(name, limit=_LARGEST)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        line = await reader.readline()
    except ValueError:
        raise BrokenAnswer("the answer is too large") from None
    finally:
        writer.transport.abort()
    return _read(line)


def ask(path: Path, question: Mapping[str, object]) -> Told:
    """Return what is answered there, to who may wait; OSError if nobody does."""
    with connected(path, PATIENCE) as sock:
        sock.sendall(json.dumps(question).encode() + b"\n")
        with sock.makefile("rb") as file:
            return _read(file.readline())


def _read(line: bytes) -> Told:
    if not line.endswith(b"\n"):
        raise BrokenAnswer("the answer broke off: ask again")
    told: Told = json.loads(line)
    return told
