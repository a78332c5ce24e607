"""Telling: what a worker tells control of endpoints, breakers and TLS, and writes in the log."""

import os
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from tta_gateway.features.metrics.metrics import (
    BREAKER_CHANGES,
    BREAKER_REFUSED,
    BREAKERS_OPEN,
    FALLBACKS,
)
from tta_gateway.kernel.events import (
    BreakerChanged,
    EndpointChanged,
    Event,
    GlassUsed,
    IssuerKeyMissing,
    SafetyRaised,
    SectionsTaken,
    ServiceTlsChanged,
    SourceBlocked,
)
from tta_gateway.node import sights
from tta_gateway.node.sights import Sights
from tta_gateway.support.bus import DROPPED
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.quiet import Quiet
from tta_gateway.upstream.attempt import Upstream
from tta_gateway.upstream.breakers import News
from tta_gateway.upstream.service import Notice

_QUIET: Final = 60.0  # seconds between two events that say the same
_KEYS_QUIET: Final = 5.0  # seconds between two that a key of the same issuer is missing


class Way(sights.Way, Protocol):
    """The way to control."""

    def put(self, event: Event) -> None:
        """Send an event, now or later."""

    def flush(self) -> None:
        """Send what has not been sent yet."""

    def take_dropped(self) -> int:
        """Return how many events were lost since this was asked last."""


class Telling:
    """Tells; `way` is how, from when there is one."""

    def __init__(
        self,
        log: EventLog,
        registry: Registry,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        """Write and count there."""
        self.way: Way | None = None
        self._log = log
        self._registry = registry
        self._monotonic = monotonic
        self._wall = wall
        self._by = f"worker {os.getpid()}"
        self._quiet = Quiet(_QUIET)
        self._keys_quiet = Quiet(_KEYS_QUIET)
        self._sights = Sights(wall=wall)
        self._encrypted: dict[str, set[str]] = {}  # by service: endpoints where TLS works
        self._dropped = registry.child(DROPPED)
        self._lost = 0  # events, since that was told last
        self._tidied = 0.0

    def _tell(self, event: Event) -> None:
        if self.way is not None:
            self.way.put(event)

    def tick(self, now: float, upstreams: Mapping[str, Upstream]) -> None:
        """Tell what is due, and forget what nobody asks any more."""
        if self.way is not None:
            self.way.flush()
            self._sights.tick(now, upstreams, self.way)
            self._count_lost(self.way.take_dropped(), now)
        if now - self._tidied >= _QUIET:
            self._tidied = now
            self._tidy(upstreams)

    def _count_lost(self, lost: int, now: float) -> None:
        self._dropped.add(lost)
        self._lost += lost
        if self._lost and self._quiet.is_due("notes_dropped", now=now):
            self._log.event("notes_dropped", count=self._lost)
            self._lost = 0

    def _tidy(self, upstreams: Mapping[str, Upstream]) -> None:
        """Forget endpoints that are gone."""
        here = {
            name: known & {pool.name for pool in upstreams[name].pools}
            for name, known in self._encrypted.items()
            if name in upstreams
        }
        self._encrypted = {name: known for name, known in here.items() if known}

    def noticed(self, service: str, notices: list[Notice]) -> None:
        """Tell what has become of a service's endpoints."""
        for one in notices:
            self._log.event(
                f"endpoint_{one.change}", service=service, endpoint=one.endpoint, cause=one.cause
            )
            self._tell(
                EndpointChanged(
                    service=service,
                    endpoint=one.endpoint,
                    change=one.change,
                    cause=one.cause,
                    at=self._wall(),
                    by=self._by,
                    until=self._wall() + one.lasts if one.lasts else 0.0,
                    proof=one.proof,
                )
            )

    def told(self, service: str, news: News) -> None:
        """Tell what has become of a service's breakers, and count."""
        child, wall, monotonic = self._registry.child, self._wall(), self._monotonic()
        for one in news.changes:
            state = one.state
            self._log.event(f"breaker_{state}", service=service, route=one.route, cause=one.cause)
            child(BREAKER_CHANGES, service, one.route, state).add()
            child(BREAKERS_OPEN, service, one.route).set(float(state == "open"))
            self._tell(
                BreakerChanged(
                    service=service,
                    route=one.route,
                    state=state,
                    cause=one.cause,
                    at=wall,
                    by=self._by,
                    until=wall + one.until - monotonic if one.until else 0.0,
                )
            )
        for route, times in news.refused.items():
            child(BREAKER_REFUSED, service, route).add(times)
        for route, times in news.fell_back.items():
            child(FALLBACKS, service, route).add(times)

    def refused(self, service: str, endpoint: str, why: str) -> None:
        """Tell that no TLS to a service came about, once a minute for each endpoint and reason.

        That it does come about, which has no reason, is told once, and again behind each failure.
        """
        works = self._encrypted.setdefault(service, set())
        if not why:
            if endpoint not in works:
                works.add(endpoint)
                self._tell_of_tls(service, endpoint, "")
            return
        is_due = self._quiet.is_due(endpoint, why, now=self._monotonic())
        if is_due:
            self._log.event("upstream_tls_failed", service=service, endpoint=endpoint, error=why)
        if is_due or endpoint in works:
            self._tell_of_tls(service, endpoint, why)
        works.discard(endpoint)

    def glass_used(self, event: Event) -> None:
        """Tell that somebody has seen what they may only because they have broken the glass."""
        if isinstance(event, GlassUsed):
            self._log.event(
                "glass_used",
                subject=event.subject,
                person=event.person,
                route=event.route,
                request_id=event.request_id,
            )
            self._tell(msgspec.structs.replace(event, by=self._by))

    def shielded(self, event: Event) -> None:
        """Tell of who attacks; each block that begins has its line."""
        if isinstance(event, SourceBlocked):
            self._log.event("shield_block", source=event.source, cause=event.cause)
        self._tell(event)

    def safety_raised(self, event: SafetyRaised) -> None:
        """Tell that somebody may be at risk."""
        self._log.event("safety_raised", level=event.level, route=event.route)
        self._tell(event)

    def key_missing(self, issuer: str) -> None:
        """Tell that an issuer may have published a key that is not here yet, now and then."""
        if self._keys_quiet.is_due(issuer, now=self._monotonic()):
            self._tell(IssuerKeyMissing(issuer=issuer, at=self._wall(), by=self._by))

    def taken(self, turn: int) -> bool:
        """Tell that all has been taken up that was told before a turn; False if nobody hears."""
        self._tell(SectionsTaken(turn=turn, by=self._by))
        return self.way is not None

    def _tell_of_tls(self, service: str, endpoint: str, why: str) -> None:
        self._tell(
            ServiceTlsChanged(
                service=service,
                endpoint=endpoint,
                works=not why,
                cause=why,
                at=self._wall(),
                by=self._by,
            )
        )
