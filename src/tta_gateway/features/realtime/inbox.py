"""The inbox: messages that somebody must acknowledge, kept for him until he does.

A letter is for one user.  It is posted once, whatever is asked again by its id; whoever of his
sessions listens gets it at once, and whoever connects gets all that is not acknowledged, in the
order of posting (`drain`, in pages: many letters are more than a client takes at once).  What stays
without acknowledgement is sent again and again, with pauses that grow, until it is acknowledged or
its time is over: then it is a dead letter, which operators see.  An acknowledgement of a dead
letter still counts: he has seen it, late.

    listens:  follow(channel_of(user)), then drain(user, after) until no page is left;
              letters come as publications
    again:    redeliver(user) when it is due, by any worker that has a session of his
    in vain:  sweep() now and then, by somebody

Letters come at least once: the client drops those whose id it has seen.  Pure but for the port; the
store does the same in Lua (valkey_inbox.py), and a test feeds both the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from tta_gateway.features.realtime.publication import Publication

FIRST: Final = 5_000  # milliseconds until it is sent again
LONGEST: Final = 60_000
MOST: Final = 1000  # letters that wait for a user; what comes then is dead at once
MOST_DEAD: Final = 1000  # dead letters of a user; beyond them the oldest are forgotten
DEAD_FOR: Final = 30 * 24 * 3600 * 1000  # milliseconds that they are kept
KNOWN: Final = 3600 * 1000  # milliseconds beyond its time that the id of one is known
TAG: Final = "letter"  # of the publication: its id
PAGE: Final = 100  # letters that are given, or sent again, in one step
LARGEST: Final = 128 * 1024  # bytes of them, beyond which one more is one too many
LARGEST_DEAD: Final = 1024 * 1024
"""bytes of dead letters in a page, likewise"""
_PREFIX: Final = "!inbox:"


class State(Enum):
    """What has become of a letter."""

    WAITING = "waiting"  # it has reached nobody yet
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    DEAD = "dead"


class Event(Enum):
    """What may happen to one."""

    REACHED = "reached"  # a session of his has been sent it
    MISSED = "missed"  # nobody of his listens
    ACKNOWLEDGED = "acknowledged"
    EXPIRED = "expired"
    CROWDED = "crowded"  # too many wait for him


_W, _S, _A, _D = State.WAITING, State.SENT, State.ACKNOWLEDGED, State.DEAD
TABLE: Final[Mapping[tuple[State, Event], State]] = {
    (_W, Event.REACHED): _S,
    (_W, Event.MISSED): _W,
    (_W, Event.ACKNOWLEDGED): _A,
    (_W, Event.EXPIRED): _D,
    (_W, Event.CROWDED): _D,
    (_S, Event.REACHED): _S,
    (_S, Event.MISSED): _S,
    (_S, Event.ACKNOWLEDGED): _A,
    (_S, Event.EXPIRED): _D,
    (_D, Event.ACKNOWLEDGED): _A,
}
"""What is not here cannot be: what is acknowledged is sent no more, and what is dead neither."""


class Outcome(Enum):
    """What has become of a posting."""

    NEW = "new"
    REPEATED = "repeated"
    CROWDED = "crowded"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for one user; `expires` is milliseconds of the epoch."""

    id: str
    publication: Publication
    expires: int


@dataclass(frozen=True, slots=True)
class Posted:
    """What has become of it, and whether the store has it on disk."""

    outcome: Outcome
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some letters, and after which the next page begins; there is none after -1."""

    letters: Sequence[Publication] = ()
    after: int = -1


@dataclass(frozen=True, slots=True)
class Mourners:
    """Users who have dead letters, and where the next page begins; empty: there is none."""

    users: Sequence[str] = ()
    after: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One that nobody has acknowledged; `why` is `expired` or `crowded`."""

    id: str
    why: str
    at: int
    publication: Publication


@dataclass(frozen=True, slots=True)
class DeadPage:
    """Some of somebody's dead letters, of so many in `all`."""

    letters: Sequence[DeadLetter] = ()
    all: int = 0


def channel_of(user: str) -> str:
    """Return the channel that a user's letters come over: no client may name it."""
    return _PREFIX + user


def user_of(channel: str) -> str:
    """Return whose inbox a channel is; empty: it is none."""
    return channel[len(_PREFIX) :] if channel.startswith(_PREFIX) else ""


def pause(tries: int) -> int:
    """Return milliseconds until a letter is sent again that has been sent so often."""
    return min(LONGEST, FIRST << min(max(0, tries - 1), 16))


