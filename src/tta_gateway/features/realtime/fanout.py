"""Giving to a crowd: what happens in a channel is put into the sessions of its readers, in slices.

Few readers are given it at once.  Where it is for more than a turn of the loop has room for, it
waits, in the order in which it came, and each turn gives a slice of the readers what is next.  Who
is given it is settled when it comes: who begins to read later stands behind it, and who leaves
before its turn is given nothing.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from tta_gateway.features.realtime.backlog import LARGEST, Message
from tta_gateway.features.realtime.codec import Codec
from tta_gateway.features.realtime.codes import INSUFFICIENT_STATE, POSITION_LOST
from tta_gateway.features.realtime.fossil import delta
from tta_gateway.features.realtime.publication import ClientInfo, Publication
from tta_gateway.features.realtime.session import Session, Subscription

IN_A_TURN: Final = 1000
"""messages put into sessions in a turn of the loop: about half a millisecond (bench/realtime.py)"""
_MOST_WAITING: Final = 1000
_FAREWELL: Final = 20  # times the work of a message: it is written for each, and others are told
Ended = Callable[[Subscription], None]


class Readers:
    """Those who read a channel in one codec, and in one way."""

    def __init__(self, codec: Codec, *, takes_deltas: bool) -> None:
        """Begin with nobody."""
        self.codec: Final = codec
        self.takes_deltas: Final = takes_deltas
        self.subscriptions: Final[dict[str, Subscription]] = {}
        self._now: list[Subscription] = []
        self._is_current = True

    def add(self, subscription: Subscription) -> None:
        """Know one more."""
        self.subscriptions[subscription.session.client] = subscription
        self._is_current = False

    def remove(self, subscription: Subscription) -> None:
        """Know one less, if it is known."""
        client = subscription.session.client
        if self.subscriptions.get(client) is subscription:
            del self.subscriptions[client]
            self._is_current = False

    def now(self) -> list[Subscription]:
        """Return who reads at the moment: a list that nobody changes."""
        if not self._is_current:
            self._now = list(self.subscriptions.values())
            self._is_current = True
        return self._now


class Job:
    """Something that each of these readers is to be given.

    `size` is in bytes, `cost` how many times the work of a message it is.
    """

    def __init__(self, readers: list[Subscription], size: int, *, cost: int = 1) -> None:
        """Give it to nobody yet."""
        self.readers: Final = readers
        self.size: Final = size
        self.cost: Final = cost
        self.done = 0

    def give(self, some: list[Subscription], dirty: list[Session]) -> None:
        """Give it to these."""
        raise NotImplementedError


class Said(Job):
    """A message, the same for all; at `offset`, or 0 where it has no place."""

    def __init__(self, readers: list[Subscription], message: Message, offset: int) -> None:
        """Take what is written once."""
        super().__init__(readers, len(message.data))
        self._message: Final = message
        self._offset: Final = offset

    def give(self, some: list[Subscription], dirty: list[Session]) -> None:
        """Push it to all who have not had it."""
        message, offset = self._message, self._offset
        for each in some:
            if each.is_over or (offset > 0 and each.offset >= offset):
                continue
            if offset > 0:
                each.offset = offset
            if each.session.push(message):
                dirty.append(each.session)


class Changed(Job):
    """A publication of which those who have the `last` one are told only what has changed."""

    def __init__(
        self, group: Readers, channel: str, publication: Publication, *, last: bytes, offset: int
    ) -> None:
        """Write each of both when it is wanted."""
        super().__init__(group.now(), len(publication.data))
        self.urgent = False
        self._codec: Final = group.codec
        self._channel: Final = channel
        self._publication: Final = publication
        self._last: Final = last
        self._offset: Final = offset
        self._whole: Message | None = None
        self._change: Message | None = None

    def give(self, some: list[Subscription], dirty: list[Session]) -> None:
        """Push what has changed to those who have the last message, and all of it to others."""
        offset = self._offset
        for each in some:
            if each.is_over or (offset > 0 and each.offset >= offset):
                continue
            if offset > 0:
                each.offset = offset
            message = self._changed() if each.has_last else self._all()
            each.has_last = True
            if each.session.push(message):
                dirty.append(each.session)

    def _all(self) -> Message:
        if self._whole is None:
            data = self._codec.change(self._channel, self._publication, None)
            self._whole = Message(data, self._channel, urgent=self.urgent)
        return self._whole

    def _changed(self) -> Message:
        if self._change is None:
            found = delta(self._last, self._publication.data)
            shorter = found if len(found) < len(self._publication.data) else None
            data = self._codec.change(self._channel, self._publication, shorter)
            self._change = Message(data, self._channel, urgent=self.urgent)
        return self._change


class Announced(Job):
    """Somebody came or left; it is told to those who want to hear it."""

    def __init__(self, group: Readers, channel: str, info: ClientInfo, *, joined: bool) -> None:
        """Write it when somebody wants it."""
        super().__init__(group.now(), 0)
        self._codec: Final = group.codec
        self._channel: Final = channel
        self._info: Final = info
        self._joined: Final = joined
        self._message: Message | None = None

    def give(self, some: list[Subscription], dirty: list[Session]) -> None:
        """Push it."""
        dirty += [
            each.session
            for each in some
            if each.hears_others and not each.is_over and each.session.push(self._written())
        ]

    def _written(self) -> Message:
        if self._message is None:
            data = self._codec.join_or_leave(self._channel, self._info, joined=self._joined)
            self._message = Message(data, self._channel)
        return self._message


class Parted(Job):
    """The end of subscriptions that cannot go on; `ended` hears of each."""

    def __init__(self, readers: list[Subscription], ended: Ended) -> None:
        """Part from all of these."""
        super().__init__(readers, 0, cost=_FAREWELL)
        self._ended: Final = ended

    def give(self, some: list[Subscription], dirty: list[Session]) -> None:
        """Tell them: they come back, and recover what can be recovered."""
        for each in some:
            if each.is_over:
                continue
            each.is_over = True
            session = each.session
            session.unsubscribe(each.channel, None if each.is_ours else INSUFFICIENT_STATE)
            if each.is_ours:
                session.close(POSITION_LOST)
            dirty.append(session)
            self._ended(each)


class Turn:
    """What may still be given in this turn of the loop, and what waits for others."""

    def __init__(self, each: int = IN_A_TURN) -> None:
        """Give so many messages in each."""
        self.left = each
        self._each: Final = each
        self._waiting: Final[deque[FanOut]] = deque()

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing waits."""
        return not self._waiting

    def wait(self, fan_out: "FanOut", *, urgent: bool) -> None:
        """Have it go on in the next turns."""
        if urgent:
            self._waiting.appendleft(fan_out)
        else:
            self._waiting.append(fan_out)

    def go_on(self) -> None:
        """Begin a turn: give what there is room for, to one channel after the other."""
        self.left = self._each
        waiting = self._waiting
        while self.left > 0 and waiting:
            fan_out = waiting.popleft()
            try:
                fan_out.go_on()
            finally:
                if fan_out.waits:
                    self.wait(fan_out, urgent=fan_out.urgent)


