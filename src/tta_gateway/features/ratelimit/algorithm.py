"""Buckets, windows and seats: what is spent of a limit, and what several who count know together.

A rate is kept as GCRA: a bucket is the time `tat` at which it is full again.  What one request
costs is a step of that time, and it passes where `tat` would be at most `depth` ahead.

Several count at once and tell each other of it later.  Whatever one of them knows is a part of what
was truly spent, so that nobody is refused who keeps to the limit: two parts that have nothing in
common are added, two that may overlap are not, and the larger counts.  Therefore each entry keeps
two views: `near`, its own with what its neighbours tell, each thing once; and `far`, what the store
said last, with its own since.

Times are seconds of the machine's monotonic clock, which all its processes share.
"""

from math import ceil, floor, inf
from typing import Final, cast

_GRAIN: Final = 1e-6  # seconds: sums of times are not exact
_SILENT: Final = 5  # times that neighbours should have told of the seats that are taken there
_SEAT: Final = 1.0  # seconds after which to ask for a seat again: nobody knows when one is free
_LEAST: Final = 0.1  # of a limit is left, however ill its service is
Told = tuple[float, float, float, float]
"""What is told of an entry: of a bucket when it was spent from first, how much in all, and the last
time it was busy (from, and full again at); of a window its number and how much; of seats how many
are taken."""


class Span:
    """A time that a bucket is busy: since when, and when it would be full again."""

    __slots__ = ("begun", "tat")

    def __init__(self, begun: float = -inf, tat: float = -inf) -> None:
        """Be busy in this time; never, if nothing is said."""
        self.begun = begun
        self.tat = tat

    def spend(self, step: float, now: float) -> None:
        """Take what one request costs."""
        if self.tat <= now:
            self.begun = now
            self.tat = now + step
        else:
            self.tat += step

    def add(self, first: float, spent: float, begun: float, tat: float) -> None:
        """Add what somebody else has spent, of which nothing is known here yet.

        Of all that can be said of both together, each of which is at most what was truly spent, the
        most is taken: what drained away before either was busy again is not counted twice.
        """
        best, since = (self.tat, self.begun) if self.tat >= tat else (tat, begun)
        together = self.tat + tat - max(begun, self.begun)
        if together > best:
            best, since = together, min(begun, self.begun)
        if first >= self.begun and self.tat + spent > best:
            best, since = self.tat + spent, self.begun
        self.begun, self.tat = since, best


class Debt:
    """What was spent here and not told yet: since `first`, `spent` in all, and when last busy."""

    __slots__ = ("busy", "first", "spent")

    def __init__(self, now: float) -> None:
        """Begin with nothing."""
        self.first = now
        self.spent = 0.0
        self.busy = Span()

    def spend(self, step: float, now: float) -> None:
        """Take what one request costs."""
        self.spent += step
        self.busy.spend(step, now)

    def told(self) -> Told:
        """Return it as it is told."""
        return (self.first, self.spent, self.busy.begun, self.busy.tat)

    def followed_by(self, later: "Debt") -> None:
        """Add what was spent here after all of this."""
        self.spent += later.spent
        busy, after = self.busy, later.busy
        if busy.tat + later.spent >= after.tat:
            busy.tat += later.spent
        else:
            self.busy = after


class Entry:
    """What is known of one key: `at` is its place in its table, `is_owing` whether to tell of it.

    `nonce` names the last time that somebody has emptied it, for all who count.
    """

    __slots__ = ("at", "is_owing", "is_stale", "key", "name", "nonce")

    def __init__(self, key: str) -> None:
        """Begin with nothing spent."""
        self.key = key
        self.at = 0
        self.is_owing = False
        self.is_stale = False  # the store may not know all of it, and nobody knows what it knows
        self.name = b""  # what the store calls it, once it was asked
        self.nonce = b""


class Bucket(Entry):
    """What is spent of a rate."""

    __slots__ = ("far", "near", "own", "pending")

    def __init__(self, key: str) -> None:
        """Begin full."""
        super().__init__(key)
        self.near = Span()
        self.far = Span()
        self.own: Debt | None = None
        self.pending: Debt | None = None


