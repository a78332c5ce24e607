"""Known: what control knows of one service and of one of its endpoints, whoever told of it."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from tta_gateway.kernel.events import BreakerChanged, EndpointChanged, EndpointSeen
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Instance, RefusedInstance, Stand, State
from tta_gateway.node.merged import Share
from tta_gateway.node.readmission import Ejection

CONFIGURATION: Final = "configuration"
_REMEMBERED: Final = 20  # transitions of a service
_FORGOTTEN: Final = 60.0  # seconds after which what a worker has seen is of no interest
_LATE: Final = 3.0  # seconds until all that a worker has seen is told (node/sights.py)
_STALE: Final = 10.0  # seconds after which nobody goes by it any more


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
        self.ejections = 0  # in a row
        self.out_until = 0.0  # when the last of them ends, or would have ended
        self.out_since = 0.0  # when it was told of
        self.back_at = 0.0  # when it is over, or was: checks may have ended it sooner
        self.slow_since = 0.0  # when all workers together found it slow; 0: it is not
        self.slow_ratio = 0.0
        self.fast_at = 0.0  # when a worker's probes showed last that it is as fast as its peers
        self.share = Share()
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
        self.share.hear(event.by, event.turn, asked=event.asked, failed=event.failed)

    def sights(self, now: float) -> list[EndpointSeen]:
        """Return how workers see it, those that have told so of late."""
        return [one for one in self.seen.values() if now - one.at < _STALE]

    def weight(self, now: float) -> float:
        """Return its weight, as workers see it on average."""
        seen = self.sights(now)
        if not seen:
            return float(self.endpoint.weight)
        return sum(one.weight for one in seen) / len(seen)

    def is_good(self, now: float) -> bool:
        """Tell whether it is up, stays, and is not ejected."""
        may_be = self.state in ("up", "unproved") and not self.instance.draining
        return may_be and self.ejected_until <= now

    def has_paid(self, since: float) -> bool:
        """Tell whether some of what was told of it since then is what it was ejected for."""
        return self.back_at > since or self.out_since + _LATE > since

    def go_on(self, stand: Stand) -> None:
        """Take what a control before this one knew of it, but for its state."""
        self.fresh, self.ejected_until = stand.fresh, stand.ejected_until
        self.cleared, self.ejections = stand.cleared, stand.ejections
        self.out_until = self.back_at = stand.ejected_until
        self.slow_since, self.slow_ratio = stand.slow_since, stand.slow_ratio

    def stand(self) -> Stand:
        """Return it as workers are told."""
        return Stand(
            endpoint=self.endpoint,
            state="draining" if self.instance.draining else self.state,
            since=self.since,
            fresh=self.fresh,
            ejected_until=self.ejected_until,
            cleared=self.cleared,
            ejections=self.ejections,
            slow_since=self.slow_since,
            slow_ratio=self.slow_ratio,
            source=self.source,
            id=self.instance.id,
        )


class Kept:
    """What is known of one service."""

    def __init__(self, service: Service) -> None:
        """Begin without endpoints."""
        self.service = service
        self.sources: dict[str, tuple[Instance, ...]] = {}
        self.refused: dict[str, dict[str, str]] = {}  # by source: endpoints not to be asked, why
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
                yield refused_by(self, source, endpoint)

    def taken_of(self, source: str) -> tuple[Instance, ...]:
        """Return those of a source's instances that are taken."""
        told, refused = self.sources.get(source, ()), self.refused.get(source)
        if not refused:
            return told
        return tuple(one for one in told if one.endpoint.name not in refused)


def declared(instances: Iterable[Instance]) -> list[tuple[str, float, tuple[Declared, ...]]]:
    """Return what instances declare, and what decides between them and others."""
    return [(one.id, one.since, one.routes) for one in instances if one.routes]


def merged(kept: Kept) -> dict[str, tuple[Instance, str]]:
    """Return each endpoint by its name, as the first source says that names it, and the source."""
    found: dict[str, tuple[Instance, str]] = {}
    for source, instances in kept.taken():
        for told in instances:
            for one in _stands_for(kept, source, told):
                found.setdefault(one.endpoint.name, (one, source))
    return found


def _stands_for(kept: Kept, source: str, told: Instance) -> tuple[Instance, ...]:
    """Return what a source's instance is, its host resolved where that has been done."""
    if source != CONFIGURATION:
        return (told,)
    return kept.resolved.get(told.endpoint.name) or (told,)


def refused_by(kept: Kept, source: str, endpoint: str) -> RefusedInstance:
    """Return what is told of an endpoint of a source that is not taken."""
    service, reason = kept.service.name, kept.refused[source][endpoint]
    return RefusedInstance(source=source, service=service, endpoint=endpoint, reason=reason)
