"""Keys that issuers publish: fetched again and again, and told to the workers.

An issuer whose keys cannot be fetched is asked again after pauses that grow; its last good keys
stay in force.  A token that names a key which is not here has its issuer asked once more, but not
more often than every half a minute: anybody can write such a token.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.bound import (
    ISSUER_KEYS,
    IdentityBound,
    IssuerKeys,
    KeySource,
)
from tta_gateway.features.identity.key_fetch import Fetch, Fetched, NoKeys
from tta_gateway.features.identity.key_source import COOL, next_look, pause
from tta_gateway.kernel.events import Event, IssuerKeyMissing, IssuerKeysChanged
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

TICK: Final = 0.25  # seconds
_LONG_AGO: Final = float("-inf")


def section(issuer: str) -> str:
    """Return the name of the live section that holds an issuer's keys."""
    return f"{ISSUER_KEYS}{issuer}"


class Sections(Protocol):
    """The live sections, as control knows them."""

    @property
    def known(self) -> Mapping[str, bytes]:
        """Return all that there are."""

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Say what is so from now on; None: nothing."""


@dataclass(slots=True, eq=False)
class Watched:
    """An issuer whose keys are fetched; `at` and `next` by the monotonic clock."""

    name: str
    source: KeySource
    keys: tuple[bytes, ...] = ()
    fetched: float | None = None
    """When the keys were fetched last, in seconds of the epoch; None: not yet by this process."""
    at: float = _LONG_AGO
    """When it was asked last."""
    next: float = _LONG_AGO
    failures: int = 0
    error: str = ""
    is_wanted: bool = False
    """Whether a token has named a key that is not here."""
    is_asked: bool = False
    """Whether it is being asked."""

    def is_due(self, now: float) -> bool:
        """Tell whether it is to be asked now."""
        if self.is_asked:
            return False
        return now >= (min(self.next, self.at + COOL) if self.is_wanted else self.next)


class PublishedKeys:
    """All issuers of a node whose keys are fetched."""

    def __init__(
        self,
        sections: Sections,
        bus: Bus,
        *,
        fetch: Fetch,
        log: EventLog,
        clock: Clock,
        counts: Registry,
    ) -> None:
        """Begin with none."""
        self._sections = sections
        self._bus = bus
        self._fetch = fetch
        self._log = log
        self._clock = clock
        self._counts = counts
        self._watched: dict[str, Watched] = {}
        self._known: dict[str, IssuerKeys] = {}
        self.chance: Callable[[], float] = lambda: 1.0
        self.changed: Callable[[], None] = lambda: None
        """Hears that keys are others than before."""
        bus.subscribe(self.hear)

    @property
    def known(self) -> Mapping[str, IssuerKeys]:
        """Return the keys that are known, by issuer."""
        return self._known

    def recover(self, known: Mapping[str, IssuerKeys]) -> None:
        """Go on with what a control before this one has told the workers."""
        self._known.update(known)

    def adopt(self, bound: IdentityBound) -> None:
        """Ask these issuers from now on; what is known of others counts no more."""
        before, self._watched = self._watched, {}
        sources = {one.name: one.source for one in bound.issuers if one.source is not None}
        for name, source in sources.items():
            kept = before.pop(name, None)
            if kept is None or kept.source != source:
                kept = self._begun(name, source, kept)
            self._watched[name] = kept
        for one in before.values():
            self._end(one)
        for name in self._known.keys() - sources.keys():
            del self._known[name]
        self._tidy()

    def _tidy(self) -> None:
        """Take back what workers know of issuers that are not asked."""
        wanted = {section(name) for name in self._known}
        for name in [one for one in self._sections.known if one.startswith(ISSUER_KEYS)]:
            if name not in wanted:
                self._sections.put(name, None)

    def _end(self, one: Watched) -> None:
        """Have it not be missed any more."""
        self._counts.child(metrics.KEYS_AWAY, one.name).set(0.0)
        if one.failures:
            self._tell(one.name, reachable=True, cause="")

    def _begun(self, name: str, source: KeySource, before: Watched | None) -> Watched:
        """Return an issuer that has not been asked yet, with what is known from the same source."""
        known = self._known.get(name)
        if known is not None and (known.url, known.discovers) != (source.url, source.discovers):
            del self._known[name]
            known = None
        if known is not None:
            self._sections.put(section(name), known)
        made = Watched(name, source, () if known is None else known.keys)
        if before is not None:
            made.failures, made.error = before.failures, before.error
        return made

    def hear(self, event: Event) -> None:
        """Take an event: an issuer may have published a key that a worker misses."""
        if isinstance(event, IssuerKeyMissing) and event.issuer in self._watched:
            self._watched[event.issuer].is_wanted = True

    def states(self) -> Iterator[Watched]:
        """Yield how each issuer is."""
        yield from self._watched.values()

    def tick(self, begin: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """Have those be asked that are due; `begin` starts a task."""
        now = self._clock.monotonic()
        for one in self._watched.values():
            if one.is_due(now):
                one.is_asked, one.is_wanted, one.at = True, False, now
                begin(self._ask(one))

    def seconds_until(self, one: Watched) -> float:
        """Return in how many seconds an issuer is asked again, at the latest."""
        return max(0.0, one.next - self._clock.monotonic())

    async def _ask(self, one: Watched) -> None:
        """Ask an issuer, and tell what has come of it."""
        try:
            found: Fetched | str = await self._fetch(one.source)
        except NoKeys as error:
            found = str(error)
        except Exception as fault:  # noqa: BLE001 - nobody else would ask again
            found = f"a fault of the gateway: {type(fault).__name__}"
        finally:
            one.is_asked = False
        if self._watched.get(one.name) is not one:
            return  # what has come is about one that nobody wants any more
        result = "failed" if isinstance(found, str) else "good"
        self._counts.child(metrics.KEYS_FETCHED, one.name, result).add()
        if isinstance(found, str):
            self._failed(one, found)
        else:
            self._take(one, found)

    def _take(self, one: Watched, found: Fetched) -> None:
        had_failed, is_first = one.failures > 0, one.fetched is None
        one.failures, one.error = 0, ""
        one.next = self._clock.monotonic() + next_look(found.lasting, self.chance())
        one.fetched = self._clock.wall()
        self._counts.child(metrics.KEYS_AWAY, one.name).set(0.0)
        if had_failed:
            self._log.event("issuer_keys_reachable", issuer=one.name)
        if had_failed or is_first:  # a control before this one may have told that they are not
            self._tell(one.name, reachable=True, cause="")
        if found.keys != one.keys:
            one.keys = found.keys
            told = IssuerKeys(url=one.source.url, discovers=one.source.discovers, keys=found.keys)
            self._known[one.name] = told
            self._sections.put(section(one.name), told)
            self._log.event("issuer_keys_changed", issuer=one.name, keys=len(found.keys))
            self.changed()

    def _failed(self, one: Watched, why: str) -> None:
        one.failures += 1
        one.error = why
        one.next = self._clock.monotonic() + pause(one.failures, self.chance())
        self._counts.child(metrics.KEYS_AWAY, one.name).set(1.0)
        if one.failures == 1:
            self._log.event("issuer_keys_unreachable", issuer=one.name, cause=why)
            self._tell(one.name, reachable=False, cause=why)

    def _tell(self, name: str, *, reachable: bool, cause: str) -> None:
        self._bus.publish(
            IssuerKeysChanged(issuer=name, reachable=reachable, cause=cause, at=self._clock.wall())
        )