class Window(Entry):
    """What is spent of a quota in the window with this number."""

    __slots__ = ("far", "near", "number", "own", "pending")

    def __init__(self, key: str) -> None:
        """Begin with nothing."""
        super().__init__(key)
        self.number = -1
        self.near = self.far = self.own = self.pending = 0


class Seats(Entry):
    """How many are taken at the moment: here, and by each neighbour."""

    __slots__ = ("by", "held", "others", "silent")

    def __init__(self, key: str) -> None:
        """Begin with none taken."""
        super().__init__(key)
        self.held = 0
        self.others = 0
        self.by: dict[int, int] = {}
        self.silent: dict[int, int] = {}


class Measure:
    """How a limit is measured.  One base for three kinds: bench/ratelimit.py, a call by its class.

    `amount` in `per` seconds is what the limit says; `most` is the dearest single request of it.
    """

    __slots__ = ("amount", "burst", "per")

    def __init__(self, amount: int, per: float, burst: int) -> None:
        """Measure by these figures."""
        self.amount = amount
        self.per = per
        self.burst = burst

    def entry(self, key: str) -> Entry:
        """Return what is known of a key of which nothing is known."""
        raise NotImplementedError

    def wait(self, entry: Entry, cost: int, now: float) -> float:
        """Return the seconds until a request of this cost may pass: 0 is now.  Nothing is taken."""
        raise NotImplementedError

    def spend(self, entry: Entry, cost: int, now: float) -> None:
        """Take what a request costs."""
        raise NotImplementedError

    def passed(self, entry: Entry, cost: int, now: float) -> None:
        """Take note that a request has passed of which the store knows: the view from far has it.

        Neighbours hear of it by way of the store too.
        """
        raise NotImplementedError

    def left(self, entry: Entry, now: float) -> int:
        """Return how much may pass at once."""
        raise NotImplementedError

    def until(self, entry: Entry, now: float) -> float:
        """Return the seconds until all of it is there again."""
        raise NotImplementedError

    def worth(self, entry: Entry, now: float) -> float:
        """Return how much would be forgotten with an entry: nothing if 0."""
        raise NotImplementedError

    def tell(self, entry: Entry) -> Told:
        """Return what the neighbours have not been told; from now on they have been."""
        raise NotImplementedError

    def hear(self, entry: Entry, told: Told, by: int) -> None:
        """Take what a neighbour tells, who is known by this number."""
        raise NotImplementedError

    def settled(self, entry: Entry, since: float, full: float, *, anew: bool) -> None:
        """Take what the store says of all, without what it was not told yet.

        `anew`: somebody has emptied it since: what was known before is over.
        """
        raise NotImplementedError

    def ask(self, entry: Entry) -> Told | None:
        """Return what to tell the store; None: that what is known near here is true at least.

        What is returned is taken for told.
        """
        raise NotImplementedError

    def known(self, entry: Entry) -> tuple[float, float]:
        """Return what is known near here, as `settled` takes it.

        It is without what is still to be told: that comes later, and would count twice.
        """
        raise NotImplementedError

    def doubt(self, entry: Entry) -> None:
        """Forget what the store was to be told: nobody knows what it has taken of it."""
        raise NotImplementedError


