"""Taking: what workers are told until when they may go by it, and whether all have taken it up.

Both stand in one live section, which comes behind all that was told before: a worker that has read
it says so, as an event.  Who leaves is waited for too: sockets are open there.
"""

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from math import inf
from typing import Final

import msgspec

from tta_gateway.features.nodes.bound import WORD, Word, word_of
from tta_gateway.kernel.events import Event, SectionsTaken

_TOGETHER: Final = 0.005  # seconds in which those who ask are given one turn
_LOOK: Final = 0.05  # seconds after which it is looked who is still alive
Put = Callable[[str, msgspec.Struct | None], None]


class Taking:
    """Asks the workers of this node."""

    def __init__(
        self, put: Put, workers: Callable[[], AbstractSet[str]], monotonic: Callable[[], float]
    ) -> None:
        """Tell them by live sections; `workers` are those that live."""
        self._put = put
        self._workers = workers
        self._monotonic = monotonic
        self._word = Word(until=-inf)
        self._taken: dict[str, int] = {}
        self._is_asked = False
        self._heard = asyncio.Event()

    def recover(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go on behind the turns of a control before this one."""
        raw = live.get(WORD)
        if raw is not None:
            try:
                self._word = word_of(raw)
            except msgspec.DecodeError:
                return

    def tell(self, until: float) -> None:
        """Say until when what they know may be gone by."""
        if until != self._word.until:
            self._word = msgspec.structs.replace(self._word, until=until)
            self._put(WORD, self._word)

    def hear(self, event: Event) -> None:
        """Take a worker's word."""
        if isinstance(event, SectionsTaken):
            self._taken[event.by] = event.turn
            self._heard.set()

    async def confirmed(self, patience: float) -> bool:
        """Wait until all workers have taken up what was put before; False if time is up."""
        until, turn = self._monotonic() + patience, self._word.turn + 1
        if not self._is_asked:
            self._is_asked = True
            asyncio.get_running_loop().call_later(_TOGETHER, self._ask)
        while not self._all(turn):
            if self._monotonic() >= until:
                return False
            self._heard.clear()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._heard.wait()
            except TimeoutError:
                continue
        return True

    def _ask(self) -> None:
        self._is_asked = False
        self._word = msgspec.structs.replace(self._word, turn=self._word.turn + 1)
        self._put(WORD, self._word)

    def _all(self, turn: int) -> bool:
        if self._word.turn < turn:
            return False
        alive = self._workers()
        self._taken = {by: one for by, one in self._taken.items() if by in alive}
        return all(self._taken.get(by, -1) >= turn for by in alive)
