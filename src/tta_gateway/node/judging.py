"""Judging: control ejects and penalises by what all workers of the node saw together (R6.4, R9.5).

An interval is a worker's own (`outliers.interval`).  Workers decide at once by what they see
themselves; control only adds to it.  What it decides it says as an event, which is logged with all
transitions (features/alerts).
"""

from collections.abc import Callable, Mapping
from typing import Final

from tta_gateway.kernel.route import Outliers
from tta_gateway.node.known import Kept, Known
from tta_gateway.node.merged import Routes, slow
from tta_gateway.node.services import Services
from tta_gateway.node.times import Times
from tta_gateway.upstream.outlier import outliers

_MOST: Final = 300  # endpoints, about, that are judged in one tick


class Judging:
    """Judges each service when its interval is over."""

    def __init__(self, services: Services, times: Times, *, wall: Callable[[], float]) -> None:
        """Begin with no interval."""
        self._services = services
        self._times = times
        self._wall = wall
        self._due: dict[str, float] = {}
        self._begun: dict[str, float] = {}  # at which time of day each interval did

    def tick(self, now: float) -> None:
        """Judge who is due, so many at a time; who has waited longest comes first."""
        kept = self._services.kept
        self._know(now)
        judged = 0
        for name, due in list(self._due.items()):
            if now >= due and judged < _MOST:
                judged += len(kept[name].endpoints)
                self._judge(kept[name])
                del self._due[name]
                self._begin(kept[name], now)

    def _know(self, now: float) -> None:
        """Have the services that there are."""
        kept = self._services.kept
        if self._due.keys() == kept.keys():
            return
        self._due = {name: due for name, due in self._due.items() if name in kept}
        self._begun = {name: self._begun[name] for name in self._due}
        self._times.retain(kept)
        for name, one in kept.items():
            if name not in self._due:
                self._begin(one, now)

    def _begin(self, kept: Kept, now: float) -> None:
        """Begin an interval."""
        settings = kept.service.outliers or Outliers()
        self._due[kept.service.name] = now + settings.interval
        self._begun[kept.service.name] = wall = self._wall()
        self._times.begin(kept.service.name, kept.endpoints, wall)

    def _judge(self, kept: Kept) -> None:
        service = kept.service
        sums = self._times.sums.of(service.name)
        if len(kept.endpoints) > 1:
            self._judge_shares(kept)
            if service.balance == "peak_ewma":
                self._judge_paces(kept, self._times.seen(service.name, sums))
        for known in kept.endpoints.values():
            known.share.begin_anew()
        now = self._wall()
        needed = [name for name, one in kept.endpoints.items() if _is_asked(one, now)]
        self._times.next(service.name, sums, now, needed=needed)

    def _judge_shares(self, kept: Kept) -> None:
        """Eject those whose share of failures is well above that of their peers.

        Who was out in the meantime is not judged: it would be, for what it has paid for already.
        """
        begun = self._begun[kept.service.name]
        judged = [known for known in kept.endpoints.values() if not known.has_paid(begun)]
        by_share = {known.share: known for known in judged}
        for share in outliers(list(by_share), kept.service.outliers or Outliers()):
            known = by_share[share]
            why = f"{share.failed} of {share.asked} failed, by what all workers saw"
            self._services.heard.eject(kept, known, why)

    def _judge_paces(self, kept: Kept, seen: Mapping[str, Routes]) -> None:
        """Penalise those that are slow, unless a worker's probes have just shown otherwise."""
        service, now = kept.service.name, self._wall()
        good = {
            name: routes
            for name, routes in seen.items()
            if name in kept.endpoints and kept.endpoints[name].is_good(now)
        }
        for name, ratio in slow(good).items():
            known = kept.endpoints[name]
            if not known.slow_since and known.fast_at < self._times.begun(service, name):
                self._services.heard.penalise(kept, known, ratio)


def _is_asked(known: Known, now: float) -> bool:
    """Tell whether an endpoint gets its share of the requests."""
    return known.is_good(now) and not any(one.penalised for one in known.sights(now))
