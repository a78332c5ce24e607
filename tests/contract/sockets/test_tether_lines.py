"""Lines between workers, over real sockets of a folder: two workers in one process."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tta_gateway.features.tether.relay import ASK, TEXT, UNKNOWN, Ask, Line
from tta_gateway.node.tether_lines import Stream, TetherLines

PATIENCE: Final = 5.0
ASKED: Final = Ask(
    token="t",
    key=("p", "r", "s"),
    principal=None,
    route="r",
    received=7,
    target=b"/ws?a=b",
    fields=[(b"cookie", b"a=b")],
    shown=b"",
)


class Worker:
    """One worker's lines: it takes clients or does not, and keeps what it is asked."""

    def __init__(self, *, takes: bool) -> None:
        self.takes = takes
        self.asked: list[Ask] = []
        self.lines: list[Line] = []
        self.faults: list[BaseException] = []
        self.all = TetherLines(self._take, lambda _, error: self.faults.append(error))

    def _take(self, ask: Ask, line: Line) -> bool:
        self.asked.append(ask)
        if self.takes:
            line.send(7)
            self.lines.append(line)
        return self.takes

    async def listens(self) -> None:
        """Wait until it listens, which begins in a task of its own."""
        for _ in range(100):
            if self.all._server is not None:
                return
            await asyncio.sleep(0)

    async def ask(self) -> Line | None:
        """Ask the others; None too where there are none."""
        told: asyncio.Future[Line | None] = asyncio.get_running_loop().create_future()
        if not self.all.seek(ASKED, told.set_result):
            return None
        line = await asyncio.wait_for(told, PATIENCE)
        if line is not None:
            self.lines.append(line)
        return line


@asynccontextmanager
async def opened(folder: Path, *takes: bool) -> AsyncIterator[list[Worker]]:
    """Workers that all listen; each has a number of its own, as processes have."""
    made = []
    for number, one in enumerate(takes):
        worker = Worker(takes=one)
        worker.all._own = str(number)
        worker.all.open(folder)
        made.append(worker)
    async with asyncio.timeout(PATIENCE):
        for worker in made:
            await worker.listens()
        yield made
        for worker in made:
            worker.all.close()
            for line in worker.lines:
                line.end()
            assert worker.faults == []
        await asyncio.sleep(0.02)  # what was ended is closed in turns of the loop


def test_a_client_is_taken_by_whoever_has_its_tether(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, False, False, True) as [here, other, there]:
            line = await here.ask()
            assert line is not None
            assert there.asked == [ASKED]
            assert len(other.asked) <= 1
            heard: asyncio.Queue[tuple[int, int, bytes]] = asyncio.Queue()
            line.hear = lambda *frame: heard.put_nowait(frame)
            there.lines[0].send(TEXT, 3, b"first")
            there.lines[0].send(TEXT, 4, b"x" * 300_000)
            line.resume()
            assert await heard.get() == (TEXT, 3, b"first")
            assert await heard.get() == (TEXT, 4, b"x" * 300_000)
            gone = asyncio.Event()
            there.lines[0].lost = gone.set
            line.end()
            await gone.wait()

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_what_came_with_the_answer_waits_for_whoever_goes_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, False, True) as [here, there]:
            line = await here.ask()
            assert line is not None
            there.lines[0].send(TEXT, 0, b"early")
            await asyncio.sleep(0.05)
            heard: asyncio.Queue[bytes] = asyncio.Queue()
            line.hear = lambda _, __, payload: heard.put_nowait(payload)
            line.resume()
            assert await heard.get() == b"early"

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_one_that_reads_no_more_is_noticed(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, False, True) as [here, there]:
            line = await here.ask()
            assert line is not None
            full: asyncio.Queue[bool] = asyncio.Queue()
            there.lines[0].full = full.put_nowait
            for _ in range(40):
                there.lines[0].send(TEXT, 0, b"x" * 100_000)
            assert await full.get()
            line.hear = lambda _, __, ___: None
            line.resume()
            assert not await full.get()

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_whom_nobody_knows_nobody_takes(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, False, False) as [here, other]:
            assert await here.ask() is None
            assert other.asked == [ASKED]

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_one_that_has_died_is_buried(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, False, True) as [here, other]:
            assert other.all._server is not None
            other.all._server.close()
            (tmp_path / "tethers" / "no-socket").touch()
            assert await here.ask() is None
            assert os.listdir(tmp_path / "tethers") == ["0"]  # noqa: PTH208
            assert await here.ask() is None

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_one_that_does_not_listen_yet_is_not_buried(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, False) as [here]:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(tmp_path / "tethers" / ".7"))
                assert not here.all.seek(ASKED, lambda _: None)
            assert sorted(os.listdir(tmp_path / "tethers")) == [".7", "0"]  # noqa: PTH208

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_whoever_is_not_there_yet_asks_nobody() -> None:
    assert not Worker(takes=False).all.seek(ASKED, lambda _: None)


async def _line_to(path: str) -> Stream:
    line = Stream(lambda _: None)
    await asyncio.get_running_loop().create_unix_connection(lambda: line, path)
    return line


def test_garbage_is_answered_by_an_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path, True) as [there]:
            path = str(tmp_path / "tethers" / "0")
            for kind, payload in ((ASK, b"\xc1"), (TEXT, b"")):
                line = await _line_to(path)
                heard: asyncio.Queue[int] = asyncio.Queue()
                line.hear = lambda kind, _, __, heard=heard: heard.put_nowait(kind)  # type: ignore[misc]
                line.send(kind, 0, payload)
                assert await heard.get() == UNKNOWN
                line.end()
            line = await _line_to(path)
            gone = asyncio.Event()
            line.lost = gone.set
            assert line._transport is not None
            line._transport.write(b"\xff" * 9)
            await gone.wait()
            assert there.asked == []

    asyncio.run(asyncio.wait_for(work(), PATIENCE))
