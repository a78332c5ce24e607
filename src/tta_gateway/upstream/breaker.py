"""The circuit breaker of a route: a service that mostly fails is not asked for a while (R1.3).

closed     every request is let through, and how it ended counts in a rolling window
open       none is, until its time is over
half open  one at a time is: its failure opens the breaker again, for twice as long
ramp       a growing share is, so that a service that has just come back is not buried

It trips when enough requests ended in the window and a share of them failed, when too many of them
were slow (a quantile of the times is over a limit just if more than the rest of them are, so that
counting those does for a histogram), or after failures in a row.  Whoever is let through gets a
ticket; how it ends counts once, and only in the state that it began in.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from math import ceil
from typing import Final

from tta_gateway.kernel.events import BreakerState
from tta_gateway.kernel.route import Breaker as Settings

_BUCKETS: Final = 10  # of a window
_FIRST_SHARE: Final = 0.1  # of the requests, when the ramp begins
_LEAST_IN_RAMP: Final = 5  # requests: what has just come back is judged sooner
_SAME: Final = 0.5  # seconds between two moments that are one, told twice
_ROUNDING: Final = 1.0e-6
_NEVER: Final = -1.0e9
Chance = Callable[[], float]


class State(Enum):
    """What a breaker does with requests."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    RAMP = "ramp"


class Event(Enum):
    """What moves it; TOLD: another worker's breaker has opened."""

    TRIPPED = "tripped"
    TOLD = "told"
    COOLED = "cooled"
    PROBE_PASSED = "probe_passed"
    PROBE_FAILED = "probe_failed"
    RAMPED = "ramped"


NEXT: Final[Mapping[tuple[State, Event], State]] = {
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.CLOSED, Event.TOLD): State.OPEN,
    (State.OPEN, Event.TOLD): State.OPEN,
    (State.OPEN, Event.COOLED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.TOLD): State.OPEN,
    (State.HALF_OPEN, Event.PROBE_PASSED): State.RAMP,
    (State.HALF_OPEN, Event.PROBE_FAILED): State.OPEN,
    (State.RAMP, Event.TRIPPED): State.OPEN,
    (State.RAMP, Event.TOLD): State.OPEN,
    (State.RAMP, Event.RAMPED): State.CLOSED,
}

_TOLD: Final[Mapping[State, BreakerState]] = {
    State.CLOSED: "closed",
    State.OPEN: "open",
    State.HALF_OPEN: "half_open",
    State.RAMP: "ramp",
}


class Change:
    """A breaker is in another state; `until` says when it opens to a probe, 0 if it is not open."""

    __slots__ = ("cause", "route", "state", "until")

    def __init__(self, route: str, state: BreakerState, cause: str, until: float) -> None:
        """Keep what there is to say."""
        self.route = route
        self.state: BreakerState = state
        self.cause = cause
        self.until = until


