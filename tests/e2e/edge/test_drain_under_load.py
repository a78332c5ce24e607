"""A node that is asked to stop under load: nobody loses an answer, and WebSockets are told why."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import PATIENCE
from tests.helpers.crowd import FRESH, KEPT, Crowd
from tests.helpers.scripted_upstream import Late
from tests.helpers.slow import children, wait_until

pytestmark = pytest.mark.e2e

SLOW = 10
TALKING = 100
ASKING = 50


class Echo:
    """A WebSocket service; `codes` are those that it has been closed with."""

    def __init__(self) -> None:
        self.codes: list[int | None] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._over = asyncio.Event()

    def start(self) -> None:
        """Serve."""
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def stop(self) -> None:
        """End."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _serve(self) -> None:
        async with serve(self._echo, "127.0.0.1", 0, compression=None) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._over.wait()

    async def _echo(self, socket: ServerConnection) -> None:
        try:
            while True:
                await socket.send(await socket.recv())
        except ConnectionClosed as closed:
            self.codes.append(closed.rcvd.code if closed.rcvd is not None else None)


@contextlib.contextmanager
def platform(tmp_path: Path) -> Iterator[tuple[Stage, Echo]]:
    """A gateway before a service that answers and one that echoes."""
    echo = Echo()
    echo.start()
    try:
        with scripted() as upstream:
            services = {
                "up": {"endpoints": [upstream.url]},
                "echo": {"endpoints": [f"http://127.0.0.1:{echo.port}"]},
            }
            off = {"mode": "off", "reason": "letters, and no words"}
            talk = {"path": "/talk", "service": "echo", "safety": off}
            with stage(tmp_path, talk, upstream=upstream, services=services) as one:
                yield one, echo
    finally:
        echo.stop()


def test_slow_requests_web_sockets_and_a_crowd_lose_nothing(tmp_path: Path) -> None:
    late = Late()
    with (
        platform(tmp_path) as (one, echo),
        Crowd(one.port) as crowd,
        contextlib.ExitStack() as stay,
    ):
        target = one.on(late)
        waiting = [stay.enter_context(one.client()) for _ in range(SLOW)]
        for client in waiting:
            client.ask(target)
        crowd.web_sockets(TALKING, "/talk")
        crowd.keep_alive(ASKING)
        crowd.newcomers(ASKING)
        answered = crowd.tally.answered
        assert wait_until(lambda: answered[KEPT] + answered[FRESH] > 10 * ASKING)
        begun = time.monotonic()
        one.gateway.process.send_signal(signal.SIGTERM)
        tally = crowd.wait()
        late.release()
        answers = [client.answer() for client in waiting]
        assert one.gateway.process.wait(PATIENCE) == 0
        assert time.monotonic() - begun < 20.0
        assert {(each.body, each.value(b"connection")) for each in answers} == {
            (late.body, b"close")
        }
        assert tally.lost == []
        assert tally.codes == {1012: TALKING}
        assert (tally.refused, tally.last >= ASKING) == (ASKING, True)
        assert wait_until(lambda: len(echo.codes) == TALKING)
        assert set(echo.codes) == {1001}


def test_a_worker_with_a_successor_says_that_it_is_a_restart(tmp_path: Path) -> None:
    """What waits in the queue is the successor's: nobody is refused."""
    with platform(tmp_path) as (one, echo), Crowd(one.port) as crowd:
        crowd.web_sockets(10, "/talk")
        crowd.newcomers(ASKING)
        assert wait_until(lambda: crowd.tally.answered[FRESH] > 5 * ASKING)
        before = one.worker
        os.kill(before, signal.SIGUSR2)
        assert wait_until(lambda: crowd.tally.codes.total() == 10)
        assert wait_until(lambda: children(one.gateway.process.pid) not in ([before], []))
        goal = crowd.tally.answered[FRESH] + 5 * ASKING
        assert wait_until(lambda: crowd.tally.answered[FRESH] > goal)
        one.gateway.process.send_signal(signal.SIGTERM)
        tally = crowd.wait()
        assert (tally.lost, tally.codes, tally.refused) == ([], {1012: 10}, ASKING)
        assert set(echo.codes) == {1001}
