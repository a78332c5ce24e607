"""Services: what control knows of each, put together and told to every worker.

Whose endpoints there are comes from the configuration and from registries, how they are from checks
and from what workers see.  A service of which nothing but the configuration is known has no
standing: workers then ask all its endpoints.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from tta_gateway.kernel.events import (
    BreakerChanged,
    EndpointChange,
    EndpointChanged,
    EndpointSeen,
    Event,
)
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint, Outliers, Service
from tta_gateway.kernel.standing import (
    Instance,
    RefusedInstance,
    Stand,
    Standing,
    State,
    section,
)
from tta_gateway.node import remembered
from tta_gateway.node.findings import Findings
from tta_gateway.node.own_addresses import REASON, Own
from tta_gateway.node.readmission import Ejection, Look
from tta_gateway.node.remembered import Remembered
from tta_gateway.support.bus import Bus

CONFIGURATION: Final = "configuration"
_SAME: Final = 0.5  # seconds between two moments that are one, told twice
_REMEMBERED: Final = 20  # transitions of a service
_FORGOTTEN: Final = 60.0  # seconds after which what a worker has seen is of no interest
_LOST: Final = 3600.0  # seconds of silence after which nobody asks a route any more
_CHANGES: Final[dict[State, EndpointChange]] = {
    "up": "up",
    "down": "down",
    "starting": "starting",
    "draining": "draining",
}


class Known:
    """What is known of one endpoint."""

    def __init__(self, instance: Instance, source: str, *, state: State, at: float) -> None:
        """Begin with what was told of it."""
        self.instance = instance
        self.source = source
        self.state = state
        self.since = at
        self.fresh = False
        self.cause = ""
        self.ejected_until = 0.0
        self.ejection: Ejection | None = None
        self.cleared = 0.0
        self.seen: dict[str, EndpointSeen] = {}  # by worker

    @property
    def endpoint(self) -> Endpoint:
        """Return the endpoint."""
        return self.instance.endpoint

    def see(self, event: EndpointSeen) -> None:
        """Take how a worker sees it, and forget workers that are no more."""
        if event.by not in self.seen:
            since = event.at - _FORGOTTEN
            self.seen = {by: one for by, one in self.seen.items() if one.at >= since}
        self.seen[event.by] = event

    def stand(self) -> Stand:
        """Return it as workers are told."""
        return Stand(
            endpoint=self.endpoint,
            state="draining" if self.instance.draining else self.state,
            since=self.since,
            fresh=self.fresh,
            ejected_until=self.ejected_until,
            cleared=self.cleared,
            source=self.source,
            id=self.instance.id,
        )


class Kept:
    """What is known of one service."""

    def __init__(self, service: Service) -> None:
        """Begin without endpoints."""
        self.service = service
        self.sources: dict[str, tuple[Instance, ...]] = {}
        self.refused: dict[str, frozenset[str]] = {}  # by source: endpoints not to be asked
        self.resolved: dict[str, tuple[Instance, ...]] = {}  # by the host and port resolved
        self.found_at = 0.0  # when anything that was found last changed
        self.endpoints: dict[str, Known] = {}  # by the endpoint's name
        self.checked = False
        self.begun = False  # whether every endpoint of the configuration has been checked once
        self.introduced = False  # whether it is known what it began with
        self.down: tuple[str, ...] = ()
        self.degraded: tuple[str, ...] = ()
        self.open: dict[str, float] = {}  # by route: until when its breaker is open
        self.breakers: dict[str, dict[str, BreakerChanged]] = {}  # by route and worker: not closed
        self.remembered: dict[str, Stand] = {}  # of a control before this one
        self.transitions: deque[EndpointChanged] = deque(maxlen=_REMEMBERED)

    def taken(self) -> Iterator[tuple[str, tuple[Instance, ...]]]:
        """Yield each source with those of its instances that are taken."""
        for source in self.sources:
            yield source, self.taken_of(source)

    def left(self) -> Iterator[RefusedInstance]:
        """Yield those that are not taken."""
        for source, refused in self.refused.items():
            for endpoint in sorted(refused):
                yield _refused(self, source, endpoint)

    def taken_of(self, source: str) -> tuple[Instance, ...]:
        """Return those of a source's instances that are taken."""
        told, refused = self.sources.get(source, ()), self.refused.get(source)
        if not refused:
            return told
        return tuple(one for one in told if one.endpoint.name not in refused)