class Rate(Measure):
    """So many in a time, so many at once; `scale` is the share of it that there is at the moment.

    While its service is ill, a request simply costs more.
    """

    __slots__ = ("depth", "interval", "scale")

    def __init__(self, amount: int, per: float, burst: int) -> None:
        """Measure by these figures."""
        super().__init__(amount, per, burst)
        self.interval = per / amount
        self.depth = self.interval * burst
        self.scale = 1.0

    def entry(self, key: str) -> Entry:
        """Return a full bucket."""
        return Bucket(key)

    def refill(self, entry: Entry, factor: float, now: float) -> None:
        """Have a bucket of another depth, by this factor, be of this one: as full as it was.

        The store keeps it elsewhere from now on, and is told what is known here.
        """
        bucket = cast("Bucket", entry)
        for span in (bucket.near, bucket.far):
            if span.tat > now:
                span.begun = now
                span.tat = now + factor * (span.tat - now)
        if bucket.far.tat > bucket.near.tat:
            bucket.near = Span(now, bucket.far.tat)
        bucket.own = None
        self.doubt(bucket)

    def step(self, cost: int) -> float:
        """Return how many seconds of the bucket a request takes; never more than it holds."""
        step = self.interval * cost
        if self.scale < 1.0:
            step /= self.scale
        return min(step, self.depth)

    def wait(self, entry: Entry, cost: int, now: float) -> float:
        """Return the seconds until a request may pass."""
        bucket = cast("Bucket", entry)
        tat = bucket.near.tat
        far = bucket.far.tat
        if far > tat:
            tat = far
        if now > tat:
            tat = now
        over = tat + self.step(cost) - now - self.depth
        return over if over > _GRAIN else 0.0

    def spend(self, entry: Entry, cost: int, now: float) -> None:
        """Take what a request costs."""
        bucket = cast("Bucket", entry)
        step = self.step(cost)
        bucket.near.spend(step, now)
        bucket.far.spend(step, now)
        own = bucket.own
        if own is None:
            own = bucket.own = Debt(now)
        own.spend(step, now)

    def passed(self, entry: Entry, cost: int, now: float) -> None:
        """Take note of what the store knows already."""
        cast("Bucket", entry).near.spend(self.step(cost), now)

    def left(self, entry: Entry, now: float) -> int:
        """Return how many of the cheapest may pass at once."""
        room = self.depth - self.until(entry, now)
        return max(0, floor((room + _GRAIN) / self.step(1)))

    def until(self, entry: Entry, now: float) -> float:
        """Return the seconds until the bucket is full."""
        # Without max(), which takes objects: bench/ratelimit.py.
        bucket = cast("Bucket", entry)
        tat = bucket.near.tat
        far = bucket.far.tat
        if far > tat:
            tat = far
        return tat - now if tat > now else 0.0

    def worth(self, entry: Entry, now: float) -> float:
        """Return how much is spent of it."""
        return self.until(entry, now)

    def tell(self, entry: Entry) -> Told:
        """Return what was spent since this was asked last, and keep it for the store."""
        bucket = cast("Bucket", entry)
        own, pending = bucket.own, bucket.pending
        if own is None:
            return (0.0, 0.0, -inf, -inf)
        bucket.own = None
        told = own.told()
        if pending is None:
            bucket.pending = own
        else:
            pending.followed_by(own)
        return told

    def hear(self, entry: Entry, told: Told, by: int) -> None:  # noqa: ARG002 - of seats
        """Add what a neighbour has spent."""
        cast("Bucket", entry).near.add(told[0], told[1], told[2], told[3])

    def settled(self, entry: Entry, since: float, full: float, *, anew: bool) -> None:
        """Take what all have spent, by what the store says."""
        bucket = cast("Bucket", entry)
        span = Span(since, full)
        for debt in (bucket.pending, bucket.own):
            if debt is not None:
                span.add(debt.first, debt.spent, debt.busy.begun, debt.busy.tat)
        if anew:
            bucket.near = Span(span.begun, span.tat)
            bucket.far = span
        elif span.tat > bucket.far.tat:
            bucket.far = span

    def ask(self, entry: Entry) -> Told | None:
        """Return what the store was not told yet."""
        bucket = cast("Bucket", entry)
        if bucket.is_stale:
            bucket.pending = None
            return None
        pending = bucket.pending
        bucket.pending = None
        return (0.0, 0.0, -inf, -inf) if pending is None else pending.told()

    def known(self, entry: Entry) -> tuple[float, float]:
        """Return since when it is busy by what is known near here, and until when."""
        bucket = cast("Bucket", entry)
        near, own = bucket.near, bucket.own
        if own is None:
            return near.begun, near.tat
        return near.begun, max(near.begun, near.tat - own.spent)

    def doubt(self, entry: Entry) -> None:
        """Have the store told of what is known near here, instead of what was spent."""
        entry.is_stale = True
        cast("Bucket", entry).pending = None


