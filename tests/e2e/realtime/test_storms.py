"""A worker that goes: its clients are told one after the other, and all come back and miss nothing.

The clients are connections of one library; what SDKs do is in test_sdk_faults.py.
"""

import asyncio
import json
import os
import signal
import time
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.helpers.hub_stage import HubStage, token
from tests.helpers.slow import workers_of

pytestmark = pytest.mark.e2e
MANY = 300
RATE = 500.0  # a second, at which a worker tells them


class Reader:
    """One who reads, comes back when it is told to, and knows what it has heard."""

    def __init__(self, url: str, name: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._token = token(name)
        self.heard: list[int] = []
        self.codes: list[int] = []
        self.closed_at: list[float] = []
        self.times = 0
        self._where: dict[str, Any] = {}

    async def read(self) -> None:
        while True:
            try:
                async with connect(self._url, compression=None, ping_interval=None) as socket:
                    await self._join(socket)
                    await self._listen(socket)
            except ConnectionClosed as closed:
                self.closed_at.append(time.monotonic())
                self.codes.append(closed.rcvd.code if closed.rcvd is not None else 0)

    async def _join(self, socket: ClientConnection) -> None:
        commands = [
            {"id": 1, "connect": {"token": self._token}},
            {"id": 2, "subscribe": {"channel": self._channel, **self._where}},
        ]
        await socket.send("\n".join(map(json.dumps, commands)))

    async def _listen(self, socket: ClientConnection) -> None:
        async for frame in socket:
            for line in str(frame).split("\n"):
                told = json.loads(line)
                if not told:
                    await socket.send("{}")
                elif "subscribe" in told:
                    self._begins(told["subscribe"])
                elif "pub" in told.get("push", {}):
                    self._take(told["push"]["pub"])

    def _begins(self, result: dict[str, Any]) -> None:
        assert bool(self._where) is result.get("recovered", False)
        if not self._where:
            self._where = {"recover": True, "epoch": result["epoch"], "offset": 0}
            self._where["offset"] = result.get("offset", 0)
        for pub in result.get("publications", []):
            self._take(pub)
        self.times += 1

    def _take(self, pub: dict[str, Any]) -> None:
        assert pub["offset"] == self._where["offset"] + 1
        self._where["offset"] += 1
        self.heard.append(pub["data"])


async def publish(url: str, channel: str, numbers: range) -> None:
    async with connect(url, compression=None) as socket:
        await socket.send(json.dumps({"id": 1, "connect": {"token": token("writer")}}))
        for number in numbers:
            data = {"channel": channel, "data": number}
            await socket.send(json.dumps({"id": number + 2, "publish": data}))
        async for frame in socket:
            if f'"id":{numbers[-1] + 2},' in str(frame):
                return


async def until(readers: list[Reader], times: int) -> None:
    async with asyncio.timeout(25):
        while any(each.times < times for each in readers):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


def test_those_of_a_worker_that_goes_are_told_in_turn_and_all_come_back(stage: HubStage) -> None:
    channel = "session:storm"

    async def whole() -> list[Reader]:
        readers = [Reader(stage.direct, f"r{number}", channel) for number in range(MANY)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.read()) for each in readers]
            await until(readers, 1)
            await publish(stage.direct, channel, range(5))
            os.kill(workers_of(stage.gateway.stage.gateway.process.pid)[0], signal.SIGUSR2)
            async with asyncio.timeout(25):
                while not any(each.codes for each in readers):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            await publish(stage.direct, channel, range(5, 10))
            await asyncio.sleep(1.0)
            async with asyncio.timeout(25):
                while any(len(each.heard) < 10 for each in readers):  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
        return readers

    readers = asyncio.run(whole())
    told = sorted(at for each in readers for at in each.closed_at)
    assert {code for each in readers for code in each.codes} == {3001}
    assert len(told) > MANY / 10, "the worker had some"
    assert told[-1] - told[0] >= 0.6 * (len(told) - 20) / RATE
    assert [each.heard for each in readers] == [[*range(10)]] * MANY
