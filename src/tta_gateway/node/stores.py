"""Stores: what control knows of the Valkeys or Redises that the operator has named.

Each is asked whether it is there, and fit for what it is to hold: at the start, with every
configuration that names another, and from then on again and again; one that is away, soon.  What is
wrong is told of, once for each change, and nothing more: traffic does not depend on it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import spawn
from tta_gateway.support.valkey.dial import why
from tta_gateway.support.valkey.discovery import discover, inspect
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.fitness import Purpose, complaints
from tta_gateway.support.valkey.pause import pause
from tta_gateway.support.valkey.topology import Store

CALM: Final = 10.0  # seconds, about, until one that answers is asked again
NAME: Final = "tta-gateway-control"


@dataclass(slots=True, eq=False)
class _Watched:
    """A store that is asked: how often it did not answer in a row, and what was told of it last."""

    store: Store
    failures: int = 0
    told: tuple[str, ...] = ()


class Stores:
    """Asks them, and remembers what there was to say."""

    def __init__(
        self,
        log: EventLog,
        *,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin without having asked."""
        self._log = log
        self._chance = chance
        self._sleep = sleep
        self._watched: dict[Purpose, _Watched] = {}
        self.complaints: dict[Purpose, list[str]] = {}
        self.tell: Callable[[Collection[Purpose]], None] = lambda _: None
        """Takes those that are away."""

    async def look(self, snapshot: Snapshot) -> None:
        """Begin to ask those that are not asked yet; an embedded one is as it should be."""
        named: dict[Purpose, Store | None] = {"state": snapshot.state, "cache": snapshot.cache}
        for purpose, store in named.items():
            before = self._watched.get(purpose)
            if store is None or store.embedded:
                self.complaints.pop(purpose, None)
                self._watched.pop(purpose, None)
            elif before is None or before.store != store:
                self.complaints[purpose] = [f"{purpose}: it has not answered yet"]
                self._watched[purpose] = watched = _Watched(store)
                spawn(self._keep(purpose, watched), name="stores", died=self._died)

    async def _keep(self, purpose: Purpose, watched: _Watched) -> None:
        """Ask it until another takes its place."""
        while self._watched.get(purpose) is watched:
            is_away, said = await _asked(purpose, watched.store)
            if self._watched.get(purpose) is not watched:
                return  # what has come is about one that nobody wants any more
            watched.failures = watched.failures + 1 if is_away else 0
            self._take(purpose, said, watched)
            await self._sleep(self._pause(watched.failures))

    def _pause(self, failures: int) -> float:
        if failures:
            return pause(failures, self._chance())
        return CALM * (0.75 + 0.5 * self._chance())  # not all nodes at once

    def _take(self, purpose: Purpose, said: list[str], watched: _Watched) -> None:
        """Keep what there is to say, and log it where that is something new.

        The reason why one is away may change with every try: that is nothing new.
        """
        self.complaints[purpose] = said
        away_now = [name for name, one in self._watched.items() if one.failures]
        self.tell(away_now)
        told = ("away",) if watched.failures else tuple(said)
        before, watched.told = watched.told, told
        if told == before:
            return
        if said:
            self._log.event("store_unfit", store=purpose, complaints=said)
        else:
            self._log.event("store_fit", store=purpose)

    def _died(self, name: str, error: BaseException) -> None:
        self._log.event("task_died", task=name, error=type(error).__name__)


async def _asked(purpose: Purpose, store: Store) -> tuple[bool, list[str]]:
    """Return whether a store is away, and what is wrong with it, one sentence each."""
    try:
        return False, await _words(purpose, store)
    except Refused as error:  # one that lets us in, but not ask, is there
        is_away, reason = error.code != "NOPERM", why(error)
    except (Unavailable, OSError) as error:
        is_away, reason = True, str(error)
    except Exception as fault:  # noqa: BLE001 - nobody else would ask again
        is_away, reason = True, type(fault).__name__
    return is_away, [f"{purpose}: it could not be asked: {reason}"]


async def _words(purpose: Purpose, store: Store) -> list[str]:
    """Return what is wrong with a store that answers."""
    topology = await discover(store, name=NAME)
    info, settings = await inspect(store, topology, name=NAME)
    return complaints(purpose, info, settings)