class Quota(Measure):
    """So many in each window of the clock; `offset` is how far the epoch is from its own clock.

    Windows are fixed: who asks no more than the quota in any of them is never refused, what several
    count is simply added, and everybody can be told when the next begins.  Around that moment twice
    the quota may pass; a rate beside it is what bounds that.
    """

    __slots__ = ("offset",)

    def __init__(self, amount: int, per: float, burst: int) -> None:
        """Measure by these figures."""
        super().__init__(amount, per, burst)
        self.offset = 0.0

    def entry(self, key: str) -> Entry:
        """Return a window that is over."""
        return Window(key)

    def number(self, now: float) -> int:
        """Return the number of the window that there is now."""
        return floor((now + self.offset) / self.per)

    def _turn(self, window: Window, now: float) -> None:
        """Begin a new window where the last one is over.

        A clock that is set back begins none, unless it had been far ahead: nobody waits for what it
        said then.
        """
        number = self.number(now)
        if number > window.number or number < window.number - 1:
            window.number = number
            window.near = window.far = window.own = window.pending = 0

    def wait(self, entry: Entry, cost: int, now: float) -> float:
        """Return the seconds until the next window, where this one has no room."""
        window = cast("Window", entry)
        self._turn(window, now)
        used = max(window.near, window.far)
        return 0.0 if used + cost <= self.amount else self._ends(window, now)

    def _ends(self, window: Window, now: float) -> float:
        return max(_GRAIN, (window.number + 1) * self.per - (now + self.offset))

    def spend(self, entry: Entry, cost: int, now: float) -> None:
        """Count."""
        window = cast("Window", entry)
        self._turn(window, now)
        window.near += cost
        window.far += cost
        window.own += cost

    def passed(self, entry: Entry, cost: int, now: float) -> None:
        """Count what the store has counted already."""
        window = cast("Window", entry)
        self._turn(window, now)
        window.near += cost

    def left(self, entry: Entry, now: float) -> int:
        """Return what is left of this window's."""
        window = cast("Window", entry)
        self._turn(window, now)
        return max(0, self.amount - max(window.near, window.far))

    def until(self, entry: Entry, now: float) -> float:
        """Return the seconds until the window ends."""
        window = cast("Window", entry)
        self._turn(window, now)
        return self._ends(window, now)

    def worth(self, entry: Entry, now: float) -> float:
        """Return how much of the window is spent."""
        window = cast("Window", entry)
        if self.number(now) > window.number:
            return 0.0
        return float(max(window.near, window.far))

    def tell(self, entry: Entry) -> Told:
        """Return what was counted since this was asked last, and keep it for the store."""
        window = cast("Window", entry)
        own, window.own = window.own, 0
        window.pending += own
        return (float(window.number), float(own), 0.0, 0.0)

    def hear(self, entry: Entry, told: Told, by: int) -> None:  # noqa: ARG002 - of seats
        """Add what a neighbour has counted, in the same window or one that begins there."""
        window = cast("Window", entry)
        if told[0] > window.number:
            window.number = int(told[0])
            window.near = window.far = window.own = window.pending = 0
        if told[0] == window.number:
            window.near += int(told[1])

    def settled(self, entry: Entry, since: float, full: float, *, anew: bool) -> None:
        """Take what all have counted in a window, by what the store says."""
        window = cast("Window", entry)
        if since != window.number:
            return
        used = int(full) + window.pending + window.own
        if anew:
            window.near = window.far = used
        elif used > window.far:
            window.far = used

    def ask(self, entry: Entry) -> Told | None:
        """Return what the store was not told yet."""
        window = cast("Window", entry)
        pending, window.pending = window.pending, 0
        return None if window.is_stale else (float(window.number), float(pending), 0.0, 0.0)

    def known(self, entry: Entry) -> tuple[float, float]:
        """Return the window, and what is counted in it by what is known near here."""
        window = cast("Window", entry)
        return float(window.number), float(window.near - window.own)

    def doubt(self, entry: Entry) -> None:
        """Have the store told of what is known near here, instead of what was counted."""
        entry.is_stale = True
        cast("Window", entry).pending = 0


