"""Arrivals: when very many connect in one moment, they are let in at a rate that a worker bears.

To let somebody in is the least of it: they subscribe, recover, are announced, and all of that at
once would leave nothing for those who are here already.  So those who come behind a first few wait,
those of a more urgent class in front of the others, and a crisis for nobody.  Who would wait for
too long, or where too many do, is told to come back: SDKs do, after pauses that grow.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from tta_gateway.kernel.traffic import CLASSES, CRISIS

RATE: Final = 1000.0
"""a second and worker: what half a processor does (bench/realtime.py)"""
PATIENCE: Final = 3.0  # seconds; SDKs wait for 5 until they are answered
_BURST: Final = 0.05  # seconds of that rate, which need not wait
_STEP: Final = 0.02  # seconds
_MOST: Final = 3000  # who wait: as many as are let in until the first of them has waited enough


class Waiting:
    """Somebody who waits to be let in; `answer` says whether they are."""

    def __init__(self, now: float) -> None:
        """Begin to wait."""
        self.since: Final = now
        self.answer: Final[asyncio.Future[bool]] = asyncio.get_running_loop().create_future()


class Arrivals:
    """Lets in who comes to one worker."""

    def __init__(self, clock: Callable[[], float], *, rate: float = RATE) -> None:
        """Let in so many a second; `clock` only goes forward."""
        self._clock: Final = clock
        self._rate: Final = rate
        self._burst: Final = max(1.0, _BURST * rate)
        self._room = self._burst
        self._room_at = clock()
        self._waiting: Final[tuple[deque[Waiting], ...]] = tuple(deque() for _ in CLASSES)
        self._is_under_way = False

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(len(each) for each in self._waiting)

    def enter(self, traffic: int) -> asyncio.Future[bool] | None:
        """Let somebody of this class in (None), or return what says whether they are."""
        now = self._clock()
        self._make_room(now)
        if traffic == CRISIS or (self._room >= 1.0 and not self._is_under_way):
            self._room = max(self._room - 1.0, -self._rate)
            return None
        one = Waiting(now)
        self._waiting[traffic].append(one)
        if len(self) > _MOST:
            self._turn_one_away()
        if not self._is_under_way:
            self._is_under_way = True
            asyncio.get_running_loop().call_later(_STEP, self._go_on)
        return one.answer

    def _make_room(self, now: float) -> None:
        self._room = min(self._burst, self._room + (now - self._room_at) * self._rate)
        self._room_at = now

    def _turn_one_away(self) -> None:
        """Have the last of the least urgent come back later."""
        for waiting in reversed(self._waiting):
            if waiting:
                _answer(waiting.pop(), may=False)
                return

    def _go_on(self) -> None:
        """Let in as many as there is room for by now, and tell who has waited enough."""
        now = self._clock()
        self._make_room(now)
        for waiting in self._waiting:
            while waiting and (self._room >= 1.0 or now - waiting[0].since >= PATIENCE):
                one = waiting.popleft()
                if not one.answer.done():  # else they have gone
                    may = self._room >= 1.0 and now - one.since < PATIENCE
                    self._room -= may
                    _answer(one, may=may)
        self._is_under_way = len(self) > 0
        if self._is_under_way:
            asyncio.get_running_loop().call_later(_STEP, self._go_on)


def _answer(one: Waiting, *, may: bool) -> None:
    if not one.answer.done():
        one.answer.set_result(may)
