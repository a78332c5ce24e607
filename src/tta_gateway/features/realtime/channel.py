"""A channel as one worker hears it: who reads it, and up to where it has been heard.

The promise is that each reader gets the offsets of an epoch one after the other, or is told that
it did not.  It rests on this: a reader is never behind its channel.  The channel goes on only from
one offset to the next; what is missing it reads from the store, and what cannot be read any more
ends the subscriptions of all (2500, or 3010 where the server had made them).  A reader who comes
in may be ahead, because the store told it more than was heard yet; what it has had it is not given
again.  What was published last is kept here for those who come back.
"""

from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.realtime.backlog import Message
from tta_gateway.features.realtime.broker import Stored
from tta_gateway.features.realtime.fanout import (
    Announced,
    Changed,
    FanOut,
    Parted,
    Readers,
    Said,
    Turn,
)
from tta_gateway.features.realtime.publication import NOWHERE, ClientInfo, Position, Publication
from tta_gateway.features.realtime.session import Session, Subscription

MOST_RECOVERED: Final = 300
LARGEST_RECOVERED: Final = 1024 * 1024
"""bytes of data: who has missed more reads it in pages"""
_MOST_KEPT: Final = 300
_LARGEST_KEPT: Final = 256 * 1024
_MOST_HELD: Final = 1000


class Place:
    """Where a new reader begins: `missed` first, then what comes after `offset`."""

    def __init__(
        self,
        position: Position,
        offset: int,
        *,
        missed: Sequence[Publication] = (),
        recovered: bool = False,
    ) -> None:
        """Tell the client `position`; it has all up to `offset` once it has `missed`."""
        self.position: Final = position
        self.offset: Final = offset
        self.missed: Final = missed
        self.recovered: Final = recovered