class Services:
    """Every service."""

    def __init__(self, findings: Findings, bus: Bus, *, wall: Callable[[], float]) -> None:
        """Begin with none; `wall` is the time of day, in seconds since the epoch."""
        self._findings = findings
        self._bus = bus
        self._wall = wall
        self.kept: dict[str, Kept] = {}
        self._before: dict[str, Standing] = {}  # as a control before this one knew them
        self._found: dict[str, Remembered] = {}  # what had been found then, or before the start
        self.redeclared: Callable[[], None] = lambda: None
        """Called when what instances declare has changed."""
        self.left_out: Callable[[RefusedInstance], None] = lambda _: None
        """Called for an instance that is told of and not taken, once."""
        self.own = Own()
        """The gateway's own addresses, which nobody but the configuration may name."""
        bus.subscribe(self._hear)

    def adopt(
        self,
        services: Iterable[Service],
        *,
        checked: Callable[[Service], bool],
        own: Own | None = None,
    ) -> None:
        """Have these services; `checked` says of which the endpoints are looked at.

        `own` are the gateway's own addresses from now on.
        """
        self.own = own or self.own
        before, self.kept = self.kept, {}
        for service in services:
            kept = before.pop(service.name, None) or Kept(service)
            kept.service, kept.checked = service, checked(service)
            self.kept[service.name] = kept
            if not kept.checked:
                self._look_no_more(kept)
            kept.sources[CONFIGURATION] = tuple(
                Instance(id=one.name, endpoint=one) for one in service.endpoints
            )
            self._restore(kept)
            for source in kept.sources:
                self._sift(kept, source)
            self._merge(kept)
            kept.introduced = True
            self._tell(kept)
            self._remember_found(kept)
        for name in before:
            self._findings.put(section(name), None)
            self._findings.put(remembered.section(name), None)

    def _look_no_more(self, kept: Kept) -> None:
        """Take endpoints for up that nobody looks at any more, and say so: alerts end with it."""
        for name, known in kept.endpoints.items():
            if known.state != "up":
                known.state, known.since, known.cause = "up", self._wall(), ""
                self._change(kept, name, "up", "it is not checked any more")

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        """Take what a source says that there is of a service: all of it, as it is now."""
        kept = self.kept.get(service)
        if kept is None:
            return
        declared = _declared(kept.taken_of(source))
        if kept.sources.get(source, ()) != instances:
            kept.found_at = self._wall()
        if instances:
            kept.sources[source] = instances
        else:
            kept.sources.pop(source, None)
        self._sift(kept, source)
        self._merge(kept)
        self._tell(kept)
        self._remember_found(kept)
        if _declared(kept.taken_of(source)) != declared:
            self.redeclared()

    def _sift(self, kept: Kept, source: str) -> None:
        """Find out what of a source is not to be taken; the configuration may say anything."""
        before = kept.refused.pop(source, frozenset())
        told = () if source == CONFIGURATION else kept.sources.get(source, ())
        refused = frozenset(one.endpoint.name for one in told if self.own.has(one.endpoint))
        if refused:
            kept.refused[source] = refused
        for endpoint in sorted(refused - before):
            self.left_out(_refused(kept, source, endpoint))

    def refused(self, source: str) -> list[RefusedInstance]:
        """Return what a source has told of and is not taken."""
        return [one for kept in self.kept.values() for one in kept.left() if one.source == source]

    def resolved(self, service: str, name: str, instances: tuple[Instance, ...]) -> None:
        """Take what the host and port of the configuration stand for; nothing: for itself."""
        kept = self.kept.get(service)
        if kept is None:
            return
        moved = name in kept.resolved
        if kept.resolved.get(name, ()) != instances:
            kept.found_at = self._wall()
        if instances:
            kept.resolved[name] = instances
        else:
            kept.resolved.pop(name, None)
        self._merge(kept, moved=moved)
        self._tell(kept)
        self._remember_found(kept)

    def state_of(self, service: str, endpoint: str) -> State | None:
        """Return how a service's endpoint is, None if there is none."""
        known = self._known(service, endpoint)
        return None if known is None else known.stand().state

    def said(self, service: str, source: str) -> tuple[Instance, ...]:
        """Return what a source, or a host and port that is resolved, has said last."""
        kept = self.kept.get(service)
        if kept is None:
            return ()
        return kept.sources.get(source) or kept.resolved.get(source) or ()

    def sources(self) -> Iterator[tuple[str, str]]:
        """Yield each service with each source that speaks of it, beside the configuration."""
        for name, kept in self.kept.items():
            for source in list(kept.sources):
                if source != CONFIGURATION:
                    yield name, source

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield each service with each host and port of it that something else stands for."""
        for service, kept in self.kept.items():
            for name in list(kept.resolved):
                yield service, name

    def _merge(self, kept: Kept, *, moved: bool = False) -> None:
        """Put together what all sources say; of two that name one endpoint the first stands.

        Where a host has `moved`, what is new is as an instance that a registry finds; but what a
        name stands for is up where nobody else is.
        """
        merged = _merged(kept)
        for name in [one for one in kept.endpoints if one not in merged]:
            del kept.endpoints[name]
            self._change(kept, name, "gone", "")
        alone = not any(one.state == "up" for one in kept.endpoints.values())
        for name, (instance, source) in merged.items():
            known = kept.endpoints.get(name)
            if known is None:
                if self._remember(kept, name, instance, source):
                    continue
                first = source == CONFIGURATION and not (kept.begun or moved)
                first = first or (alone and instance.endpoint.authority != "")
                known = self._appear(kept, instance, source, first=first)
            elif instance.draining and not known.instance.draining:
                self._change(kept, name, "draining", source)
            known.instance, known.source = instance, source

    def _appear(self, kept: Kept, instance: Instance, source: str, *, first: bool) -> Known:
        """Take note of an endpoint; those that a new service begins with are no news."""
        name, now = instance.endpoint.name, self._wall()
        state: State = "starting" if kept.checked and not first else "up"
        known = kept.endpoints[name] = Known(instance, source, state=state, at=now)
        known.fresh = not first
        if kept.introduced:
            self._change(kept, name, "appeared", source)
        return known

    def _remember(self, kept: Kept, name: str, instance: Instance, source: str) -> bool:
        """Go on with an endpoint that a control before this one knew, if it did."""
        stand = kept.remembered.pop(name, None)
        if stand is None or stand.state == "draining":
            return False
        known = Known(instance, source, state=stand.state, at=stand.since)
        known.fresh, known.ejected_until = stand.fresh, stand.ejected_until
        known.cleared = stand.cleared
        if not kept.checked:
            known.state = "up"
        kept.endpoints[name] = known
        return True

    def checked(self, service: str, endpoint: str, state: State, cause: str) -> None:
        """Take what a check has come to."""
        kept = self.kept.get(service)
        known = None if kept is None else kept.endpoints.get(endpoint)
        if kept is None or known is None or known.state == state:
            return
        known.fresh = known.state in ("starting", "down")
        known.state, known.since, known.cause = state, self._wall(), cause
        self._change(kept, endpoint, _CHANGES[state], cause)
        self._tell(kept)

    def depend(self, service: str, *, down: tuple[str, ...], degraded: tuple[str, ...]) -> None:
        """Take which of the services that it depends on it lacks."""
        kept = self.kept.get(service)
        if kept is not None and (kept.down, kept.degraded) != (down, degraded):
            kept.down, kept.degraded = down, degraded
            self._tell(kept)

    def _change(self, kept: Kept, endpoint: str, change: EndpointChange, cause: str) -> None:
        self._bus.publish(
            EndpointChanged(
                service=kept.service.name,
                endpoint=endpoint,
                change=change,
                cause=cause,
                at=self._wall(),
            )
        )

    def _hear(self, event: Event) -> None:
        """Remember transitions, and let all workers know of what one has ejected."""
        if isinstance(event, EndpointSeen):
            known = self._known(event.service, event.endpoint)
            if known is not None:
                known.see(event)
            return
        if isinstance(event, BreakerChanged):
            self._hear_breaker(event)
        if not isinstance(event, EndpointChanged):
            return
        kept = self.kept.get(event.service)
        if kept is None:
            return
        kept.transitions.append(event)
        known = kept.endpoints.get(event.endpoint)
        if known is not None and event.change == "ejected":
            self._hear_ejection(kept, known, event)

    def _hear_ejection(self, kept: Kept, known: Known, event: EndpointChanged) -> None:
        """Let all workers eject an endpoint that one has ejected."""
        settings = kept.service.outliers or Outliers()
        known.ejection = Ejection(event, shortest=settings.shortest, before=known.ejection)
        if event.until > known.ejected_until:
            known.ejected_until = event.until
            self._tell(kept)

    def saw(self, service: str, endpoint: str, look: Look) -> None:
        """Take one check of an endpoint: enough that pass end an ejection (node/readmission.py)."""
        kept, known = self.kept.get(service), self._known(service, endpoint)
        if kept is None or known is None or known.ejection is None:
            return
        if known.ejected_until <= self._wall():
            known.ejection = None
        elif known.ejection.ends(look):
            known.ejected_until, known.cleared = 0.0, known.ejection.since
            known.ejection = None
            self._tell(kept)

    def _hear_breaker(self, event: BreakerChanged) -> None:
        """Remember how a breaker is, and let all workers open theirs."""
        kept = self.kept.get(event.service)
        if kept is None:
            return
        by_worker = kept.breakers.setdefault(event.route, {})
        by_worker[event.by] = event
        if event.state == "closed":
            del by_worker[event.by]
        longer = event.until > kept.open.get(event.route, 0.0) + _SAME
        if event.state == "open" and longer:
            kept.open[event.route] = event.until
        elif event.state != "closed" or not kept.open:
            return
        now = self._wall()
        kept.open = {route: until for route, until in kept.open.items() if until > now}
        self._tell(kept)

    def retain(self, workers: AbstractSet[str]) -> None:
        """Forget what all others have said: they are no more.  So are routes not heard of."""
        now = self._wall()
        for kept in self.kept.values():
            for known in kept.endpoints.values():
                if not known.seen.keys() <= workers:
                    known.seen = {by: one for by, one in known.seen.items() if by in workers}
            for route, by_worker in list(kept.breakers.items()):
                for by, one in list(by_worker.items()):
                    if by not in workers or max(one.at, one.until) < now - _LOST:
                        del by_worker[by]
                if not by_worker and kept.open.get(route, 0.0) <= now:
                    del kept.breakers[route]

    def _known(self, service: str, endpoint: str) -> Known | None:
        kept = self.kept.get(service)
        return None if kept is None else kept.endpoints.get(endpoint)

    def _tell(self, kept: Kept) -> None:
        known = list(kept.endpoints.values())
        plain = kept.sources.keys() == {CONFIGURATION} and not kept.resolved and not kept.checked
        plain = plain and not kept.down + kept.degraded
        if plain and not kept.open and not any(one.ejected_until for one in known):
            self._findings.put(section(kept.service.name), None)
            return
        standing = Standing(
            endpoints=tuple(one.stand() for one in known),
            down=kept.down,
            degraded=kept.degraded,
            open=dict(kept.open),
        )
        self._findings.put(section(kept.service.name), standing)

    def _remember_found(self, kept: Kept) -> None:
        """Let the next control know what registries have said: it stays in force until they do."""
        found = {
            name: all_of_it for name, all_of_it in kept.sources.items() if name != CONFIGURATION
        }
        name = remembered.section(kept.service.name)
        said = Remembered(sources=found, resolved=dict(kept.resolved), at=kept.found_at)
        self._findings.put(name, said if found or kept.resolved else None)

    def recover(self, live: Mapping[str, Standing], found: Mapping[str, Remembered]) -> None:
        """Begin with what a control before this one knew, so that nobody starts anew.

        It is called before `adopt`.  What registries said then, or to a gateway before this one,
        stays in force until they are heard again.
        """
        self._before.update(live)
        self._found.update(found)

    def _restore(self, kept: Kept) -> None:
        """Put back what was known of a service, but for hosts that it names no more."""
        found = self._found.pop(kept.service.name, None)
        if found is not None:
            kept.sources.update(found.sources)
            kept.found_at = found.at
            for one in kept.service.endpoints:
                instances = found.resolved.get(one.name)
                if instances:
                    kept.resolved[one.name] = tuple(_like(told, one) for told in instances)
        standing = self._before.pop(kept.service.name, None)
        if standing is None:
            return
        kept.begun = True
        kept.down, kept.degraded = standing.down, standing.degraded
        kept.open = dict(standing.open)
        kept.remembered = {one.endpoint.name: one for one in standing.endpoints}


def _like(told: Instance, one: Endpoint) -> Instance:
    """Return what stands for an endpoint, spoken to as the configuration has it now."""
    endpoint = msgspec.structs.replace(told.endpoint, tls=one.tls, weight=one.weight)
    return msgspec.structs.replace(told, endpoint=endpoint)


def _refused(kept: Kept, source: str, endpoint: str) -> RefusedInstance:
    service = kept.service.name
    return RefusedInstance(source=source, service=service, endpoint=endpoint, reason=REASON)


def _declared(instances: Iterable[Instance]) -> list[tuple[str, float, tuple[Declared, ...]]]:
    """Return what instances declare, and what decides between them and others."""
    return [(one.id, one.since, one.routes) for one in instances if one.routes]


def _merged(kept: Kept) -> dict[str, tuple[Instance, str]]:
    """Return each endpoint by its name, as the first source says that names it, and the source."""
    merged: dict[str, tuple[Instance, str]] = {}
    for source, instances in kept.taken():
        for told in instances:
            for one in _stands_for(kept, source, told):
                merged.setdefault(one.endpoint.name, (one, source))
    return merged


def _stands_for(kept: Kept, source: str, told: Instance) -> tuple[Instance, ...]:
    """Return what a source's instance is, its host resolved where that has been done."""
    if source != CONFIGURATION:
        return (told,)
    return kept.resolved.get(told.endpoint.name) or (told,)
