"""A loop that turns by hand: nothing runs and no time passes but where a test says so.

Tasks and `asyncio.timeout` work on it.  What a callback raises, the test gets; a connection is
opened as the test has laid down in `answers`: an error, a transport, or nothing at all.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, cast

from tests.helpers.fake_transport import FakeTransport


class Scheduled:
    """One call that is to come, as a handle of asyncio's."""

    def __init__(self, call: Callable[..., object], args: tuple[Any, ...], when: float) -> None:
        """Keep what to call, and when."""
        self._call = call
        self._args = args
        self._when = when
        self._cancelled = False

    def when(self) -> float:
        """Return the time of the call."""
        return self._when

    def cancel(self) -> None:
        """Make nothing of it."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """Tell whether nothing comes of it."""
        return self._cancelled

    def run(self, context: Context | None) -> None:
        """Call, unless it has been cancelled."""
        if self._cancelled:
            return
        if context is None:
            self._call(*self._args)
        else:
            context.run(self._call, *self._args)


class Never:
    """Stands for a connection that is never opened; with `late`, for one that is seen too late."""

    def __init__(self, *, late: bool = False) -> None:
        """Say whether the socket is there all the same."""
        self.late = late


class FakeLoop:
    """Runs for as long as its `with` block; `opened` are the connections that it has made."""

    def __init__(self, now: float = 1000.0) -> None:
        """Begin at this time, in seconds."""
        self._now = now
        self._ready: deque[tuple[Scheduled, Context | None]] = deque()
        self._timers: list[tuple[float, int, Scheduled, Context | None]] = []
        self._number = count()
        self.faults: list[dict[str, Any]] = []
        self.answers: deque[Exception | Never] = deque()
        self.asked: list[tuple[object, ...]] = []
        self.opened: list[FakeTransport] = []

    @property
    def real(self) -> asyncio.AbstractEventLoop:
        """Return itself, as what needs a loop of asyncio's sees it."""
        return cast("asyncio.AbstractEventLoop", self)

    def __enter__(self) -> "FakeLoop":
        """Be the running loop."""
        asyncio._set_running_loop(self.real)
        return self

    def __exit__(self, *_: object) -> None:
        """Be it no longer."""
        asyncio._set_running_loop(None)

    # What the test does

    def run_ready(self) -> None:
        """Call what is due now, and what comes of it, until nothing is left."""
        while self._ready:
            self.turn()

    def turn(self) -> None:
        """Turn once: call what is due now, but not yet what comes of it."""
        for _ in range(len(self._ready)):
            scheduled, context = self._ready.popleft()
            scheduled.run(context)

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        until = self._now + seconds
        self.run_ready()
        while self._timers and self._timers[0][0] <= until:
            when, _, scheduled, context = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            self._ready.append((scheduled, context))
            self.run_ready()
        self._now = until

    def delay(self, seconds: float) -> None:
        """Let time pass in which the loop gets to nothing."""
        self._now += seconds

    # What asyncio asks

    def time(self) -> float:
        """Return the time, in seconds."""
        return self._now

    def get_debug(self) -> bool:
        """Say that nothing is to be watched."""
        return False

    def call_soon(
        self, call: Callable[..., object], *args: object, context: Context | None = None
    ) -> Scheduled:
        """Call at the next turn."""
        scheduled = Scheduled(call, args, self._now)
        self._ready.append((scheduled, context))
        return scheduled

    def call_later(
        self,
        delay: float,
        call: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Scheduled:
        """Call after a while."""
        return self.call_at(self._now + delay, call, *args, context=context)

    def call_at(
        self,
        when: float,
        call: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> Scheduled:
        """Call at a time."""
        scheduled = Scheduled(call, args, when)
        heapq.heappush(self._timers, (when, next(self._number), scheduled, context))
        return scheduled

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self.real)

    def create_task(
        self, work: Coroutine[Any, Any, Any], *, name: str | None = None
    ) -> asyncio.Task[Any]:
        """Return a task of this loop."""
        return asyncio.Task(work, loop=self.real, name=name)

    def call_exception_handler(self, fault: dict[str, Any]) -> None:
        """Keep what went wrong behind everybody's back."""
        self.faults.append(fault)

    async def create_connection(
        self,
        protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        *,
        ssl: object = None,
    ) -> tuple[FakeTransport, asyncio.Protocol]:
        """Open a connection, or not, as the test has laid down."""
        self.asked.append((host, port) if ssl is None else (host, port, ssl))
        return await self._open(protocol)

    async def create_unix_connection(
        self, protocol: Callable[[], asyncio.Protocol], path: str
    ) -> tuple[FakeTransport, asyncio.Protocol]:
        """Open a connection on a unix socket, or not."""
        self.asked.append((path,))
        return await self._open(protocol)

    async def _open(
        self, protocol: Callable[[], asyncio.Protocol]
    ) -> tuple[FakeTransport, asyncio.Protocol]:
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Never) and not answer.late:
            await self.create_future()
        made = protocol()
        transport = FakeTransport(self)
        self.opened.append(transport)
        transport.connect(made)
        if answer is not None:
            await self.create_future()
        return transport, made
