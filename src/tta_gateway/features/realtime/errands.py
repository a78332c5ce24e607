"""Errands over the broker: orders in a channel that all workers read, frames in one for each.

Orders are kept for some minutes, so that a worker whose subscription was cut does them late, each
once and in their order.  One that was cut for longer, or whose store has lost them, is told that it
has missed some.  Frames are kept nowhere: whoever hands them waits for the word that they were
taken.  Whoever comes tells the others its name, and hears theirs.  The names of these channels
begin with `!`, as no channel of a client may.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

import msgspec

from tta_gateway.features.realtime.broker import Away, Broker, Listener
from tta_gateway.features.realtime.errand import (
    Disconnect,
    Doer,
    Frames,
    Here,
    Order,
    Taken,
    Unsubscribe,
)
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication
from tta_gateway.features.realtime.reading import Reading
from tta_gateway.features.realtime.under_way import A_FRAME, MOST, UnderWay, weight
from tta_gateway.support.tasks import Died, spawn
from tta_gateway.support.valkey.client import Tell

ORDERS: Final = "!orders"
WORKERS: Final = "!workers"
KEPT: Final = Keeping(size=10_000, seconds=600, epoch_seconds=3600)
PATIENCE: Final = 1.0  # seconds that a worker may take to say that it has taken frames
MOST_IN_VAIN: Final = 200 * A_FRAME
"""of frames for workers that have never said anything here: clients may name whom they like"""
_MOST_HEARD: Final = 10_000  # workers
_PAGE: Final = 300
_PAUSE: Final = 0.5  # seconds between two tries to read what was missed
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final[Callable[[bytes], Order | Frames | Taken | Here]] = msgspec.msgpack.Decoder(
    Order | Frames | Taken | Here
).decode


def channel_of(worker: str) -> str:
    """Return the channel of one worker."""
    return f"!worker:{worker}"


class BrokerErrands:
    """An Errands, and the listener of its channels."""

    def __init__(
        self,
        broker: Broker,
        *,
        worker: str,
        doer: Doer,
        tell: Tell,
        died: Died,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Do what others ask of this worker, whose name no other has."""
        self._broker = broker
        self._worker = worker
        self._doer = doer
        self._tell = tell
        self._died = died
        self._sleep = sleep
        self._reading: Reading | None = None
        self._is_filling = False
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._heard: set[str] = set()
        self._under_way = UnderWay(MOST)
        self._in_vain = UnderWay(MOST_IN_VAIN)
        self.channels = frozenset((ORDERS, WORKERS, channel_of(worker)))

    async def start(self) -> None:
        """Hear of errands from now on; Away, and then it can be tried again."""
        for channel in self.channels:
            await self._broker.follow(channel)
        await self._send(WORKERS, Here(self._worker))
        stored = await self._broker.history(ORDERS, since=None, limit=0)
        reading = Reading(stored.top)
        self._reading = reading
        self._do(reading.begin(stored.top))
        self._fill_if_behind()

    # What is asked of others

    async def order(self, order: Order) -> None:
        """Have every worker of every node do this; this one too."""
        publication = Publication(_encode(order))
        await self._broker.publish(ORDERS, publication, keeping=KEPT)

    async def hand(self, worker: str, session: str, data: bytes) -> bool:
        """Give commands to the worker that holds a session; False if it does not."""
        if worker == self._worker:
            return self._doer.take(session, data)
        if worker in self._heard:
            return await self._weighed(worker, session, data)
        if not self._in_vain.begin(session, weight(data)):
            raise Away("too many frames wait for workers unheard of", may_be_done=False)
        try:
            is_known = await self._weighed(worker, session, data)
        finally:
            self._in_vain.end(session, weight(data))
        self._is_heard(worker)
        return is_known

    def knows(self, worker: str) -> bool:
        """Return whether a worker has said anything here, and not been silent since."""
        return worker in self._heard

    async def _weighed(self, worker: str, session: str, data: bytes) -> bool:
        if not self._under_way.begin(session, weight(data)):
            raise Away("too many frames wait for their workers", may_be_done=False)
        try:
            return await self._handed(worker, session, data)
        finally:
            self._under_way.end(session, weight(data))

    async def _handed(self, worker: str, session: str, data: bytes) -> bool:
        number = next(self._numbers)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await self._send(channel_of(worker), Frames(session, data, number, self._worker))
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            self._heard.discard(worker)  # until it speaks again
            raise Away("the worker of the session does not answer", may_be_done=True) from None
        finally:
            del self._waiting[number]

    def _is_heard(self, worker: str) -> None:
        if len(self._heard) >= _MOST_HEARD:  # of a year of restarts: who is there speaks again
            self._heard.clear()
        self._heard.add(worker)

    async def _send(self, channel: str, errand: Frames | Taken | Here) -> None:
        await self._broker.publish(channel, Publication(_encode(errand)), keeping=Keeping())

    # What is heard

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        """Take an errand."""
        if channel != ORDERS:
            self._take(publication, for_all=channel == WORKERS)
        elif self._reading is not None:
            self._do(self._reading.heard(publication, top))
            self._fill_if_behind()

    def lost(self) -> None:
        """Look up what was missed."""
        if self._reading is not None:
            self._reading.lost()
            self._fill_if_behind()

    def _take(self, publication: Publication, *, for_all: bool) -> None:
        errand = self._read(publication)
        if isinstance(errand, Taken):
            future = self._waiting.get(errand.number)
            if future is not None and not future.done():
                future.set_result(errand.is_known)
        elif isinstance(errand, Frames):
            self._is_heard(errand.sender)
            is_known = self._doer.take(errand.session, errand.data)
            self._answer(errand.sender, Taken(errand.number, is_known))
        elif isinstance(errand, Here) and errand.sender != self._worker:
            self._is_heard(errand.sender)
            if for_all:  # it has come: it is to know who was here
                self._answer(errand.sender, Here(self._worker))

    def _answer(self, worker: str, answer: Taken | Here) -> None:
        spawn(self._answered(worker, answer), name="errand", died=self._died)

    async def _answered(self, worker: str, answer: Taken | Here) -> None:
        try:
            await self._send(channel_of(worker), answer)
        except Away as away:  # whoever asks hears by his own clock that nobody answers
            self._tell("errand_unanswered", reason=away.reason)

    def _do(self, publications: list[Publication]) -> None:
        for publication in publications:
            order = self._read(publication)
            if isinstance(order, Disconnect):
                self._doer.disconnect(order)
            elif isinstance(order, Unsubscribe):
                self._doer.unsubscribe(order)

    def _read(self, publication: Publication) -> Order | Frames | Taken | Here | None:
        try:
            return _decode(publication.data)
        except msgspec.MsgspecError:  # of a newer gateway: not for us
            self._tell("errand_unknown")
            return None

    # What was missed

    def _fill_if_behind(self) -> None:
        reading = self._reading
        if reading is not None and reading.is_behind and not self._is_filling:
            self._is_filling = True
            spawn(self._fill(reading), name="errands", died=self._died)

    async def _fill(self, reading: Reading) -> None:
        try:
            while reading.is_behind:
                try:
                    stored = await self._broker.history(ORDERS, since=reading.position, limit=_PAGE)
                except Away:
                    await self._sleep(_PAUSE)
                    continue
                orders = reading.caught_up(stored)
                if orders is None:
                    self._tell("errands_missed")
                    orders = reading.begin(stored.top)
                    self._doer.missed()
                self._do(orders)
        finally:
            self._is_filling = False


class Fork:
    """A Listener that gives errands to their own, and all else to the hub."""

    def __init__(self, hub: Listener) -> None:
        """Give all to the hub until there are `errands`."""
        self._hub = hub
        self.errands: BrokerErrands | None = None

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        """Take a publication."""
        errands = self.errands
        if errands is not None and channel in errands.channels:
            errands.published(channel, publication, top)
        else:
            self._hub.published(channel, publication, top)

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Take that somebody came."""
        self._hub.joined(channel, info)

    def left(self, channel: str, info: ClientInfo) -> None:
        """Take that somebody left."""
        self._hub.left(channel, info)

    def lost(self) -> None:
        """Take that messages may have been missed."""
        if self.errands is not None:
            self.errands.lost()
        self._hub.lost()
