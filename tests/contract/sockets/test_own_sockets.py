"""Sockets that a worker answers itself, with real clients of others on real sockets."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.helpers.own_sockets import Echoes
from tests.helpers.socket_worker import SocketWorker, socket_worker
from tta_gateway.kernel.socket import SocketTerms

Talk = Callable[[SocketWorker, Echoes], Coroutine[None, None, None]]
TERMS = SocketTerms(
    protocols=(b"centrifuge-json", b"centrifuge-protobuf"),
    largest=1 << 20,
    farewell=(3001, b"shutdown"),
)
PATIENCE = 10.0


def run(folder: Path, talk: Talk, terms: SocketTerms = TERMS) -> None:
    """Run a worker, as it runs itself, on uvloop, and talk with it."""

    async def running() -> None:
        echoes = Echoes(terms)
        async with asyncio.timeout(PATIENCE), socket_worker(folder, {"echo": echoes}) as worker:
            await talk(worker, echoes)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(running())


async def closed(client: ClientConnection) -> tuple[int, str]:
    """Return what the client was told at the end."""
    with pytest.raises(ConnectionClosed) as ended:
        await client.recv()
    told = ended.value.rcvd
    return (told.code, told.reason) if told else (1006, "")


async def until(what: Callable[[], bool]) -> None:
    """Wait until this is so."""
    while not what():  # noqa: ASYNC110 - nobody says so
        await asyncio.sleep(0.01)


def test_a_client_of_others(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        spoken = [Subprotocol("other"), Subprotocol("centrifuge-protobuf")]
        async with connect(worker.url("/echo"), subprotocols=spoken) as client:
            assert client.subprotocol == "centrifuge-protobuf"
            await client.send("κόσμε")
            await client.send([b"in ", b"frag", b"ments"])
            assert [await client.recv(), await client.recv()] == ["κόσμε", b"in fragments"]
            await (await client.ping(b"?"))
        await until(lambda: ("closed", 1000) in echoes.last.heard)
        await until(lambda: bool(worker.accesses()))
        (line,) = worker.accesses()
        assert (line["status"], line["path"]) == (101, "/echo")

    run(tmp_path, talk)


def test_messages_are_deflated_where_that_is_wanted(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, _: Echoes) -> None:
        async with connect(worker.url("/echo")) as client:
            assert client.response is not None
            assert "permessage-deflate" in client.response.headers["sec-websocket-extensions"]
            for text in ("short", "long " * 10_000):
                await client.send(text)
                assert await client.recv() == text

    run(tmp_path, talk, SocketTerms(deflates=True))


@pytest.mark.parametrize(("origin", "status"), [("https://evil.example", 403), ("null", 403)])
def test_pages_of_elsewhere_open_none(tmp_path: Path, origin: str, status: int) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await connect(worker.url("/echo"), origin=Origin(origin))
        assert refused.value.response.status_code == status
        own = Origin(f"http://127.0.0.1:{worker.port}")
        async with connect(worker.url("/echo"), origin=own) as client:
            await client.send("x")
            assert await client.recv() == "x"
        assert len(echoes.made) == 1

    run(tmp_path, talk)


def test_what_is_no_web_socket_is_told_what_to_do(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, _: Echoes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
        writer.write(b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b"\r\nsec-websocket-version: 13\r\n" in answer
        assert b'"websocket_required"' in answer

    run(tmp_path, talk)


def test_a_drained_gateway_says_goodbye(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        clients = [await connect(worker.url("/echo")) for _ in range(20)]
        worker.worker.guests.drain()
        assert {await closed(client) for client in clients} == {(3001, "shutdown")}
        await worker.worker.guests.emptied()
        assert all(echo.heard[-1] == ("closed", 3001) for echo in echoes.made)

    run(tmp_path, talk)


def test_a_client_that_is_cut_off_is_missed(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        client = await connect(worker.url("/echo"))
        client.transport.abort()
        await until(lambda: bool(echoes.made) and ("closed", 1006) in echoes.last.heard)

    run(tmp_path, talk)


def test_whoever_does_not_read_is_waited_for(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        async with connect(worker.url("/echo"), max_size=None, max_queue=1) as client:
            socket, sent = echoes.last.open, 0
            while ("may write", False) not in echoes.last.heard:
                socket.send(b"%08d" % sent + bytes(1 << 16), is_text=False)
                sent += 1
                await asyncio.sleep(0)
            for number in range(sent):
                assert bytes((await client.recv())[:8]) == b"%08d" % number  # type: ignore[arg-type]
            await until(lambda: echoes.last.heard[-1] == ("may write", True))

    run(tmp_path, talk)


def _alive() -> int:
    """Return how many things there are of those that a socket is made of."""
    kinds = ("OwnSocket", "SocketEndpoint", "ClientConnection", "Exchange")
    of_ours = [one for one in gc.get_objects() if str(type(one).__module__)[:4] == "tta_"]
    return sum(type(one).__name__ in kinds for one in of_ours)


# What it collects first is what other tests have left: theirs to close.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_socket_leaves_behind_is_nothing(tmp_path: Path) -> None:
    async def talk(worker: SocketWorker, echoes: Echoes) -> None:
        async with connect(worker.url("/echo")) as client:
            await client.send("x")
            await client.recv()
        await until(lambda: ("closed", 1000) in echoes.last.heard)
        echoes.made.clear()
        echoes.exchanges.clear()
        await until(lambda: not worker.worker.sweeper._watched)
        await asyncio.sleep(0.05)
        assert _alive() == before

    gc.collect()
    before = _alive()  # other tests may keep theirs
    gc.disable()  # what is left in a cycle stays: the collector comes seldom
    try:
        run(tmp_path, talk)
    finally:
        gc.enable()
