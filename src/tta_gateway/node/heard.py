"""Heard: what workers say of endpoints and breakers, and what control tells all of them of it."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from tta_gateway.kernel.events import (
    BreakerChanged,
    EndpointChange,
    EndpointChanged,
    EndpointSeen,
    Event,
)
from tta_gateway.kernel.route import Outliers
from tta_gateway.node.known import Kept, Known
from tta_gateway.node.readmission import Ejection, Look, times_in_a_row
from tta_gateway.support.bus import Bus
from tta_gateway.upstream.outlier import is_calm, lasting, may_eject

_SAME: Final = 0.5  # seconds between two moments that are one, told twice
_LOST: Final = 3600.0  # seconds of silence after which nobody asks a route any more


class Heard:
    """Listens for all services."""

    def __init__(
        self,
        kept: Callable[[], Mapping[str, Kept]],
        tell: Callable[[Kept], None],
        bus: Bus,
        *,
        wall: Callable[[], float],
    ) -> None:
        """Keep what is heard with the services that there are; `tell` says it to all workers."""
        self._kept = kept
        self._tell = tell
        self._bus = bus
        self._wall = wall

    def hear(self, event: Event) -> None:
        """Remember transitions, and let all workers know of what one has ejected."""
        if isinstance(event, EndpointSeen):
            known = self._known(event.service, event.endpoint)
            if known is not None:
                known.see(event)
            return
        if isinstance(event, BreakerChanged):
            self._hear_breaker(event)
        if isinstance(event, EndpointChanged):
            self._hear_change(event)

    def _hear_change(self, event: EndpointChanged) -> None:
        kept = self._kept().get(event.service)
        if kept is None:
            return
        kept.transitions.append(event)
        known = kept.endpoints.get(event.endpoint)
        if known is None:
            return
        if event.change == "ejected":
            self._hear_ejection(kept, known, event)
        elif event.change == "as_fast_as_its_peers":
            known.fast_at = event.at

    def _hear_ejection(self, kept: Kept, known: Known, event: EndpointChanged) -> None:
        """Let all workers eject an endpoint that one has ejected, or all of them together.

        What several say at once is one ejection: the longest of them counts.
        """
        settings = kept.service.outliers or Outliers()
        if is_calm(event.at - known.out_until, settings):
            known.ejections = 0
        times = times_in_a_row(event, shortest=settings.shortest)
        known.ejections = max(known.ejections, times)
        known.out_until = max(known.out_until, event.until)
        known.ejection = Ejection(event, shortest=settings.shortest, before=known.ejection)
        known.out_since = max(known.out_since, event.at)
        if event.until > known.ejected_until:
            known.ejected_until = known.back_at = event.until
            self._tell(kept)

    def eject(self, kept: Kept, known: Known, cause: str) -> None:
        """Eject an endpoint for all workers, if one more may be."""
        settings, now = kept.service.outliers, self._wall()
        if settings is None or not _may_eject(kept, known, settings, now):
            return
        calm = is_calm(now - known.out_until, settings)
        lasts = lasting(1 if calm else known.ejections + 1, settings)
        self._say(kept, known, "ejected", f"{cause}; for {lasts:g} s", until=now + lasts)

    def penalise(self, kept: Kept, known: Known, ratio: float) -> None:
        """Have all workers give an endpoint only probes, which is slow."""
        known.slow_since, known.slow_ratio = self._wall(), ratio
        cause = f"{ratio:.1f} times as slow as its peers, by what all workers saw"
        self._say(kept, known, "penalised", cause)
        self._tell(kept)

    def clear(self, kept: Kept, known: Known) -> None:
        """Say that no worker holds an endpoint for slow any more, if all had been told so."""
        if known.slow_since:
            known.slow_since = known.slow_ratio = 0.0
            self._say(kept, known, "as_fast_as_its_peers", "")
            self._tell(kept)

    def _say(
        self, kept: Kept, known: Known, change: EndpointChange, cause: str, until: float = 0.0
    ) -> None:
        self._bus.publish(
            EndpointChanged(
                service=kept.service.name,
                endpoint=known.endpoint.name,
                change=change,
                cause=cause,
                at=self._wall(),
                until=until,
            )
        )

    def saw(self, service: str, endpoint: str, look: Look) -> None:
        """Take one check of an endpoint: enough that pass end an ejection (node/readmission.py)."""
        kept, known = self._kept().get(service), self._known(service, endpoint)
        if kept is None or known is None or known.ejection is None:
            return
        if known.ejected_until <= self._wall():
            known.ejection = None
        elif known.ejection.ends(look):
            known.ejected_until, known.cleared = 0.0, known.ejection.since
            known.back_at = self._wall()
            known.ejection = None
            self._tell(kept)

    def _hear_breaker(self, event: BreakerChanged) -> None:
        """Remember how a breaker is, and let all workers open theirs."""
        kept = self._kept().get(event.service)
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
        for kept in self._kept().values():
            for known in kept.endpoints.values():
                known.share.retain(workers)
                if not known.seen.keys() <= workers:
                    known.seen = {by: one for by, one in known.seen.items() if by in workers}
            for route, by_worker in list(kept.breakers.items()):
                for by, one in list(by_worker.items()):
                    if by not in workers or max(one.at, one.until) < now - _LOST:
                        del by_worker[by]
                if not by_worker and kept.open.get(route, 0.0) <= now:
                    del kept.breakers[route]

    def _known(self, service: str, endpoint: str) -> Known | None:
        kept = self._kept().get(service)
        return None if kept is None else kept.endpoints.get(endpoint)


def _may_eject(kept: Kept, known: Known, settings: Outliers, now: float) -> bool:
    """Tell whether one more may be left out: not twice, not beyond the share, never the last."""
    others = [one for one in kept.endpoints.values() if one is not known]
    ejected = sum(one.ejected_until > now for one in others)
    if known.ejected_until > now or not any(one.is_good(now) for one in others):
        return False
    return may_eject(ejected=ejected, of=len(kept.endpoints), settings=settings)
