"""Tethers between nodes: who has which stands in the store, and by the store they are handed over.

Each tether has a card in a channel of its own, which nobody can name who does not know its token:
it says which worker has it, or is the tether itself, packed.  A worker to whom somebody comes back
reads the card, asks the one that has the tether for it, over a channel of that worker's, and takes
what is put down on the card; of several who would take it one alone does.  Sessions that their
clients name have a channel of the cards that may be meant.

So a worker that leaves puts down what it has, and who comes within `resume` goes on.  What had not
been put down when a worker died is lost: whoever asks for it hears nothing, and begins anew.

Where the tethers of somebody are is written down before they are put down, so that they can be
deleted once that person is erased (`erase_tethers`).

All of it is sealed as channels are; the names of these channels begin with `!`, as no channel of a
client may.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import count
from typing import Final, Literal

import msgspec

from tta_gateway.features.realtime.broker import Archive, Away, Broker, Published
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication
from tta_gateway.features.tether.kept import may_have
from tta_gateway.features.tether.parcel import Parcel
from tta_gateway.features.tether.relay import Ask
from tta_gateway.support.tasks import Died, spawn
from tta_gateway.support.valkey.client import Tell

ANSWERS: Final = 0.7  # seconds that a worker may take to say whether it has a tether
PATIENCE: Final = 3.0  # seconds for it to put it down (session.PARTS, node/binding.py)
RENEWED: Final = 300.0  # seconds between two words that a tether is there
_AGAIN: Final = 2.0  # seconds behind one that could not be said
AGAIN: Final = (0.1, 0.4)  # seconds behind each try to put one down that has failed
_IN_A_TICK: Final = 50
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a tether that is handed over; a larger one stays where it is."""
_MOST_ASKED: Final = 1000  # at once
_MEANT: Final = 4  # cards of a session that are looked at, the newest first
_LIFE: Final = 900  # seconds
_CARD: Final = Keeping(size=1, seconds=_LIFE, epoch_seconds=_LIFE)
_SESSION: Final = Keeping(size=8, seconds=_LIFE, epoch_seconds=_LIFE)
_MOST_OF_ONE: Final = 100
_OF_ONE: Final = Keeping(size=_MOST_OF_ONE, seconds=_LIFE, epoch_seconds=_LIFE)
_NOTHING: Final = Keeping()
Key = tuple[str, str, str]
Said = Literal["here", "down", "not"]


class At(msgspec.Struct, frozen=True, tag=True):
    """On a card: the worker that has the tether."""

    worker: str


class Down(msgspec.Struct, frozen=True, tag=True):
    """On a card: the tether itself, which nobody has, and which worker has put it there."""

    parcel: Parcel
    by: str = ""


class Wanted(msgspec.Struct, frozen=True, tag=True):
    """Somebody has come to `sender`, whose tether is the hearer's."""

    number: int
    sender: str
    ask: Ask


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What becomes of it: it is here, and then `down` on its card; or it is `not`."""

    number: int
    said: Said


_encode: Final = msgspec.msgpack.Encoder().encode
_card: Final[Callable[[bytes], At | Down]] = msgspec.msgpack.Decoder(At | Down).decode
_channels: Final[Callable[[bytes], list[str]]] = msgspec.msgpack.Decoder(list[str]).decode
_errand: Final[Callable[[bytes], Wanted | Answer]] = msgspec.msgpack.Decoder(Wanted | Answer).decode
Give = Callable[[Ask, Callable[[bool], None]], bool]


@dataclass(frozen=True, slots=True)
class _Held:
    """A tether that is here."""

    token: str
    key: Key | None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who waits for an answer: whether it is there, and whether it is down."""

    has: "asyncio.Future[bool]"
    is_down: "asyncio.Future[bool]"


