"""Delivery: brings notices to one sink, and tries again for as long as it takes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from tta_gateway.features.alerts.bound import SEVERITIES, Alertmanager, Notice, SinkBound
from tta_gateway.features.alerts.metrics import DROPPED, FAILED, SENT, WAITING
from tta_gateway.features.alerts.outbox import Outbox, pause
from tta_gateway.features.alerts.sink import Sink
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.posting import NotTaken

_OFTEN = 60.0  # seconds, at most, between two words that an alert lasts


class Delivery:
    """One sink with what it is owed; `failing` is why it did not take the last, if so."""

    def __init__(
        self,
        bound: SinkBound,
        sink: Sink,
        *,
        registry: Registry,
        log: EventLog,
        chance: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin with nothing owed."""
        self.bound = bound
        self.failing = ""
        self.changed = False
        self.begun = False
        self.moved: Callable[[], None] = lambda: None
        """Hears that it is owed less."""
        self._sink = sink
        self._log = log
        self._chance = chance
        self._sleep = sleep
        is_alertmanager = isinstance(bound, Alertmanager)
        self.outbox = Outbox(newest=is_alertmanager)
        self.resend = 0.0
        if isinstance(bound, Alertmanager):
            self.resend = min(_OFTEN, bound.resolve_timeout / 4)
        self.resent = 0.0
        self._failures = 0
        self._dropped = 0
        self._over = False
        self._wake = asyncio.Event()
        counters = (SENT, FAILED, DROPPED, WAITING)
        self._sent, self._failed, self._lost, self._waits = (
            registry.child(one, bound.name) for one in counters
        )

    def put(self, notices: Iterable[Notice]) -> None:
        """Owe it what it wants to hear of these."""
        least = SEVERITIES.index(self.bound.severity)
        again = "repeat" if self.resend else "still"
        wanted = [
            one
            for one in notices
            if SEVERITIES.index(one.alert.severity) >= least and one.reason != again
        ]
        if wanted:
            self.outbox.put(wanted)
            self._count()
            self._wake.set()

    def end(self) -> None:
        """Try no more: another has taken its place, or nobody has."""
        self._over = True
        self._waits.set(0.0)
        self._wake.set()

    def _count(self) -> None:
        self.changed = True
        self._waits.set(0.0 if self._over else float(len(self.outbox)))
        self._lost.add(self.outbox.dropped - self._dropped)
        self._dropped = self.outbox.dropped

    async def run(self) -> None:
        """Send whatever there is, until it is ended."""
        self.begun = True
        while not self._over:
            self._wake.clear()
            notices = self.outbox.take()
            if not notices:
                await self._wake.wait()
            elif not await self._try(notices):
                await self._sleep(pause(self._failures, self._chance()))

    async def _try(self, notices: list[Notice]) -> bool:
        """Send these; return whether the next may follow at once."""
        try:
            await self._sink.send(notices)
        except NotTaken as error:
            self._fail(str(error), again=error.again, count=len(notices))
            return False
        except Exception as fault:  # noqa: BLE001 - nobody else would try again
            self._fail(type(fault).__name__, again=True, count=len(notices))
            return False
        self._sent.add(len(notices))
        if self._failures:
            self._log.event("alerts_sent_again", sink=self.bound.name)
        self._failures, self.failing = 0, ""
        self.outbox.arrived()
        self._count()
        self.moved()
        return True

    def _fail(self, why: str, *, again: bool, count: int) -> None:
        self._failed.add()
        self._failures += 1
        if why != self.failing:
            self._log.event(
                "alerts_not_sent", sink=self.bound.name, error=why, waiting=len(self.outbox)
            )
        self.failing = why
        if again:
            self.outbox.came_back()
        else:
            self.outbox.arrived()
            self._lost.add(count)
        self._count()