class FanOut:
    """What one channel has to give; `waits`: some of it for later turns."""

    def __init__(self, turn: Turn, dirty: list[Session], *, urgent: bool) -> None:
        """Give within turns of the loop; `dirty` gathers sessions that are to be written out."""
        self.urgent: Final = urgent
        self.waits = False
        self._turn: Final = turn
        self._dirty: Final = dirty
        self._jobs: Final[deque[Job]] = deque()
        self._size = 0

    def is_full(self, part: int = 1) -> bool:
        """Tell whether so much waits that there is no use in more; or a part, such as a fourth."""
        return part * len(self._jobs) >= _MOST_WAITING or part * self._size >= LARGEST

    def give(self, job: Job) -> None:
        """Give this to its readers, at once if there is room."""
        turn, count = self._turn, len(job.readers)
        if not self.waits and count * job.cost <= turn.left:
            turn.left -= count * job.cost
            job.give(job.readers, self._dirty)
        elif count > 0:
            self._jobs.append(job)
            self._size += job.size
            if not self.waits:
                self.waits = True
                turn.wait(self, urgent=self.urgent)

    def give_up(self) -> None:
        """Give nobody what waits; who was to be parted from still is."""
        parted = [job for job in self._jobs if isinstance(job, Parted)]
        self._jobs.clear()
        self._jobs.extend(parted)
        self._size = 0

    def go_on(self) -> None:
        """Give a slice, as far as the turn has room."""
        turn, jobs = self._turn, self._jobs
        while jobs and turn.left > 0:
            job = jobs[0]
            begin = job.done
            some = job.readers[begin : begin + max(1, turn.left // job.cost)]
            job.done += len(some)
            turn.left -= len(some) * job.cost
            if job.done >= len(job.readers):
                jobs.popleft()
                self._size -= job.size
                self.waits = len(jobs) > 0
            job.give(some, self._dirty)
        self.waits = len(jobs) > 0
