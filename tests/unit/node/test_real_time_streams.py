"""Real time in workers: clients whose answers stream, and what they send to whichever worker."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

from tests.helpers.memory_broker import MemoryStore
from tests.helpers.paper_stream import PaperStream
from tests.unit.node.test_real_time import BOUND, Store
from tests.unit.node.test_state_client import EMPTY
from tta_gateway.features.realtime.public import EMULATION, HTTP_STREAM, STREAMS
from tta_gateway.node.channel_store import ChannelStore
from tta_gateway.node.hub_services import HubServices
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.node.real_time import RealTime
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry


class Worker:
    """One of several that share a store."""

    def __init__(self, name: str, shared: MemoryStore) -> None:
        self.store = Store()
        self.store.broker.store = shared
        shared.brokers.append(self.store.broker)
        names = iter(range(1, 100))
        self.real_time = RealTime(
            cast("ChannelStore", self.store),
            Inquiries(Runner(cast("Any", None), cast("Any", None)), clock=lambda: 0.0),
            HubServices(self.store, Registry(), clock=lambda: 0.0),
            fresh=lambda: f"{name}{next(names)}",
            chance=lambda: 0.5,
            clock=SystemClock(),
        )
        self.real_time.adopt(BOUND, (), EMPTY)
        self.real_time.tick(EMPTY)
        self.answers = self.real_time.streams

    async def asked(self, name: str, body: bytes) -> PaperStream:
        stream = PaperStream()
        self.answers[name].asked(stream, body)
        await asyncio.sleep(0.02)
        return stream

    async def sent(self, connected: dict[str, Any], **other: str) -> int:
        """Send a ping in the name of a session; return what is answered."""
        told = {"session": connected["session"], "node": connected["node"], **other}
        body = json.dumps({"data": '{"id":2,"ping":{}}', **told}).encode()
        return (await self.asked(EMULATION, body)).status


def run(work: Callable[[Worker, Worker], Any]) -> None:
    """Run something with two of them."""

    async def inside() -> None:
        shared = MemoryStore()
        here, there = Worker("a", shared), Worker("b", shared)
        await asyncio.sleep(0.02)
        await work(here, there)
        await asyncio.sleep(0.01)
        assert here.store.events == there.store.events == []

    asyncio.run(inside())


def test_what_is_sent_at_another_worker_comes_to_the_stream() -> None:
    async def work(here: Worker, there: Worker) -> None:
        stream = await here.asked(HTTP_STREAM, b'{"id":1,"connect":{}}')
        connected = json.loads(stream.take())["connect"]
        for each in (here, there):
            assert await each.sent(connected) == 204
            assert stream.take() == b'{"id":2,"ping":{}}\n'
            assert await each.sent(connected, session="guessed") == 404
            assert stream.take() == b""
        stream.lose()

    run(work)


def test_streams_take_as_much_as_sockets() -> None:
    async def work(here: Worker, _: Worker) -> None:
        stream = await here.asked(HTTP_STREAM, b'{"id":1,"connect":{}}' + b" " * 777)
        assert stream.status == 413
        assert set(here.answers) == {route.stream for route in STREAMS}

    run(work)