class Channel:
    """One channel; what it pushes makes sessions due to be written out (`dirty`)."""

    def __init__(
        self,
        name: str,
        *,
        keeps: bool,
        urgent: bool,
        dirty: list[Session],
        ended: Callable[[Subscription], None],
        turn: Turn,
    ) -> None:
        """Begin to listen; nothing is known of where it stands."""
        self.name: Final = name
        self.keeps: Final = keeps
        self.joining = 0
        """how many are coming in"""
        self.idle_since = 0.0
        self.is_behind = False
        """whether something was missed, and the store must be read (`caught_up`)"""
        self.is_reading = False
        self._urgent: Final = urgent
        self._fan_out: Final = FanOut(turn, dirty, urgent=urgent)
        self._ended: Final = ended
        self._readers: Final[dict[str, Readers]] = {}
        self._is_known = False
        self._epoch = ""
        self._offset = 0
        self._recent: list[Publication] = []
        self._recent_size = 0
        self._old = 0
        self._gone = 0
        """an offset behind which nobody can recover any more who stands before it"""
        self._last = b""
        self._held: list[tuple[Publication, Position]] = []
        self._held_before = 0
        self._is_torn = False
        self._asked = NOWHERE

    def __repr__(self) -> str:
        """Tell where it stands."""
        state = "behind" if self.is_behind else "heard" if self._is_known else "new"
        return f"<channel {state} at {self._offset}, {self.count()} readers>"

    @property
    def position(self) -> Position:
        """Up to where it has been heard."""
        return Position(self._offset, self._epoch)

    def is_known(self) -> bool:
        """Return whether it stands anywhere yet."""
        return self._is_known

    def count(self) -> int:
        """Return how many read it."""
        return sum(len(each.subscriptions) for each in self._readers.values())

    def subscriptions(self) -> list[Subscription]:
        """Return who reads it."""
        return [each for group in self._readers.values() for each in group.subscriptions.values()]

    # --- who reads it ---

    def place(self, wanted: Position | None, stored: Stored | None) -> Place | None:
        """Return where somebody may begin now who has all up to `wanted` (None: wants the rest).

        `stored` is what the store had after that; without it what is known here must do.  None:
        it does not, ask the store (again).  Whoever gets a place takes it (`attach`) at once.
        """
        if not self.keeps:
            return Place(NOWHERE, 0)
        if stored is None:
            return self._place_here(wanted)
        if not self._is_known:
            self._begin(stored.top)
        if stored.top.epoch != self._epoch:
            self.is_behind = True  # one of the two is of the past: the store will say which
            return None
        if wanted is None or not is_recovered(wanted, stored):
            self._give_up(wanted, stored.top)
            return self._place_at(max(stored.top.offset, self._offset))
        return self._place_behind(wanted, stored)

    def attach(self, subscription: Subscription, place: Place) -> None:
        """Give somebody what is published from its place on."""
        subscription.offset = place.offset
        name = _group_of(subscription)
        group = self._readers.get(name)
        if group is None:
            codec = subscription.session.codec
            group = Readers(codec, takes_deltas=subscription.takes_deltas)
            self._readers[name] = group
        group.add(subscription)

    def detach(self, subscription: Subscription) -> None:
        """Give somebody no more, of what waits neither."""
        subscription.is_over = True
        group = self._readers.get(_group_of(subscription))
        if group is not None:
            group.remove(subscription)

    def forget_old(self) -> None:
        """Forget what was published before the last time that this was called."""
        old = self._recent[: self._old]
        self._recent_size -= sum(len(each.data) for each in old)
        del self._recent[: self._old]
        self._old = len(self._recent)

    # --- what happens in it ---

    def published(self, publication: Publication, top: Position) -> None:
        """Take what was heard; see `is_behind` afterwards."""
        if not self.keeps or not top.offset:  # kept nowhere: it has no place among those that are
            self._give(publication)
        elif not self._is_known or self.is_behind:
            self._hold(publication, top)
        elif top.epoch != self._epoch or top.offset > self._offset + 1:
            self.is_behind = True
            self._hold(publication, top)
        elif top.offset == self._offset + 1:
            self._go_on(publication)

    def announced(self, info: ClientInfo, *, joined: bool) -> None:
        """Tell those who want to hear it that somebody came or left.

        Where much waits already it is not told: it is a courtesy, and `presence` has the truth.
        """
        if self._fan_out.is_full(part=4):
            return
        for group in self._readers.values():
            self._fan_out.give(Announced(group, self.name, info, joined=joined))

    def asks(self) -> Position:
        """Begin to read the store, after what is returned; the answer goes to `caught_up`."""
        self.is_reading = True
        self._asked = self.position
        self._held_before = len(self._held)
        return self._asked

    def asked_in_vain(self) -> None:
        """Take that the store could not be read."""
        self.is_reading = False

    def caught_up(self, stored: Stored) -> None:
        """Take what the store answers.

        The channel is still behind if that was not all, or if what was heard since then is of yet
        another epoch.
        """
        self.is_reading = False
        if stored.top.epoch != self._epoch or stored.top.offset < self._asked.offset:
            self._lose(stored.top)  # another stream, or one that has gone back in time
        else:
            self._advance(stored)
            if self._offset < stored.top.offset:
                if self._leads_on(stored):
                    self.is_behind = True
                    return
                self._lose(stored.top)  # what is missing is not kept any more
        self.is_behind = False
        self._drop_the_past(stored.top.epoch)
        self._let_go()

    def _drop_the_past(self, epoch: str) -> None:
        """Drop what was heard before the store was asked and is not of its epoch: it is older."""
        before = [each for each in self._held[: self._held_before] if each[1].epoch == epoch]
        self._held[: self._held_before] = before
        self._held_before = 0

    def _advance(self, stored: Stored) -> None:
        """Give what follows."""
        for publication in stored.publications:
            if publication.offset == self._offset + 1:
                self._go_on(publication)

    def _leads_on(self, stored: Stored) -> bool:
        """Return whether what the store told has no gap, and only ends before its top."""
        told = stored.publications
        return bool(told) and told[-1].offset <= self._offset

    # --- within ---

    def _begin(self, top: Position) -> None:
        self._is_known = True
        self._epoch = top.epoch
        self._offset = top.offset
        self._let_go()

    def _hold(self, publication: Publication, top: Position) -> None:
        """Keep what was heard until it is known what is before it; too much is read later."""
        if len(self._held) == _MOST_HELD:
            self._held.clear()
            self._held_before = 0
            self._is_torn = True
        self._held.append((publication, top))

    def _let_go(self) -> None:
        """Take what was held, now that it is known where it belongs."""
        held, self._held = self._held, []
        torn, self._is_torn = self._is_torn, False
        self.is_behind = torn and not held
        for publication, top in held:
            self.published(publication, top)

    def _lose(self, top: Position) -> None:
        """End all subscriptions, and stand where the store stands."""
        self._part_from_all()
        self._epoch = top.epoch
        self._offset = top.offset
        self._recent.clear()
        self._recent_size = 0
        self._old = 0
        self._gone = 0

    def _part_from_all(self) -> None:
        """End all subscriptions, a slice in a turn: nobody is given more than what waits."""
        readers = self.subscriptions()
        self._readers.clear()
        self._fan_out.give(Parted(readers, self._ended))

    def _go_on(self, publication: Publication) -> None:
        self._offset += 1
        self._recent.append(publication)
        self._recent_size += len(publication.data)
        while len(self._recent) > _MOST_KEPT or self._recent_size > _LARGEST_KEPT:
            self._forget_some()
        self._give(publication)

    def _forget_some(self) -> None:
        """Forget half, so that it is not done for each."""
        half = len(self._recent) // 2 + 1
        self._recent_size -= sum(len(each.data) for each in self._recent[:half])
        del self._recent[:half]
        self._old = max(0, self._old - half)

    def _give(self, publication: Publication) -> None:
        """Give to all who have not had it; written once for each codec (bench/realtime.py)."""
        offset = publication.offset if self.keeps else 0
        last, self._last = self._last, publication.data
        if self._fan_out.is_full():  # they cannot keep up: nobody is told a part in silence
            self._fan_out.give_up()
            self._part_from_all()
        for group in self._readers.values():
            if not group.subscriptions:
                continue
            if group.takes_deltas:
                change = Changed(group, self.name, publication, last=last, offset=offset)
                change.urgent = self._urgent
                self._fan_out.give(change)
                continue
            data = group.codec.publication(self.name, publication)
            message = Message(data, self.name, urgent=self._urgent)
            self._fan_out.give(Said(group.now(), message, offset))

    # --- places ---

    def _place_here(self, wanted: Position | None) -> Place | None:
        if not self._is_known or self.is_behind:
            return None
        if wanted is None:
            return self._place_at(self._offset)
        if wanted.epoch and wanted.epoch != self._epoch:
            return self._place_at(self._offset)
        if wanted.offset < min(self._gone, self._offset):
            return self._place_at(self._offset)
        missed = self._after(wanted.offset)
        if missed is None:
            return None
        return self._recovered(wanted, missed, self._offset)

    def _place_behind(self, wanted: Position, stored: Stored) -> Place | None:
        """Return where somebody goes on for whom what is stored is all that was missed."""
        self._remember(stored)
        missed = list(stored.publications)
        if stored.top.offset < self._offset:
            later = self._after(stored.top.offset)
            if later is None:
                return None
            missed += later
        place = self._recovered(wanted, missed, max(stored.top.offset, self._offset))
        if not place.recovered:
            self._give_up(wanted, stored.top)
        return place

    def _give_up(self, wanted: Position | None, top: Position) -> None:
        """Keep that nobody can recover from there: what is gone does not come back."""
        if wanted is not None and wanted.epoch in {"", top.epoch} and wanted.offset < top.offset:
            self._gone = max(self._gone, wanted.offset + 1)

    def _remember(self, stored: Stored) -> None:
        """Keep what the store told of before what was heard here: others come back for it too."""
        begin = self._offset - len(self._recent)  # what is kept here follows this offset
        room, size = _MOST_KEPT - len(self._recent), _LARGEST_KEPT - self._recent_size
        older: list[Publication] = []
        for publication in reversed(stored.publications):
            if publication.offset > begin:
                continue
            size -= len(publication.data)
            if publication.offset != begin - len(older) or len(older) >= room or size < 0:
                break
            older.append(publication)
        if older:
            older.reverse()
            self._recent[:0] = older
            self._recent_size += sum(len(each.data) for each in older)
            self._old = 0

    def _place_at(self, offset: int) -> Place:
        return Place(Position(offset, self._epoch), offset)

    def _recovered(self, wanted: Position, missed: Sequence[Publication], offset: int) -> Place:
        size = sum(len(each.data) for each in missed)
        if len(missed) > MOST_RECOVERED or size > LARGEST_RECOVERED:
            return self._place_at(offset)
        own = Position(wanted.offset, self._epoch)
        return Place(own, offset, missed=missed, recovered=True)

    def _after(self, offset: int) -> list[Publication] | None:
        """Return what was heard behind an offset, None where that is not known here."""
        if offset > self._offset:
            return None
        count = self._offset - offset
        if count > len(self._recent):
            return None
        return self._recent[len(self._recent) - count :]


def _group_of(subscription: Subscription) -> str:
    name = subscription.session.codec.name
    return f"{name} deltas" if subscription.takes_deltas else name


def is_recovered(wanted: Position, stored: Stored) -> bool:
    """Return whether what is stored is all that follows; `stored` is what stands after `wanted`."""
    if wanted.epoch and wanted.epoch != stored.top.epoch:
        return False
    expected = wanted.offset
    for publication in stored.publications:
        expected += 1
        if publication.offset != expected:
            return False
    return expected == stored.top.offset
