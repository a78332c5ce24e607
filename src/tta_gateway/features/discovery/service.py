"""Discovery at work: every registry watched, and what they find told once it is settled.

A registry that cannot be reached is asked again after a pause that grows.  What it said last stays
in force meanwhile, and its state says so: once in the log, as an event, and for who asks.

A fault of ours is told as such, and dealt with in the same way: it ends no other registry, and what
could not be handed on is handed on later.  Pauses after faults grow until there was none for a
while, whatever else has worked: what comes back at once would else be tried at once, for ever.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from tta_gateway.features.discovery.algorithm import Debounce, pause
from tta_gateway.features.discovery.bound import DiscoveryBound
from tta_gateway.features.discovery.metrics import CHANGES, FAILURES, REACHABLE
from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.features.discovery.registries import Tools, Watched, registries
from tta_gateway.features.discovery.state import RegistryState
from tta_gateway.kernel.events import RegistryChanged
from tta_gateway.kernel.route import Service
from tta_gateway.kernel.standing import Instance, spoken
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.places import places
from tta_gateway.support.tasks import cause_of


class Sink(Protocol):
    """Who puts together what all sources say of services."""

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        """Take all that a source says that there is of a service."""

    def resolved(self, service: str, name: str, instances: tuple[Instance, ...]) -> None:
        """Take what a host and port of the configuration stand for; nothing: for itself."""

    def sources(self) -> Iterable[tuple[str, str]]:
        """Return each service with each source that speaks of it, beside the configuration."""

    def names(self) -> Iterable[tuple[str, str]]:
        """Return each service with each host and port of it that something else stands for."""

    def said(self, service: str, source: str) -> tuple[Instance, ...]:
        """Return what a source, or a host and port that is resolved, has said last."""


_LONG_AGO: Final = float("-inf")


class _Running:
    """A registry that is being watched."""

    def __init__(self, watched: Watched, state: RegistryState) -> None:
        """Begin without a task."""
        self.watched = watched
        self.state = state
        self.failures = 0
        self.faults = 0  # of ours, without a calm time between them
        self.faulted = _LONG_AGO  # when the last was
        self.held = _LONG_AGO  # until when nothing is handed on
        self.said: dict[str, tuple[Instance, ...]] = {}  # last, by service
        self.told: dict[str, tuple[Instance, ...]] = {}
        self.debounce = Debounce(quiet=0.0, latest=0.0)
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_watched(self) -> bool:
        """Tell whether somebody does: a fault of ours may have ended all that were at it."""
        return self.task is not None and not self.task.done()

    def due(self) -> float | None:
        """Return when there is something to hand on."""
        due = self.debounce.next()
        return None if due is None else max(due, self.held)


class Discovery:
    """All registries of a node."""

    def __init__(
        self,
        sink: Sink,
        bus: Bus,
        *,
        log: EventLog,
        clock: Clock,
        chance: Callable[[], float],
        metrics: Registry,
    ) -> None:
        """Begin with none."""
        self._sink = sink
        self._bus = bus
        self._log = log
        self._clock = clock
        self._chance = chance
        self._metrics = metrics
        self._tools = Tools(clock.monotonic, chance, self._misread)
        self._bound = DiscoveryBound()
        self._wanted: dict[str, Watched] = {}
        self._running: dict[str, _Running] = {}
        self._changed = asyncio.Event()
        self._misreads: dict[tuple[str, str], str] = {}

    def adopt(self, bound: DiscoveryBound, services: Iterable[Service]) -> None:
        """Watch these registries from now on, those that stay without a break."""
        self._bound = bound
        self._wanted = registries(bound, services, self._tools)
        self._changed.set()
        of_ours = {
            (service, name) for name, one in self._wanted.items() for service in one.services
        }
        for service, source in list(self._sink.sources()):
            if _is_ours(source) and (service, source) not in of_ours:
                self._sink.found(service, source, ())
            elif _is_ours(source):
                self._speak(service, source, tls=_is_encrypted(bound, service))
        followed = {(one.services[0], one.endpoint) for one in self._wanted.values()}
        for service, name in list(self._sink.names()):
            if (service, name) not in followed:
                self._sink.resolved(service, name, ())

    def _speak(self, service: str, source: str, *, tls: bool) -> None:
        """Have what was found before be spoken to as the configuration has it now."""
        before = self._sink.said(service, source)
        if any(one.endpoint.tls != tls for one in before):
            self._sink.found(service, source, tuple(spoken(one, tls=tls) for one in before))

    def states(self) -> Iterator[RegistryState]:
        """Yield how each registry is."""
        for one in self._running.values():
            yield one.state

    async def run(self) -> None:
        """Watch, for as long as the process lives; called again after a fault, begin all anew."""
        self._changed.set()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    self._settle(group)
        except Exception as error:
            fault = f"nothing is watched: {_named(cause_of(error))}"
            for state in self.states():
                state.fault = fault
                state.faults += 1
            raise

    def _settle(self, group: asyncio.TaskGroup) -> None:
        """End what is wanted no more, and begin what is new."""
        for name, running in list(self._running.items()):
            wanted = self._wanted.get(name)
            if wanted is None or wanted.likeness != running.watched.likeness:
                self._end(self._running.pop(name), forever=wanted is None)
        for name, wanted in self._wanted.items():
            running = self._running.get(name) or _Running(wanted, self._state(wanted))
            self._running[name] = running
            if not running.is_watched:
                running.task = group.create_task(self._watch(running), name=f"registry {name}")
        for running in self._running.values():
            running.debounce = Debounce(quiet=self._bound.quiet, latest=self._bound.latest)
            self._tell_again(running)

    def _state(self, wanted: Watched) -> RegistryState:
        """Return how a registry is that has not been heard yet, and what it has said before."""
        name = wanted.provider.name
        before = {one: self._sink.said(one, wanted.endpoint or name) for one in wanted.services}
        known = {service: len(instances) for service, instances in before.items() if instances}
        return RegistryState(
            provider=name, services=wanted.services, instances=known, unconfirmed=tuple(known)
        )

    def _tell_again(self, running: _Running) -> None:
        """Say what has been said: a service may have been away, and has come back."""
        for service, instances in running.said.items():
            if service in running.told:
                try:
                    self._hand_on(running, service, running.told[service])
                except Exception as error:  # noqa: BLE001 - see _fault
                    self._fault(running, error)
                    del running.told[service]
            if running.told.get(service) != instances:
                running.debounce.put(service, self._clock.monotonic())
        self._arm(running)

    def _end(self, running: _Running, *, forever: bool) -> None:
        if running.task is not None:
            running.task.cancel()
        if running.timer is not None:
            running.timer.cancel()
        if forever:
            self._metrics.child(REACHABLE, running.state.provider).set(0.0)
            if running.watched.endpoint:
                self._sink.resolved(running.watched.services[0], running.watched.endpoint, ())

    # One registry

    async def _watch(self, running: _Running) -> None:
        """Watch it again and again, whatever happens."""
        while True:
            await self._watch_once(running)
            again = max(running.failures, running.faults)
            await asyncio.sleep(pause(again, self._chance()))

    async def _watch_once(self, running: _Running) -> None:
        """Watch it until that ends, and take note of why."""

        def found(service: str, instances: tuple[Instance, ...]) -> None:
            self._found(running, service, instances)

        try:
            await running.watched.provider.watch(found)
        except Unreachable as error:
            self._failed(running, str(error))
        except Exception as error:  # noqa: BLE001 - see _fault
            self._fault(running, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            assert task is not None  # this is one
            if task.cancelling():
                raise
            self._fault(running, error)  # something within was cancelled, and nobody took it
        else:
            self._failed(running, "it has ended what it tells")

    def _fault(self, running: _Running, error: BaseException) -> None:
        """Take note of a fault of ours: it must not end the others, nor be kept from operators."""
        state, now = running.state, self._clock.monotonic()
        cause = _named(error)
        if now - running.faulted >= _CALM:
            running.faults = 0
        is_news = not running.faults or state.error != cause
        running.faults += 1
        running.faulted = now
        running.held = now + pause(running.faults, self._chance())
        state.fault = cause
        state.faults += 1
        if is_news:
            self._log.event("registry_failed", provider=state.provider, error=cause)
        self._failed(running, cause)

    def _failed(self, running: _Running, cause: str) -> None:
        state = running.state
        running.failures += 1
        self._metrics.child(FAILURES, state.provider).add()
        state.error = cause
        if state.reachable is not False:
            self._turn(running, reachable=False, cause=cause)

    def _turn(self, running: _Running, *, reachable: bool, cause: str) -> None:
        """Take note that it is reachable, or not any more, and tell of it once."""
        state, now = running.state, self._clock.wall()
        is_news = not reachable or state.reachable is not None  # that it works is none
        state.reachable, state.since = reachable, now
        self._metrics.child(REACHABLE, state.provider).set(float(reachable))
        if not is_news:
            return
        event = "registry_reachable" if reachable else "registry_unreachable"
        self._log.event(event, provider=state.provider, cause=cause)
        self._bus.publish(
            RegistryChanged(provider=state.provider, reachable=reachable, cause=cause, at=now)
        )

    # What it finds

    def _found(self, running: _Running, service: str, instances: tuple[Instance, ...]) -> None:
        before = running.said.get(service)
        running.said[service] = instances
        state = running.state
        state.instances = {**state.instances, service: len(instances)}
        state.unconfirmed = tuple(one for one in state.unconfirmed if one != service)
        if service not in running.told and (before is None or before == instances):
            self._tell(running, service)  # nobody knows anything yet: there is nothing to wait for
        elif instances != before:
            running.debounce.put(service, self._clock.monotonic())
            self._arm(running)
        running.failures = 0
        if running.debounce.next() is None or not state.fault:
            self._works(running)

    def _works(self, running: _Running) -> None:
        """Take note that a registry answers, and that we understand it."""
        running.state.fault = ""
        if running.state.reachable is not True:
            self._turn(running, reachable=True, cause="")

    def _arm(self, running: _Running) -> None:
        """Wait until there is something to tell."""
        if running.timer is not None:
            running.timer.cancel()
            running.timer = None
        due = running.due()
        if due is not None:
            delay = max(0.0, due - self._clock.monotonic())
            loop = asyncio.get_running_loop()
            running.timer = loop.call_later(delay, self._ring, running)

    def _ring(self, running: _Running) -> None:
        running.timer = None
        now, due = self._clock.monotonic(), running.due()
        owed = [] if due is None or due > now else running.debounce.due(now)
        for service in owed:
            try:
                self._tell(running, service)
            except Exception as error:  # noqa: BLE001 - see _fault
                self._fault(running, error)
                running.debounce.put(service, now)
        if owed and running.state.fault and running.debounce.next() is None:
            self._works(running)
        self._arm(running)

    def _tell(self, running: _Running, service: str) -> None:
        """Hand on what is said now, if it is not what was said before."""
        instances = running.said[service]
        if running.told.get(service) != instances:
            self._hand_on(running, service, instances)
            running.told[service] = instances
            running.state.changed = self._clock.wall()
            self._metrics.child(CHANGES, running.state.provider).add()

    def _hand_on(self, running: _Running, service: str, instances: tuple[Instance, ...]) -> None:
        endpoint = running.watched.endpoint
        wanted = self._wanted.get(running.state.provider)
        if wanted is None or service not in wanted.services:
            return  # nobody looks for it there any more
        if endpoint:
            self._sink.resolved(service, endpoint, instances)
        else:
            self._sink.found(service, running.state.provider, instances)

    def _misread(self, provider: str, entry: str, why: str) -> None:
        """Tell of an entry that cannot be read, once for each reason."""
        if self._misreads.get((provider, entry)) != why:
            if len(self._misreads) >= _MOST_MISREADS:
                self._misreads.clear()
            self._misreads[provider, entry] = why
            self._log.event("registry_entry_left_out", provider=provider, entry=entry, error=why)


def _named(error: BaseException) -> str:
    """Return which fault it is, without its text: that could hold what somebody wrote."""
    return f"{type(error).__name__} at {places(error)}"


def _is_encrypted(bound: DiscoveryBound, service: str) -> bool:
    wanted = bound.services.get(service)
    return wanted is not None and wanted.tls


_MOST_MISREADS: Final = 1000
_CALM: Final = 60.0  # seconds without a fault of ours, after which the next is the first
_OURS: Final = ("consul", "docker", "etcd", "kubernetes")


def _is_ours(source: str) -> bool:
    """Tell whether a source is a registry that is watched here, of this control or one before."""
    return source in _OURS or source.startswith("dns/")
