"""What a registry tells, gathered; and a provider that is being watched."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Final, ParamSpec

import uvloop

from tta_gateway.features.discovery.provider import Provider, Unreachable
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.standing import Instance

P = ParamSpec("P")
PATIENCE: Final = 10.0


class Told:
    """All that has been told, newest last, and why the registry could not be reached at the end."""

    def __init__(self) -> None:
        self.all: list[tuple[str, tuple[Instance, ...]]] = []
        self.unreachable: list[str] = []
        self._news = asyncio.Event()

    def found(self, service: str, instances: tuple[Instance, ...]) -> None:
        """Take what a provider tells."""
        self.all.append((service, instances))
        self._news.set()

    def now(self, service: str) -> tuple[Instance, ...] | None:
        """What there is of a service, as it was told last."""
        said = [instances for name, instances in self.all if name == service]
        return said[-1] if said else None

    def places(self, service: str) -> list[str] | None:
        """Its endpoints: host and port, and whether they drain."""
        now = self.now(service)
        if now is None:
            return None
        return [one.endpoint.name + (" drains" if one.draining else "") for one in now]

    def routes(self, service: str) -> list[Declared]:
        """What its instances declare."""
        return [route for one in self.now(service) or () for route in one.routes]

    async def until(self, service: str, *places: str) -> None:
        """Wait until these are its endpoints."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.places(service) != list(places):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.places(service)}, {self.unreachable}") from None

    async def ends(self) -> str:
        """Wait until the registry cannot be reached; return why."""
        async with asyncio.timeout(PATIENCE):
            while not self.unreachable:
                self._news.clear()
                await self._news.wait()
        return self.unreachable[0]

    async def watch(self, provider: Provider) -> None:
        """Watch until it cannot be reached."""
        try:
            await provider.watch(self.found)
        except Unreachable as error:
            self.unreachable.append(str(error))
            self._news.set()


@contextlib.asynccontextmanager
async def watched(provider: Provider, told: Told | None = None) -> AsyncIterator[Told]:
    """Watch a provider for a while."""
    told = told or Told()
    task = asyncio.get_running_loop().create_task(told.watch(provider))
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


def in_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test whose function waits: it runs in a loop such as control's, and not for long."""

    @functools.wraps(test)
    def run(*args: P.args, **named: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(4 * PATIENCE):
                await test(*args, **named)

        uvloop.run(bounded())

    return run
