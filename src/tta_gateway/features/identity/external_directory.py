"""Providers as they are known now: looked at early, anew before that is old, and again when away.

What was known last stays where a provider cannot be asked; its token endpoint will say the rest.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_client import Describing, Known, ProviderAway
from tta_gateway.features.identity.key_source import COOL, next_look, pause
from tta_gateway.features.identity.sign_in import Events
from tta_gateway.kernel.events import LoginProviderChanged
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.metrics import Registry

_LONG_AGO: Final = float("-inf")
_AT_MOST: Final = 2.0  # seconds between two tries that somebody waits for
_AWHILE: Final = 60.0  # seconds until one that gave no tokens is looked at again


@dataclass(slots=True, eq=False)
class Watched:
    """A provider; times are by the monotonic clock."""

    provider: External
    known: Known | None = None
    at: float = _LONG_AGO
    """When it was asked last."""
    next: float = _LONG_AGO
    failures: int = 0
    is_away: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Directory:
    """All providers of a node."""

    def __init__(
        self,
        peer: Describing,
        bus: Bus,
        *,
        log: Events,
        clock: Clock,
        counts: Registry,
        chance: Callable[[], float],
    ) -> None:
        """Begin with none."""
        self._peer = peer
        self._bus = bus
        self._log = log
        self._clock = clock
        self._counts = counts
        self._chance = chance
        self._watched: dict[str, Watched] = {}

    def adopt(self, providers: Iterable[External]) -> None:
        """Know these from now on."""
        before, self._watched = self._watched, {}
        for one in providers:
            kept = before.get(one.name)
            if kept is not None and kept.provider == one:
                del before[one.name]
                self._watched[one.name] = kept
            else:
                self._watched[one.name] = Watched(one)
        for gone in before.values():
            if gone.is_away:
                self._back(gone.provider)

    async def look(self) -> None:
        """Ask those that are due."""
        now = self._clock.monotonic()
        due = [one for one in self._watched.values() if now >= one.next]
        await asyncio.gather(*(self._ask(one, since=now) for one in due))

    async def known(self, provider: External) -> Known:
        """Return what is known of a provider; ProviderAway."""
        one = self._of(provider)
        if one.known is None and one.turn.locked():
            await self._ask(one, since=_LONG_AGO)  # whoever asks does it for all
        if one.known is None and self._clock.monotonic() >= one.at + _AT_MOST:
            await self._ask(one, since=self._clock.monotonic())
        if one.known is None:
            raise ProviderAway("nothing is known of it yet")
        return one.known

    async def renewed(self, provider: External) -> Known:
        """Return what is known of one that may have other keys by now; ProviderAway.

        Anybody may write a token that names another key: it is asked at most every half a minute.
        """
        one = self._of(provider)
        if self._clock.monotonic() >= one.at + COOL:
            await self._ask(one, since=self._clock.monotonic())
        return await self.known(provider)

    def _of(self, provider: External) -> Watched:
        one = self._watched.get(provider.name)
        if one is None or one.provider != provider:
            raise ProviderAway("it has just been configured")
        return one

    async def _ask(self, one: Watched, *, since: float) -> None:
        """Ask a provider, unless somebody else has since then."""
        async with one.turn:
            if one.at > since:
                return
            one.at = self._clock.monotonic()
            try:
                known = await self._peer.describe(one.provider)
            except ProviderAway as away:
                one.failures += 1
                one.next = self._clock.monotonic() + pause(one.failures, self._chance())
                self.is_away(one.provider, str(away))
                return
            is_first, one.known, one.failures = one.known is None, known, 0
            one.next = self._clock.monotonic() + next_look(known.lasting, self._chance())
            self.is_back(one.provider)
            if is_first:  # a control before this one may have told that it is away
                self._tell(one.provider.name, reachable=True, cause="")

    # --- who is away is told once ----------------------------------------------------------------

    def is_away(self, provider: External, why: str) -> None:
        """Take note that a provider cannot be asked."""
        one = self._watched.get(provider.name)
        if one is None or one.is_away:
            return
        one.is_away = True
        one.next = min(one.next, self._clock.monotonic() + _AWHILE)
        self._counts.child(metrics.EXTERNAL_AWAY, provider.name).set(1.0)
        self._log.event("login_provider_away", provider=provider.name, cause=why)
        self._tell(provider.name, reachable=False, cause=why)

    def is_back(self, provider: External) -> None:
        """Take note that it can."""
        one = self._watched.get(provider.name)
        if one is None or not one.is_away:
            return
        one.is_away = False
        self._back(provider)

    def _back(self, provider: External) -> None:
        self._counts.child(metrics.EXTERNAL_AWAY, provider.name).set(0.0)
        self._log.event("login_provider_back", provider=provider.name)
        self._tell(provider.name, reachable=True, cause="")

    def _tell(self, name: str, *, reachable: bool, cause: str) -> None:
        self._bus.publish(
            LoginProviderChanged(
                provider=name, reachable=reachable, cause=cause, at=self._clock.wall()
            )
        )