class Inbox(Protocol):
    """The letters of all users; every method may raise Away."""

    async def post(self, user: str, letter: Letter) -> Posted:
        """Keep a letter, and send it to whoever listens."""
        ...

    async def drain(self, user: str, after: int = 0) -> "Page":
        """Return what he has not acknowledged, in order, for a session that has just come."""
        ...

    async def acknowledge(self, user: str, id: str) -> bool:
        """Take his receipt; False if there is no such letter (any more)."""
        ...

    async def acknowledge_all(self, user: str, ids: Sequence[str]) -> Sequence[bool]:
        """Take his receipts in one step; say of each what `acknowledge` says."""
        ...

    async def redeliver(self, user: str) -> int:
        """Send again what is due; return milliseconds until the next is, -1 for none."""
        ...

    async def sweep(self) -> int:
        """Bury what has expired, of all users; return how many."""
        ...

    async def dead(self, user: str, *, skip: int = 0, limit: int = PAGE) -> DeadPage:
        """Return so many of his dead letters, the oldest first; fewer of those that are large."""
        ...

    async def mourners(self, limit: int, after: str = "") -> Mourners:
        """Return users who have dead letters, in pages."""
        ...

    async def count(self) -> int:
        """Return how many dead letters there are, of all users."""
        ...

    async def forget(self, user: str, id: str) -> bool:
        """Throw a dead letter away; False if there is none."""
        ...

    async def erase(self, user: str) -> None:
        """Delete all of somebody's letters, and what is known of those that were here."""
        ...


@dataclass(slots=True)
class _Kept:
    letter: Letter
    order: int
    state: State = State.WAITING
    tries: int = 0
    due: int = 0


@dataclass(slots=True)
class Box:
    """One user's letters, by the table: what the store must do."""

    kept: dict[str, _Kept] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)  # until when an id is known
    graves: dict[str, DeadLetter] = field(default_factory=dict)

    def post(self, letter: Letter, now: int, *, reaches: bool) -> Outcome:
        """Keep a letter."""
        self.expire(now)
        id = letter.id
        if id in self.kept or id in self.done or id in self.graves:
            return Outcome.REPEATED
        one = _Kept(letter, max((each.order for each in self.kept.values()), default=0) + 1)
        if letter.expires <= now:
            self._bury(one, Event.EXPIRED, now)
            return Outcome.EXPIRED
        if len(self.kept) >= MOST:
            self._bury(one, Event.CROWDED, now)
            return Outcome.CROWDED
        self.kept[id] = one
        self._try(one, now, reaches=reaches)
        return Outcome.NEW

    def drain(self, now: int, after: int = 0) -> Page:
        """Return a page of what is kept, in order."""
        self.expire(now)
        rest = [one for one in self.kept.values() if one.order > after]
        some = _some(rest)
        for one in some:
            self._try(one, now, reaches=True)
        is_last = len(some) == len(rest)
        return Page([one.letter.publication for one in some], -1 if is_last else some[-1].order)

    def acknowledge(self, id: str, now: int) -> bool:
        """Take a receipt."""
        self.expire(now)
        one, grave = self.kept.pop(id, None), self.graves.pop(id, None)
        if one is not None:
            one.state = TABLE[one.state, Event.ACKNOWLEDGED]
            self.done[id] = one.letter.expires + KNOWN
        elif grave is not None:
            self.done[id] = now + DEAD_FOR
        return id in self.done

    def redeliver(self, now: int) -> list[Publication]:
        """Return what is due, as much as goes in one step: the rest is due at once.

        Who asks has him here: it reaches him.
        """
        self.expire(now)
        due = _some([one for one in self.kept.values() if one.due <= now])
        for one in due:
            self._try(one, now, reaches=True)
        return [one.letter.publication for one in due]

    def next_due(self) -> int:
        """Return when the next is due; -1: never."""
        return min((one.due for one in self.kept.values()), default=-1)

    def expire(self, now: int) -> int:
        """Bury what has expired, and forget what was done long ago; return how many died."""
        over = [one for one in self.kept.values() if one.letter.expires <= now]
        for one in sorted(over, key=lambda one: (one.letter.expires, one.letter.id)):
            del self.kept[one.letter.id]
            self._bury(one, Event.EXPIRED, now)
        self.done = {id: until for id, until in self.done.items() if until > now}
        self.graves = {id: one for id, one in self.graves.items() if one.at + DEAD_FOR > now}
        return len(over)

    def forget(self, id: str) -> bool:
        """Throw a dead letter away."""
        return self.graves.pop(id, None) is not None

    def _try(self, one: _Kept, now: int, *, reaches: bool) -> None:
        one.state = TABLE[one.state, Event.REACHED if reaches else Event.MISSED]
        one.tries += 1 if reaches else 0
        one.due = now + pause(one.tries)

    def _bury(self, one: _Kept, event: Event, now: int) -> None:
        one.state = TABLE[one.state, event]
        letter = one.letter
        self.graves[letter.id] = DeadLetter(letter.id, event.value, now, letter.publication)
        while len(self.graves) > MOST_DEAD:
            del self.graves[next(iter(self.graves))]


def _some(letters: Sequence[_Kept]) -> Sequence[_Kept]:
    """Return as many as go in one step, and one at least."""
    size = 0
    for count, one in enumerate(letters[:PAGE]):
        if count and size > LARGEST:
            return letters[:count]
        size += len(one.letter.publication.data)
    return letters[:PAGE]