class TetherNodes:
    """An Afar of one worker, and the listener of its channel; `give` hands its tethers over."""

    def __init__(
        self,
        broker: Broker,
        *,
        worker: str,
        give: Give,
        clock: Callable[[], float],
        tell: Tell,
        died: Died,
    ) -> None:
        """Be nowhere yet; no other worker has this name."""
        self._broker: Final = broker
        self._worker: Final = worker
        self._give: Final = give
        self._clock: Final = clock
        self._tell: Final = tell
        self._died: Final = died
        self.is_there = False
        self._begins = False
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._asked = 0
        self._held: dict[str, _Held] = {}
        self._due: list[tuple[float, int, _Held]] = []
        """when is said again that a tether is here; a heap"""
        self._writing: dict[str, asyncio.Event] = {}
        """cards that are being written"""

    # --- what is here ---

    def holds(self, token: str, key: Key | None) -> None:
        """Have others know that a tether is here."""
        self._held[token] = held = _Held(token, key)
        self._say(held)

    def forget(self, token: str) -> None:
        """Say so no longer; who asks for it hears that it is not here."""
        self._held.pop(token, None)

    def tick(self) -> None:
        """Begin, and say again what is here."""
        if not self.is_there and not self._begins:
            self._begins = True
            spawn(self._begin(), name="tether nodes", died=self._died)
        now, due = self._clock(), self._due
        for _ in range(_IN_A_TICK):
            if not due or due[0][0] > now:
                break
            self._say(heappop(due)[2])

    async def _begin(self) -> None:
        """Hear what is asked of this worker; again with the next tick where nobody can."""
        try:
            await self._broker.follow(_channel_of(self._worker))
            self.is_there = True
        except Away:
            pass
        finally:
            self._begins = False

    def _say(self, held: _Held) -> None:
        if self._held.get(held.token) is held and held.token not in self._writing:
            self._writing[held.token] = asyncio.Event()
            spawn(self._said(held), name="tether card", died=self._died)

    async def _said(self, held: _Held) -> None:
        name, key, pause = name_of(held.token), held.key, RENEWED
        try:
            if self.is_there:
                await self._write(name, At(self._worker))
                if key is not None:
                    publication = Publication(name.encode())
                    await self._broker.publish(_channel_for(key), publication, keeping=_SESSION)
            else:
                pause = _AGAIN
        except Away:
            pause = _AGAIN
        finally:
            self._writing.pop(held.token).set()
        heappush(self._due, (self._clock() + pause, next(self._numbers), held))

    async def _write(
        self, name: str, card: At | Down, *, keeping: Keeping = _CARD, key: str = ""
    ) -> Published:
        publication = Publication(_encode(card), info=_whose(card))
        return await self._broker.publish(_card_of(name), publication, keeping=keeping, key=key)

    # --- handing over ---

    def put_down(self, parcel: Parcel, told: Callable[[bool], None]) -> None:
        """Have it be there for who comes; `told` hears whether that was possible."""
        self.forget(parcel.token)
        spawn(self._put_down(parcel, told), name="tether parcel", died=self._died)

    async def _put_down(self, parcel: Parcel, told: Callable[[bool], None]) -> None:
        is_down = False
        try:
            writing = self._writing.get(parcel.token)
            if writing is not None:  # or it would say behind this that it is here
                await writing.wait()
            card = Down(parcel, self._worker)
            size = len(_encode(card))
            if size <= LARGEST:
                seconds = max(1, int(parcel.resume))
                life = Keeping(size=1, seconds=seconds, epoch_seconds=_LIFE)
                await self._written(name_of(parcel.token), card, keeping=life)
                is_down = True
            else:
                self._tell("tether_too_large", size=size)
        except Away as away:
            self._tell("tether_not_handed_over", reason=away.reason)
        finally:
            told(is_down)

    async def _enlist(self, parcel: Parcel) -> None:
        """Have it be found by whose it is."""
        if parcel.principal is None:
            return
        channels = [_card_of(name_of(parcel.token))]
        if parcel.key is not None:
            channels.append(_channel_for(parcel.key))
        said = Publication(_encode(channels))
        await self._broker.publish(_channel_about(parcel.principal.key), said, keeping=_OF_ONE)

    async def _written(self, name: str, card: Down, *, keeping: Keeping) -> None:
        """Write a card once, in several tries if need be: it is all that there is.

        Whose it is comes first, so that nothing stands there that could not be erased.
        """
        key = f"put {self._worker} {next(self._numbers)}"
        for pause in AGAIN:
            try:
                await self._enlist(card.parcel)
                await self._write(name, card, keeping=keeping, key=key)
            except Away:
                await asyncio.sleep(pause)
            else:
                return
        await self._enlist(card.parcel)
        await self._write(name, card, keeping=keeping, key=key)

    def _wanted(self, wanted: Wanted) -> None:
        def told(is_down: bool) -> None:
            self._answer(wanted, "down" if is_down else "not")

        self._answer(wanted, "here" if self._give(wanted.ask, told) else "not")

    def _answer(self, wanted: Wanted, said: Said) -> None:
        answer = Answer(wanted.number, said)
        spawn(self._send(wanted.sender, answer), name="tether answer", died=self._died)

    async def _send(self, worker: str, errand: Wanted | Answer) -> None:
        publication = Publication(_encode(errand))
        try:
            await self._broker.publish(_channel_of(worker), publication, keeping=_NOTHING)
        except Away as away:  # whoever waits hears by the clock that nobody answers
            self._tell("tether_unanswered", reason=away.reason)

    # --- taking ---

    def seek(self, ask: Ask, told: Callable[[Parcel | None], None]) -> bool:
        """Have a tether handed over by whoever has it; False: nobody can be asked."""
        if not self.is_there or self._asked >= _MOST_ASKED:
            return False
        self._asked += 1
        bare = msgspec.structs.replace(ask, target=b"", fields=[], shown=b"", proved=b"")
        spawn(self._seek(bare, told), name="tether afar", died=self._died)
        return True

    async def _seek(self, ask: Ask, told: Callable[[Parcel | None], None]) -> None:
        found: Parcel | None = None
        asked: dict[str, bool] = {self._worker: False}
        try:
            for name in await self._meant(ask):
                found = await self._fetched(name, ask, asked)
                if found is not None:
                    break
        except Away as away:
            self._tell("tether_not_sought", reason=away.reason)
        finally:
            self._asked -= 1
            told(found)

    async def _meant(self, ask: Ask) -> Sequence[str]:
        """Return the cards that may be meant."""
        if ask.token or ask.key is None:
            return [name_of(ask.token)]
        stored = await self._broker.history(
            _channel_for(ask.key), since=None, limit=_SESSION.size, reverse=True
        )
        names = dict.fromkeys(one.data.decode() for one in stored.publications)
        return list(names)[:_MEANT]

    async def _fetched(self, name: str, ask: Ask, asked: dict[str, bool]) -> Parcel | None:
        """Return the tether of a card, if it can be had, and is this one's.

        `asked`: who has been asked, and whether they have put one down.
        """
        card, offset = await self._read(name)
        if isinstance(card, At) and card.worker not in asked:
            asked[card.worker] = await self._given(card.worker, ask)
            card, offset = await self._read(name)
        if not isinstance(card, Down):
            return None
        if not _is_for(card.parcel, ask, is_given=asked.get(card.by, False)):
            return None
        return card.parcel if await self._taken(name, offset) else None

    async def _taken(self, name: str, offset: Position) -> bool:
        """Take what stands on a card, before anybody else does.

        Where the store has not answered whether that was done, it is asked once more.
        """
        key = f"take {offset.epoch} {offset.offset}"
        try:
            taken = await self._write(name, At(self._worker), key=key)
        except Away as away:
            if not away.may_be_done:
                raise
            taken = await self._write(name, At(self._worker), key=key)
            if taken.repeated:
                card, _ = await self._read(name)
                return card == At(self._worker)
        return not taken.repeated

    async def _read(self, name: str) -> tuple[At | Down | None, Position]:
        stored = await self._broker.history(_card_of(name), since=None, limit=1, reverse=True)
        if not stored.publications:
            return None, stored.top
        try:
            return _card(stored.publications[-1].data), stored.top
        except msgspec.MsgspecError:  # of another gateway's version: not for us
            self._tell("tether_unknown")
            return None, stored.top

    async def _given(self, worker: str, ask: Ask) -> bool:
        """Ask a worker for a tether; tell whether it has put it down."""
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        waiting = self._waiting[number] = _Waiting(loop.create_future(), loop.create_future())
        try:
            async with asyncio.timeout(ANSWERS):
                await self._send(worker, Wanted(number, self._worker, ask))
                if not await waiting.has:
                    return False
            async with asyncio.timeout(PATIENCE):
                return await waiting.is_down
        except TimeoutError:
            self._tell("tether_holder_silent")
            return False
        finally:
            del self._waiting[number]

    def _answered(self, answer: Answer) -> None:
        waiting = self._waiting.get(answer.number)
        if waiting is None:
            return
        if not waiting.has.done():
            waiting.has.set_result(answer.said != "not")
        if answer.said != "here" and not waiting.is_down.done():
            waiting.is_down.set_result(answer.said == "down")

    # --- what the store tells ---

    def published(self, channel: str, publication: Publication, top: Position) -> None:  # noqa: ARG002 - a port
        """Take an errand."""
        try:
            errand = _errand(publication.data)
        except msgspec.MsgspecError:  # likewise
            self._tell("tether_unknown")
            return
        if isinstance(errand, Wanted):
            self._wanted(errand)
        else:
            self._answered(errand)

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Nobody is said to come here."""

    def left(self, channel: str, info: ClientInfo) -> None:
        """Nor to go."""

    def lost(self) -> None:
        """Go on: who waits for an answer reads the card all the same, when its time is over."""


async def erase_tethers(archive: Archive, person: str, *, is_last: bool) -> None:
    """Delete what has been put down of somebody; Away.

    One may be on its way behind what is said of it: what says so goes with the last time.
    """
    listed = _channel_about(person)
    stored = await archive.history(listed, since=None, limit=-1)
    found = {channel for one in stored.publications for channel in _listed_in(one.data)}
    for channel in [*found, *([listed] if is_last else ())]:
        await archive.erase(channel)


def _whose(card: At | Down) -> ClientInfo | None:
    """Return whose key seals a card."""
    principal = card.parcel.principal if isinstance(card, Down) else None
    return None if principal is None else ClientInfo(user=principal.subject)


def _listed_in(data: bytes) -> list[str]:
    try:
        return _channels(data)
    except msgspec.MsgspecError:  # of another gateway's version: it goes by time
        return []


def name_of(token: str) -> str:
    """Return the name of a tether's card: who knows it does not know the token."""
    return blake2b(token.encode(), digest_size=16).hexdigest()


def _card_of(name: str) -> str:
    return f"!tether:{name}"


def _channel_for(key: Key) -> str:
    return f"!tethers:{name_of(repr(key))}"


def _channel_about(person: str) -> str:
    return f"!tethers-of:{name_of(person)}"


def _channel_of(worker: str) -> str:
    return f"!tether-worker:{worker}"


def _is_for(parcel: Parcel, ask: Ask, *, is_given: bool) -> bool:
    """Tell whether somebody may have a tether: nobody else, nor with less (may_have).

    Where nobody has `given` it who would know of a logout meanwhile, it is of one login alone.
    """
    mine, theirs = parcel.principal, ask.principal
    if parcel.route != ask.route or not may_have(theirs, mine):
        return False
    if is_given or mine is None or theirs is None:
        return True
    return theirs.session == mine.session