class Window:
    """How requests ended of late; to add one costs the same, however many there are."""

    __slots__ = ("_asked", "_at", "_failed", "_slow", "_width", "asked", "failed", "slow")

    def __init__(self, seconds: float) -> None:
        """Begin with none."""
        self._width = seconds / _BUCKETS
        self._at = 0  # the bucket that is being filled, counted from the beginning of time
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.asked = 0
        self.failed = 0
        self.slow = 0
        self._asked = [0] * _BUCKETS
        self._failed = [0] * _BUCKETS
        self._slow = [0] * _BUCKETS

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count a request that has ended."""
        self.look(now)
        place = self._at % _BUCKETS
        self._asked[place] += 1
        self.asked += 1
        if failed:
            self._failed[place] += 1
            self.failed += 1
        if slow:
            self._slow[place] += 1
            self.slow += 1

    def look(self, now: float) -> None:
        """Forget what is too old by now."""
        at = int(now / self._width)
        if at <= self._at:
            return
        for number in range(max(self._at + 1, at - _BUCKETS + 1), at + 1):
            place = number % _BUCKETS
            self.asked -= self._asked[place]
            self.failed -= self._failed[place]
            self.slow -= self._slow[place]
            self._asked[place] = self._failed[place] = self._slow[place] = 0
        self._at = at


class Breaker:
    """One route's, as one worker sees its service; times are monotonic, in seconds."""

    __slots__ = (
        "_in_a_row",
        "_probe_until",
        "_since",
        "_slow",
        "_times",
        "changes",
        "is_closed",
        "patience",
        "route",
        "settings",
        "state",
        "ticket",
        "until",
        "window",
    )

    def __init__(
        self, route: str, settings: Settings, *, patience: float, changes: list[Change]
    ) -> None:
        """Begin closed.

        A probe that has not come back after `patience` is lost; `changes` takes what there is to
        tell.
        """
        self.route = route
        self.changes = changes
        self.state = State.CLOSED
        self.is_closed = True
        self.ticket = 1
        self.until = _NEVER
        self._since = _NEVER
        self._probe_until = _NEVER
        self._times = 0  # in a row that it has opened
        self._in_a_row = 0
        self.adopt(settings, patience=patience)

    def adopt(self, settings: Settings, *, patience: float) -> None:
        """Decide by these settings from now on."""
        self.settings = settings
        self.patience = patience
        self.window = Window(settings.window)
        self._slow = settings.slow

    # Before a request

    def admit(self, now: float, chance: Chance) -> int:
        """Return a ticket for one request; 0 says that it is refused."""
        state = self.tick(now)
        if state is State.CLOSED:
            return self.ticket
        if state is State.OPEN:
            return 0
        if state is State.RAMP:
            return self.ticket if chance() < self.share(now) else 0
        if now < self._probe_until:
            return 0
        self._probe_until = now + self.patience
        self.ticket += 1  # whatever comes of a lost probe now says nothing any more
        return self.ticket

    def would_admit(self, now: float, chance: Chance) -> bool:
        """Tell whether one request would be let through now; it takes nothing, but draws its lot.

        Who is let through by the ramp need not draw again: the ticket is everybody's there.
        """
        state = self.tick(now)
        if state is State.RAMP:
            return chance() < self.share(now)
        return state is State.CLOSED or (state is State.HALF_OPEN and now >= self._probe_until)

    def goes_on(self, ticket: int) -> bool:
        """Tell whether one that was let through may be sent once more."""
        return ticket == self.ticket

    def wait(self, now: float) -> int:
        """Return after how many seconds one that is refused may come again, never too early."""
        return max(1, ceil(self.until - now)) if self.state is State.OPEN else 1

    def share(self, now: float) -> float:
        """Return the share of requests that the ramp lets through by now."""
        ramp = self.settings.ramp
        return 1.0 if now - self._since >= ramp else max(_FIRST_SHARE, (now - self._since) / ramp)

    # Behind it

    def record(self, ticket: int, *, failed: bool, elapsed: float, now: float) -> None:
        """Count how a request has ended; `elapsed` below 0 says that its time tells nothing."""
        if ticket != self.ticket:
            return
        slow = 0.0 < self._slow < elapsed
        if not self.is_closed and self.state is not State.RAMP:
            self._probed(now, well=not failed and not slow)
            return
        self.window.add(now, failed=failed, slow=slow)
        if not failed:
            self._in_a_row = 0
        else:
            self._in_a_row += 1
        if failed or slow:
            self._judge(now)

    def release(self, ticket: int, *, elapsed: float, now: float) -> None:
        """Take back a ticket of which nothing came that tells of the service.

        Whoever waited in vain for longer than is `slow` tells that it is.
        """
        if 0.0 < self._slow < elapsed:
            self.record(ticket, failed=False, elapsed=elapsed, now=now)
        elif ticket == self.ticket and self.state is State.HALF_OPEN:
            self._probe_until = now

    def _probed(self, now: float, *, well: bool) -> None:
        if self.state is not State.HALF_OPEN:
            return  # it is open, and nobody has a ticket
        if well:
            self._move(Event.PROBE_PASSED, now, "the probe was answered")
            self.tick(now)
        else:
            self._open(Event.PROBE_FAILED, now, "the probe failed")

    def _judge(self, now: float) -> None:
        settings, window = self.settings, self.window
        least = settings.least if self.is_closed else min(_LEAST_IN_RAMP, settings.least)
        if 0 < settings.failures <= self._in_a_row:
            self._open(Event.TRIPPED, now, f"{self._in_a_row} in a row failed")
        elif window.asked < least:
            return
        elif window.failed >= settings.ratio * window.asked:
            self._open(Event.TRIPPED, now, f"{window.failed} of {window.asked} failed")
        elif window.slow > (1.0 - settings.quantile) * window.asked + _ROUNDING:
            cause = f"{window.slow} of {window.asked} took longer than {settings.slow:g} s"
            self._open(Event.TRIPPED, now, cause)

    # Moving

    def tick(self, now: float) -> State:
        """Do what time alone does; return the state."""
        if self.state is State.OPEN and self.until <= now:
            self._move(Event.COOLED, now, "its time is over")
            self._probe_until = now
        elif self.state is State.RAMP and now - self._since >= self.settings.ramp:
            self._times = 0
            self._move(Event.RAMPED, now, "the service keeps up")
        return self.state

    def told(self, until: float, now: float) -> None:
        """Open too, until then, because another worker's has."""
        if until <= now or until <= self.until + _SAME:
            return
        self.until = until
        self._move(Event.TOLD, now, "another worker has opened its own")

    def _open(self, event: Event, now: float, cause: str) -> None:
        settings = self.settings
        longest = max(settings.open, settings.longest)
        lasts = min(longest, settings.open * 2.0 ** min(self._times, 30))
        self._times += 1
        self.until = now + lasts
        self._move(event, now, f"{cause}; for {lasts:g} s")

    def _move(self, event: Event, now: float, cause: str) -> None:
        self.state = NEXT[self.state, event]
        self.is_closed = self.state is State.CLOSED
        self.ticket += 1
        self._since = now
        self._in_a_row = 0
        self.window.clear()
        until = self.until if self.state is State.OPEN else 0.0
        self.changes.append(Change(self.route, _TOLD[self.state], cause, until))

    def __repr__(self) -> str:
        """Say what an operator wants to know."""
        failed = f"{self.window.failed} of {self.window.asked} failed"
        return f"<breaker of {self.route}: {self.state.value}, {failed}>"
