"""A node in one process: the parts of a worker and of control, and services that register.

The supervisor's work between them is left out: control's channel is the worker's.
"""

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, cast

import uvicorn

from tests.helpers.configuration import loaded
from tests.helpers.valkey_server import Server
from tta_gateway.client import Registration, Route, register
from tta_gateway.node.assemble_control import Control
from tta_gateway.node.assemble_worker import Worker
from tta_gateway.node.segments import Segments
from tta_gateway.node.updates import Updates
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.bus import Notes, pair
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment

TOKEN: Final = "the-token-of-the-players"
_TEXT: Final = """\
listen: [127.0.0.1:8080, {{address: 127.0.0.1:8083, internal: true}}]
state_dir: {folder}
valkey_url: redis://127.0.0.1:{port}
access_log: {{enabled: false}}
registration:
  tokens: [{{token: {{env: TOKEN}}, services: [players], routes: [/live/], auth_none: true}}]
services: {{players: {{}}}}
routes: [{{path: "/players/{{rest:path}}", service: players, auth: none}}]
"""


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class SmallNode:
    """Where clients and services connect."""

    def __init__(self, port: int, inside: int) -> None:
        """Keep the ports."""
        self.port = port
        self.inside = inside

    def register(self, player: "Player", *routes: Route) -> Registration:
        """Register a service, with a short lease."""
        return register(
            "players",
            url=f"http://127.0.0.1:{player.port}",
            gateway=f"http://127.0.0.1:{self.inside}",
            token=TOKEN,
            lease=5.0,
            routes=routes,
        )

    async def ask(self, method: str = "GET", path: str = "/players/a") -> tuple[int, bytes]:
        """Ask as a client, on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n"
        writer.write(head.encode() + b"\r\n")
        said = await asyncio.wait_for(reader.read(), 10.0)
        writer.close()
        first, _, rest = said.partition(b"\r\n\r\n")
        return int(first[9:12] or 0), rest

    async def first(self, status: int, path: str = "/players/a") -> float:
        """Wait for an answer with this status; return how long that took."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.timeout(10.0):
            while (await self.ask(path=path))[0] != status:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0.005)
        return loop.time() - begun


@contextlib.asynccontextmanager
async def small_node(  # noqa: PLR0915 - all of a node
    server: Server, folder: Path
) -> AsyncIterator[SmallNode]:
    """Run one."""
    text = _TEXT.format(folder=folder, port=server.port)
    parts = parted(compile_snapshot(loaded(text, {"TOKEN": TOKEN}).settings, 1))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    reader, sender = pair()
    loop, log, segments = asyncio.get_running_loop(), LineFile(str(folder / "log")), Segments()
    clock = SystemClock()
    control = Control(parts, segments.fd, clock=clock, lines=log, channel=ours)
    part = Segment(segments.fd, segments.take())
    part.owner = os.getpid()
    worker = Worker(parts, loop=loop, clock=clock, registry=Registry(part), logs=lambda _: log)
    worker.sweeper.each_tick.append(part.beat)
    worker.telling.way = Notes(sender)
    worker.sweeper.start()
    worker.hangups.start()
    updates = Updates(worker, theirs, parts, orphaned=0)
    loop.add_reader(theirs.fileno(), updates.hear)
    loop.add_reader(reader.fileno(), control.reader_of(reader).hear)
    listeners = [
        await loop.create_server(lambda at=at: worker.protocol(at), "127.0.0.1", 0)  # type: ignore[misc]  # no lambda has types
        for at in (0, 1)
    ]
    config = uvicorn.Config(control.public, uds=str(folder / "control.sock"), log_config=None)
    config.lifespan, config.ws, config.timeout_graceful_shutdown = "off", "none", 1
    public = _Uvicorn(config)
    tasks = [
        loop.create_task(work)
        for work in (public.serve(), control.registrations.watch(), _flush(control))
    ]
    ports = [cast("int", one.sockets[0].getsockname()[1]) for one in listeners]
    try:
        yield SmallNode(*ports)
    finally:
        public.should_exit = True
        for listener in listeners:
            listener.close()
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        _end(worker, control)
        await asyncio.sleep(0.05)  # sockets end in turns of their own
        loop.remove_reader(theirs.fileno())
        loop.remove_reader(reader.fileno())
        for sock in (ours, theirs, reader, sender):
            sock.close()
        os.close(segments.fd)


def _end(worker: Worker, control: Control) -> None:
    """Close every connection."""
    worker.guests.cut()
    for valkey in (*worker.valkeys.clients.values(), control._client()):
        if valkey is not None:
            valkey.close()
    for upstream in worker.forwarder.upstreams.values():
        for pool in upstream.pools:
            for connection in list(pool.idle):
                connection.close()


async def _flush(control: Control) -> None:
    while True:
        control.flush()
        await asyncio.sleep(0.2)


class Player:
    """A service on a port of its own, that can be cut off as if it were killed."""

    def __init__(self, port: int = 0) -> None:
        """Begin without a socket."""
        self.port = port
        self.asked = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Player":
        """Listen."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Be gone."""
        self.kill()

    def kill(self) -> None:
        """Cut every connection, and listen no more."""
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.02)
                self.asked += 1
                said = b"%d" % self.port
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
                await writer.drain()
        self._open.discard(writer)
        writer.transport.abort()


class Crowd:
    """Clients that ask on and on."""

    def __init__(self, node: SmallNode, method: str, clients: int) -> None:
        """Keep who asks for what."""
        self.statuses: Counter[int] = Counter()
        self._node = node
        self._method = method
        self._clients = clients

    async def __aenter__(self) -> "Crowd":
        """Begin."""
        self._goes_on = True
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._ask_on()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask no more; every request has its answer."""
        self._goes_on = False
        await asyncio.gather(*self._tasks)

    async def grow(self, by: int) -> None:
        """Wait until so many more have been answered."""
        goal = self.statuses.total() + by
        async with asyncio.timeout(20.0):
            while self.statuses.total() < goal:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0.01)

    async def _ask_on(self) -> None:
        while self._goes_on:
            status, _ = await self._node.ask(self._method)
            self.statuses[status] += 1
