"""Recoveries: what many have missed who come back together is read from the store once.

Who comes while the store is being read waits until that has come to its end: what it told may be
enough.  Else they wait for the next read, with all others who do, and that one begins behind the
farthest of them: each is told what its own read would have told.  They are told a few in a turn of
the loop, since each goes on at once.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from tta_gateway.features.realtime.broker import Away, Broker, Stored
from tta_gateway.features.realtime.channel import MOST_RECOVERED
from tta_gateway.features.realtime.publication import Position
from tta_gateway.support.tasks import Died, spawn

_TRIES: Final = 3
_IN_A_TURN: Final = 50  # who are told: each is answered, and attached


class Read:
    """A read of a channel, and who waits for it: from behind the `farthest` position."""

    def __init__(self) -> None:
        """Begin without anybody."""
        self.farthest: Position | None = None
        self.waiting: list[asyncio.Future[Stored]] = []
        self.is_over: Final = asyncio.Event()

    def join(self, wanted: Position | None) -> asyncio.Future[Stored]:
        """Wait for it too."""
        farthest = self.farthest
        if wanted is not None and (farthest is None or wanted.offset < farthest.offset):
            self.farthest = wanted
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return future


class Recoveries:
    """Reads channels for those who come back."""

    def __init__(self, broker: Broker, died: Died) -> None:
        """Ask this store; `died` hears of faults."""
        self._broker: Final = broker
        self._died: Final = died
        self._now: Final[dict[str, Read]] = {}
        self._next: Final[dict[str, Read]] = {}

    async def told(
        self, channel: str, wanted: Position | None, *, suffices: Callable[[], bool] = lambda: False
    ) -> Stored | None:
        """Return what the store has behind a position, and its top: at the earliest now; Away.

        None: what it has told somebody else `suffices`.
        """
        under_way = self._now.get(channel)
        if under_way is not None:
            await under_way.is_over.wait()
            if suffices():
                return None
        for _ in range(_TRIES):
            read = self._next.get(channel)
            if read is None:
                read = self._next[channel] = Read()
                work = self._run(channel, read, self._now.get(channel))
                spawn(work, name="realtime recovery", died=self._died)
            stored = await read.join(wanted)
            if read.farthest is wanted:
                return stored
            own = _own(stored, wanted)
            if own is not None:
                return own
        limit = 0 if wanted is None else MOST_RECOVERED
        return await self._broker.history(channel, since=wanted, limit=limit)

    async def _run(self, channel: str, read: Read, before: Read | None) -> None:
        """Read once the one before has ended: all who come until then share this one."""
        if before is not None:
            await before.is_over.wait()
        del self._next[channel]
        self._now[channel] = read
        since = read.farthest
        limit = 0 if since is None else MOST_RECOVERED
        try:
            stored = await self._broker.history(channel, since=since, limit=limit)
        except Away as error:
            self._end(channel, read, error)
        except BaseException:
            self._end(channel, read, Away("the store was not asked", may_be_done=False))
            raise
        else:
            self._end(channel, read, stored)

    def _end(self, channel: str, read: Read, answer: Stored | Away) -> None:
        del self._now[channel]
        _tell(read.waiting, answer)
        read.is_over.set()  # behind those who are told: they keep what they were


def _tell(waiting: list[asyncio.Future[Stored]], answer: Stored | Away) -> None:
    """Tell a slice of those who wait, and the others in turns of their own."""
    for future in waiting[:_IN_A_TURN]:
        if future.done():
            continue  # whoever it was has gone
        if isinstance(answer, Away):
            future.set_exception(answer)
        else:
            future.set_result(answer)
    if len(waiting) > _IN_A_TURN:
        asyncio.get_running_loop().call_soon(_tell, waiting[_IN_A_TURN:], answer)


def _own(stored: Stored, wanted: Position | None) -> Stored | None:
    """Return of what was read for several what concerns one; None: it ends too soon for that."""
    top = stored.top
    if wanted is None:
        return Stored((), top)
    told = stored.publications
    ends_early = bool(told) and told[-1].offset < top.offset
    if ends_early and wanted.offset + MOST_RECOVERED >= top.offset:
        return None
    return Stored([each for each in told if each.offset > wanted.offset], top)
