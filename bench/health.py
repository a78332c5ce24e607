"""How long it takes until control has found out: an endpoint that fails, comes, or is well again.

    python bench/health.py

Forty endpoints on real sockets in this process, looked at with the defaults by what control runs;
each fails, or comes, at a moment of its own.  Prints the median and the longest, in seconds.
"""

import asyncio
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import uvloop

from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.service import Checks, Subject
from tta_gateway.features.health.target import Target
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Stand, State
from tta_gateway.support.metrics import Registry

ENDPOINTS: Final = 40
SPREAD: Final = 2.0  # seconds, over which the moments are spread
CHECK: Final = Check(body='$.status == "healthy"')


class Fake:
    """An endpoint: well, not well, hanging, or not there."""

    def __init__(self) -> None:
        self.mode = "well"
        self.port = 0
        self.state: State = "up"
        self.since = 0.0
        self.took: list[float] = []
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Be there."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if self.mode == "hangs":
            await reader.read()
        said = b'{"status":"%b"}' % (b"healthy" if self.mode == "well" else b"unhealthy")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
        writer.close()

    async def become(self, mode: str) -> None:
        """Be like this from now on."""
        if mode == "gone" and self._server is not None:
            self._server.close()
        elif self.mode == "gone":
            await self.listen()
        self.mode = mode
        self.since = time.perf_counter()


class World:
    """All of them."""

    def __init__(self) -> None:
        self.fakes = [Fake() for _ in range(ENDPOINTS)]

    def stands(self, _: str) -> list[Stand]:
        """Return them as they are known."""
        return [
            Stand(endpoint=Endpoint(host="127.0.0.1", port=one.port), state=one.state)
            for one in self.fakes
        ]

    def checked(self, _: str, endpoint: str, state: State, __: str) -> None:
        """Note when something was found out."""
        port = int(endpoint.rpartition(":")[2])
        (fake,) = (one for one in self.fakes if one.port == port)
        fake.state = state
        fake.took.append(time.perf_counter() - fake.since)

    def looked(self, _: str) -> None:
        """Let it be."""


async def measure(world: World, what: str, mode: str, state: State) -> None:
    """Let every endpoint become something, and wait until that is known."""
    for fake in world.fakes:
        fake.took.clear()

    async def change(fake: Fake) -> None:
        await asyncio.sleep(random.random() * SPREAD)  # noqa: S311 - no secret
        await fake.become(mode)

    await asyncio.gather(*(change(fake) for fake in world.fakes))
    while any(fake.state != state for fake in world.fakes):  # noqa: ASYNC110 - a measurement
        await asyncio.sleep(0.05)
    took = sorted(fake.took[-1] for fake in world.fakes)
    print(f"{what:34} median {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s", flush=True)


async def main() -> None:
    """Measure."""
    world = World()
    for fake in world.fakes:
        await fake.listen()
    clock: Callable[[], float] = time.perf_counter
    checks = Checks(
        world,
        clock=clock,
        chance=random.random,
        registry=Registry(),
        died=lambda name, error: print(name, repr(error)),
    )
    checks.adopt({"a": Subject(CHECK, partial(Target, check=CHECK))})
    async with asyncio.TaskGroup() as group:
        task = group.create_task(checks.run())
        await asyncio.sleep(3)
        for what, mode in (("says it is not well", "ill"), ("hangs", "hangs"), ("is gone", "gone")):
            await measure(world, f"{what} -> down", mode, "down")
            await measure(world, "well again -> up", "well", "up")
            checks.asked("a")
        await cost(checks)
        task.cancel()


async def cost(checks: Checks) -> None:
    """Print what a look costs, with what the endpoint itself takes in this process."""
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(10)
    checks.asked("a")
    per = (time.process_time() - cpu) / ((time.perf_counter() - begun) * ENDPOINTS / CHECK.interval)
    print(f"{'a look, both ends':34} {per * 1e6:.0f} us of CPU")


if __name__ == "__main__":
    uvloop.run(main())
