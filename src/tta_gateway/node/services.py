"""Services: what control knows of each, put together and told to every worker.

Whose endpoints there are comes from the configuration and from registries, how they are from checks
and from what workers see.  A service of which nothing but the configuration is known has no
standing: workers then ask all its endpoints.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from tta_gateway.kernel.events import EndpointChange, EndpointChanged
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import (
    Instance,
    RefusedInstance,
    Standing,
    State,
    section,
)
from tta_gateway.node import overheard, own_addresses, remembered
from tta_gateway.node.findings import Findings
from tta_gateway.node.heard import Heard
from tta_gateway.node.known import CONFIGURATION, Kept, Known, declared, merged, refused_by
from tta_gateway.node.overheard import is_overheard
from tta_gateway.node.own_addresses import Own
from tta_gateway.node.remembered import Remembered
from tta_gateway.support.bus import Bus

_CHANGES: Final[dict[State, EndpointChange]] = {
    "up": "up",
    "down": "down",
    "unproved": "starting",
    "starting": "starting",
    "draining": "draining",
}


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
        self.heard = Heard(lambda: self.kept, self._tell, bus, wall=wall)
        bus.subscribe(self.heard.hear)

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
                was, known.state = known.state, "up"
                known.since, known.cause = self._wall(), ""
                if was == "unproved":
                    continue
                self._change(kept, name, "up", "it is not checked any more")

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        """Take what a source says that there is of a service: all of it, as it is now."""
        kept = self.kept.get(service)
        if kept is None:
            return
        before = declared(kept.taken_of(source))
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
        if declared(kept.taken_of(source)) != before:
            self.redeclared()

    def _sift(self, kept: Kept, source: str) -> None:
        """Find out what of a source is not to be taken; the configuration may say anything."""
        before = kept.refused.pop(source, {})
        told = () if source == CONFIGURATION else kept.sources.get(source, ())
        judged = ((one.endpoint.name, self._objection(kept, one)) for one in told)
        refused = {name: reason for name, reason in judged if reason}
        if refused:
            kept.refused[source] = refused
        for endpoint in sorted(refused.keys() - before.keys()):
            self.left_out(refused_by(kept, source, endpoint))

    def _objection(self, kept: Kept, one: Instance) -> str:
        """Return why an instance is not taken; nothing if it is."""
        if self.own.has(one.endpoint):
            return own_addresses.REASON
        return overheard.REASON if is_overheard(one.endpoint, kept.service) else ""

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
        kept = self.kept.get(service)
        known = None if kept is None else kept.endpoints.get(endpoint)
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
        found = merged(kept)
        for name in [one for one in kept.endpoints if one not in found]:
            del kept.endpoints[name]
            self._change(kept, name, "gone", "")
        alone = not any(one.state in ("up", "unproved") for one in kept.endpoints.values())
        for name, (instance, source) in found.items():
            known = kept.endpoints.get(name)
            if known is None:
                if self._remember(kept, name, instance, source):
                    continue
                first = source == CONFIGURATION and not (kept.begun or moved)
                first = first or not (kept.introduced or kept.begun)  # before this gateway
                first = first or (alone and instance.endpoint.authority != "")
                known = self._appear(kept, instance, source, first=first)
            elif instance.draining and not known.instance.draining:
                self._change(kept, name, "draining", source)
            known.instance, known.source = instance, source

    def _appear(self, kept: Kept, instance: Instance, source: str, *, first: bool) -> Known:
        """Take note of an endpoint; those that a new service begins with are no news."""
        name, now = instance.endpoint.name, self._wall()
        state: State = _begins(first=first) if kept.checked else "up"
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
        known.go_on(stand)
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
        is_news = known.state != "unproved" or state != "up"
        known.fresh = known.state in ("starting", "down")
        known.state, known.since, known.cause = state, self._wall(), cause
        if is_news:
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

    def _tell(self, kept: Kept) -> None:
        known = list(kept.endpoints.values())
        plain = kept.sources.keys() == {CONFIGURATION} and not kept.resolved and not kept.checked
        plain = plain and not kept.down + kept.degraded
        touched = any(one.ejected_until or one.slow_since for one in known)
        if plain and not kept.open and not touched:
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


def _begins(*, first: bool) -> State:
    """Return how one begins that is looked at: `first` were there before the gateway."""
    return "unproved" if first else "starting"


def _like(told: Instance, one: Endpoint) -> Instance:
    """Return what stands for an endpoint, spoken to as the configuration has it now."""
    endpoint = msgspec.structs.replace(told.endpoint, tls=one.tls, weight=one.weight)
    return msgspec.structs.replace(told, endpoint=endpoint)
