"""The hostile WebSocket corpus, over real sockets, at a worker that answers sockets itself."""

import asyncio
import base64
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest
import uvloop

from tests.helpers.own_sockets import Echoes
from tests.helpers.socket_talk import MASK, Heard, OnPaper, rows
from tests.helpers.socket_worker import SocketWorker, socket_worker
from tta_gateway.kernel.socket import SocketTerms
from tta_gateway.wire.socket_codec import TEXT, framed
from tta_gateway.wire.socket_endpoint import SocketEndpoint

_ASK: Final = (
    b"GET /%b HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
_SECRET: Final = b"a-secret-that-nobody-may-read"
Row = dict[str, Any]


def run(folder: Path, talk: Callable[[SocketWorker, Echoes], Coroutine[None, None, None]]) -> None:
    """Talk to a worker that serves `/ws` and, with compression, `/deflated`."""

    async def running() -> None:
        plain, deflated = (
            Echoes(SocketTerms(protocols=(b"good",))),
            Echoes(SocketTerms(deflates=True)),
        )
        services = {"ws": plain, "deflated": deflated}
        async with asyncio.timeout(20.0), socket_worker(folder, services) as worker:
            await talk(worker, plain)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(running())


async def conversation(port: int, *pieces: bytes) -> tuple[bytes, bytes]:
    """Send pieces, each by itself; return the head of what comes back, and the rest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    writer.write_eof()
    said = b""
    with contextlib.suppress(ConnectionResetError):  # who is refused and talks on may be cut off
        while part := await reader.read(1 << 16):
            said += part
    writer.close()
    head, _, rest = said.partition(b"\r\n\r\n")
    return head, rest


def heard(data: bytes) -> list[Heard]:
    return OnPaper(SocketEndpoint(mask=lambda: MASK)).hear([data])


def test_handshakes(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        wrong = {}
        for row in rows("ws_handshakes_dev"):
            raw = base64.b64decode(row["raw_b64"])
            raw = raw.replace(b"GET /ws ", b"GET /ws?access_token=%b " % _SECRET)
            head, rest = await conversation(worker.port, raw, framed(TEXT, b"early", mask=MASK))
            if not _answers(row["id"], head, rest):
                wrong[row["id"]] = (head, rest)
        assert wrong == {}
        assert sum(line["status"] == 101 for line in worker.accesses()) == 5
        assert _SECRET not in (tmp_path / "log").read_bytes()
        assert len(echoes.made) == 5

    run(tmp_path, talk)


def _answers(row: str, head: bytes, rest: bytes) -> bool:
    """Tell whether this is how a route without a token is to answer."""
    status = int(head.split(b" ")[1])
    if row in ("hs-two-keys", "hs-body-on-upgrade"):
        return status == 400
    if row == "hs-post":
        return status in (400, 405)
    if row == "hs-http10":
        return status in (400, 426)
    if row.startswith("hs-origin"):
        return status in (400, 403)
    fields = head.lower()
    agreed = b"sec-websocket-protocol" in fields or b"sec-websocket-extensions" in fields
    return status == 101 and not agreed and heard(rest)[:1] == [("text", b"early")]


@pytest.mark.parametrize("piece", [1 << 20, 1])
def test_frames(tmp_path: Path, piece: int) -> None:
    async def talk(worker: SocketWorker, _: Echoes) -> None:
        wrong = {}
        for row in rows("ws_frames_dev"):
            raw = base64.b64decode(row["raw_b64"])
            if piece == 1 and len(raw) > 200:
                continue
            path = b"deflated" if row["permessage_deflate"] else b"ws"
            pieces = [raw[at : at + piece] for at in range(0, len(raw), piece)]
            head, rest = await conversation(worker.port, _ASK % path, *pieces)
            assert head.startswith(b"HTTP/1.1 101 ")
            if not _fits(row, heard(rest)):
                wrong[row["id"]] = (row["expect"], heard(rest)[-3:])
        assert wrong == {}

    run(tmp_path, talk)


def _fits(row: Row, told: list[Heard]) -> bool:
    """Tell whether the client hears what the row expects; an end without a Close says none."""
    expect, codes = row["expect"], [one[1] for one in told if one[0] == "close"]
    texts = [one for one in told if one[0] in ("text", "binary")]
    if expect.startswith("close:"):
        allowed = {int(code[:4]) for code in expect[6:].split("|")}
        return len(codes) == 1 and codes[0] in allowed and not texts
    if expect.startswith("message "):
        return texts == [("text", expect[8:].partition(" (")[0].encode())] and not codes
    return {
        "ping-in-frag": lambda: told == [("pong", b"p"), ("text", b"ab")],
        "ping-flood": lambda: set(told) == {("pong", b"x")},
        "data-after-close": lambda: told == [("close", 1000, b"")],
        "close-empty": lambda: told == [("close", 1005, b"")],
        "tcp-cut-midframe": lambda: told == [],
    }[row["id"]]()
