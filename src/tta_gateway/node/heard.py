"""Heard: what workers say of endpoints and breakers, and what control tells all of them of it."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from tta_gateway.kernel.events import BreakerChanged, EndpointChanged, EndpointSeen, Event
from tta_gateway.kernel.route import Outliers
from tta_gateway.node.known import Kept, Known
from tta_gateway.node.readmission import Ejection, Look

_SAME: Final = 0.5  # seconds between two moments that are one, told twice
_LOST: Final = 3600.0  # seconds of silence after which nobody asks a route any more


class Heard:
    """Listens for all services."""

    def __init__(
        self,
        kept: Callable[[], Mapping[str, Kept]],
        tell: Callable[[Kept], None],
        *,
        wall: Callable[[], float],
    ) -> None:
        """Keep what is heard with the services that there are; `tell` says it to all workers."""
        self._kept = kept
        self._tell = tell
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
        if not isinstance(event, EndpointChanged):
            return
        kept = self._kept().get(event.service)
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
        kept, known = self._kept().get(service), self._known(service, endpoint)
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
