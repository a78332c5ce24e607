"""A worker that accepts for another slot, until somebody serves there again."""

import asyncio
import socket
from typing import Any, cast

from tta_gateway.node.covering import Covering


class Server:
    """A server that is open until it is closed."""

    def __init__(self, index: int, sock: socket.socket) -> None:
        self.index = index
        self.sock = sock
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        self.sock.close()


class Stage:
    """Somebody who covers, and the servers that were made for that."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.events: list[str] = []
        self.covering = Covering(self._serve, cast("Any", self))
        self.fault: OSError | None = None

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    async def _serve(self, index: int, sock: socket.socket) -> asyncio.Server:
        await asyncio.sleep(0)
        if self.fault is not None:
            sock.close()
            raise self.fault
        self.servers.append(Server(index, sock))
        return cast("asyncio.Server", self.servers[-1])


def fds(count: int) -> list[int]:
    return [socket.socket().detach() for _ in range(count)]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_every_socket_of_the_slot_gets_a_server() -> None:
    async def run() -> None:
        stage = Stage()
        assert stage.covering.take(b"cover 3", fds(2))
        await settle()
        assert [(one.index, one.is_open) for one in stage.servers] == [(0, True), (1, True)]
        stage.covering.close()

    asyncio.run(run())


def test_they_are_closed_when_somebody_serves_there_again() -> None:
    async def run() -> None:
        stage = Stage()
        stage.covering.take(b"cover 3", fds(1))
        stage.covering.take(b"cover 4", fds(1))
        await settle()
        assert stage.covering.take(b"uncover 3", [])
        assert [one.is_open for one in stage.servers] == [False, True]
        stage.covering.close()

    asyncio.run(run())


def test_a_word_that_comes_too_early_leaves_nothing_open() -> None:
    async def run() -> None:
        stage = Stage()
        stage.covering.take(b"cover 3", fds(1))
        stage.covering.take(b"uncover 3", [])
        await settle()
        assert [one.is_open for one in stage.servers] == [False]

    asyncio.run(run())


def test_a_socket_that_cannot_be_served_is_reported() -> None:
    async def run() -> None:
        stage = Stage()
        stage.fault = OSError(9, "bad")
        stage.covering.take(b"cover 3", fds(1))
        await settle()
        assert stage.events == ["task_died"]

    asyncio.run(run())


def test_other_words_are_somebody_elses() -> None:
    assert not Stage().covering.take(b"snapshot", [])