class Concurrency(Measure):
    """So many at the same time, on one node: whoever has gone with its worker counts no more."""

    __slots__ = ()

    def entry(self, key: str) -> Entry:
        """Return seats of which none is taken."""
        return Seats(key)

    def wait(self, entry: Entry, cost: int, now: float) -> float:  # noqa: ARG002 - no time
        """Return 0 while there is a seat."""
        seats = cast("Seats", entry)
        return 0.0 if seats.held + seats.others + cost <= self.amount else _SEAT

    def spend(self, entry: Entry, cost: int, now: float) -> None:  # noqa: ARG002 - no time
        """Take a seat."""
        cast("Seats", entry).held += cost

    def passed(self, entry: Entry, cost: int, now: float) -> None:
        """Take a seat: of these the store knows nothing."""
        self.spend(entry, cost, now)

    def free(self, entry: Entry, cost: int) -> None:
        """Give a seat back."""
        cast("Seats", entry).held -= cost

    def left(self, entry: Entry, now: float) -> int:  # noqa: ARG002 - no time
        """Return how many seats are free."""
        seats = cast("Seats", entry)
        return max(0, self.amount - seats.held - seats.others)

    def until(self, entry: Entry, now: float) -> float:  # noqa: ARG002 - no time
        """Return 0: nobody knows."""
        return 0.0

    def worth(self, entry: Entry, now: float) -> float:  # noqa: ARG002 - no time
        """Return that nothing may be forgotten of seats that are taken."""
        seats = cast("Seats", entry)
        return inf if seats.held or seats.others else 0.0

    def tell(self, entry: Entry) -> Told:
        """Return how many are taken here."""
        return (float(cast("Seats", entry).held), 0.0, 0.0, 0.0)

    def hear(self, entry: Entry, told: Told, by: int) -> None:
        """Take note how many a neighbour has taken: as it is now, not what has been added."""
        seats = cast("Seats", entry)
        if told[0]:
            seats.by[by] = int(told[0])
            seats.silent[by] = 0
        else:
            seats.by.pop(by, None)
        seats.others = sum(seats.by.values())

    def miss(self, entry: Entry) -> None:
        """Take note that neighbours should have told by now what is taken there.

        What they have told of seats that are free again may have been lost: whoever says nothing
        for long has taken none.
        """
        seats = cast("Seats", entry)
        for by in list(seats.by):
            seats.silent[by] += 1
            if seats.silent[by] > _SILENT:
                del seats.by[by]
        seats.others = sum(seats.by.values())

    def settled(self, entry: Entry, since: float, full: float, *, anew: bool) -> None:
        """Do nothing: the store is not asked."""

    def ask(self, entry: Entry) -> Told | None:  # noqa: ARG002 - likewise
        """Return that there is nothing to tell the store."""
        return None

    def known(self, entry: Entry) -> tuple[float, float]:  # noqa: ARG002 - likewise
        """Return nothing: likewise."""
        return 0.0, 0.0

    def doubt(self, entry: Entry) -> None:
        """Do nothing: likewise."""


def measure(*, amount: int, per: float, burst: int, quota: bool, concurrent: bool) -> Measure:
    """Return how a limit of these figures is measured."""
    if concurrent:
        return Concurrency(amount, per, burst)
    return Quota(amount, per, burst) if quota else Rate(amount, per, burst)


def cheapest(entries: list[Entry], by: Measure, now: float) -> Entry:
    """Return the one of some entries with which the least would be forgotten.

    Where there is room for no more keys, one of a few is forgotten that are drawn by chance.  So
    whoever wants a bucket forgotten that he has emptied must spend as much under most of all other
    keys: that costs more than it gives.
    """
    found = entries[0]
    least = by.worth(found, now)
    for entry in entries[1:]:
        worth = by.worth(entry, now)
        if worth < least:
            found, least = entry, worth
    return found


def retry_after(wait: float, chance: float) -> int:
    """Return the whole seconds after which to come back: never too early, and not all at once.

    What is added grows with the wait, a quarter of it at most, and a second where it is short.
    """
    return max(1, ceil(wait + chance * max(1.0, 0.25 * wait) - _GRAIN))


def health(share: float, failing: float) -> float:
    """Return how much of a limit there should be; it never becomes nothing.

    `share` of the service's endpoints is up, and such a share of its answers is `failing`.
    """
    return max(_LEAST, min(1.0, share) * (1.0 - min(1.0, max(0.0, failing))))


def nearer(scale: float, to: float, *, elapsed: float) -> float:
    """Return a scale that has moved smoothly to another: down in seconds, up in half a minute."""
    within = 3.0 if to < scale else 30.0
    moved = scale + (to - scale) * min(1.0, elapsed / within)
    return to if abs(to - moved) < 0.001 else moved
