"""Ask elsewhere again, when a session is renewed, whether an account is still good there.

What a provider has given for that is kept sealed, one for each login.  It is asked at most as often
as its settings say, by one of those who renew at once; the others go on by its last answer.  One
that says no ends all that has come of the login.  One that is away counts against nobody: what is
renewed meanwhile says so (`X-Degraded`).
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, TypeAlias

from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.recheck_store import TURN, Kept, RecheckStore
from tta_gateway.features.identity.store import Session, User
from tta_gateway.support.crypto.sealing import NotSealed, derived, seal, unseal
from tta_gateway.support.metrics import Registry

_PURPOSE: Final = b"tta-gateway recheck 1"
_AGAIN: Final = 60.0  # seconds until one that is away is asked again, at most
_WAITS: Final = 900.0  # seconds in which a login becomes a session


class Ended(Exception):
    """The account is good no more there: why, in words for operators."""


class Away(Exception):
    """Nobody can tell at the moment: why, in words for operators."""


Renew: TypeAlias = Callable[[bytes], Awaitable[None]]
Ask: TypeAlias = Callable[[str, str, bytes, Renew], Awaitable[None]]
"""Asks a provider of this name about a user, by what it has given; Ended or Away.

What it gives instead is told at once, before anything else is asked of it.
"""


class Events(Protocol):
    """Where it is told what operators should know."""

    def event(self, name: str, **fields: object) -> None:
        """Take a line."""


def unsaid(_: str) -> None:
    """Say nothing."""


async def _unspread() -> None:
    """Tell nobody."""


class Rechecker:
    """Looks after all of it."""

    def __init__(
        self,
        store: RecheckStore,
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        wall: Callable[[], float],
        log: Events,
        counts: Registry,
    ) -> None:
        """Keep it there, sealed with a key that is made of this one."""
        self._store = store
        self._issuing = issuing
        self._key = key
        self._wall = wall
        self._log = log
        self._counts = counts
        self.asks: dict[str, Ask] = {}
        """Who asks, by what kind a provider is: `delegated` or `external`."""
        self.ended: Callable[[], Awaitable[None]] = _unspread
        """Has every node go by what has ended."""
        self.degraded: Callable[[str], None] = unsaid
        """Has the answer that is under way say what it does without."""

    @property
    def is_needed(self) -> bool:
        """Tell whether any is."""
        return any(self._rechecks().values())

    def _rechecks(self) -> Mapping[str, float]:
        issuing = self._issuing()
        delegated = {one.name: one.recheck for one in issuing.delegated}
        return delegated | {one.name: one.recheck for one in issuing.providers}

    def _every(self, provider: str) -> float:
        return self._rechecks().get(provider, 0.0)

    async def keep(self, user: User, given: bytes) -> str:
        """Keep what a provider has given with a login; return what ties a session to it."""
        made = secrets.token_hex(16)
        now = self._wall()
        kept = Kept(made, user.id, user.provider, self._sealed(given, made), now)
        await self._store.keep(kept, until=now + _WAITS)
        return made

    async def tie(self, session: Session, id: str) -> None:
        """Have a session rest on it."""
        await self._store.tie(id, session.id, ends=session.ends)

    def _sealed(self, given: bytes, id: str) -> bytes:
        key = derived(self._key(), _PURPOSE)
        return seal(given, key=key, purpose=_PURPOSE + id.encode())

    async def look(self, session_id: str) -> None:
        """Ask about whom a session is of, where that is due."""
        now = self._wall()
        kept = await self._store.due(session_id, every=self._every, now=now)
        if kept is None:
            return
        ask = self.asks.get(self._kind(kept.provider))
        if ask is None:
            return
        try:
            key = derived(self._key(), _PURPOSE)
            given = unseal(kept.sealed, key=key, purpose=_PURPOSE + kept.id.encode())
        except NotSealed:  # the nodes have another key: nothing can be asked
            self._log.event("recheck_unreadable", provider=kept.provider, user=kept.user_id)
            return
        await self._asked(ask, kept, given, now)

    def _kind(self, provider: str) -> str:
        is_delegated = any(one.name == provider for one in self._issuing().delegated)
        return "delegated" if is_delegated else "external"

    async def _asked(self, ask: Ask, kept: Kept, given: bytes, now: float) -> None:
        async def renew(instead: bytes) -> None:
            if instead != given:
                await self._store.renew(kept.id, self._sealed(instead, kept.id))

        try:
            await ask(kept.provider, kept.user_id, given, renew)
        except Ended as why:
            self._count(kept.provider, "ended")
            self._log.event(
                "recheck_ended", provider=kept.provider, user=kept.user_id, cause=str(why)
            )
            await self._store.end(kept.id, now=self._wall())
            await self.ended()
        except Away:
            self._count(kept.provider, "away")
            pause = self._every(kept.provider)
            await self._store.postpone(kept.id, now - max(0.0, pause - _AGAIN))
            self.degraded(f"identity:{kept.provider}")
        else:
            self._count(kept.provider, "good")
            if self._every(kept.provider) < TURN:  # the turn was longer
                await self._store.postpone(kept.id, now)

    def _count(self, provider: str, result: str) -> None:
        self._counts.child(metrics.RECHECKS, provider, result).add()

    async def tidy(self) -> None:
        """Forget what is over."""
        await self._store.tidy(self._wall())
