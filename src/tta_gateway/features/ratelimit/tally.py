"""The tally: what a worker knows of all limits, in so much memory and no more.

A full bucket is forgotten as soon as somebody looks at it, a few at each look.  Where there is room
for no more keys, `algorithm.cheapest` says which goes.
"""

from collections.abc import Callable
from typing import Final

from tta_gateway.features.ratelimit.algorithm import (
    Concurrency,
    Entry,
    Measure,
    Quota,
    Rate,
    cheapest,
    measure,
    nearer,
)
from tta_gateway.features.ratelimit.bound import Limit, Overrides, changed

_DRAWN: Final = 8
_LOOKED_AT: Final = 4000  # entries of all tables in a tick: a quarter of a millisecond
_LEAST: Final = 20  # of each
_MOST_KEY: Final = 512  # characters: who makes up longer names shares what is left of them


class Table:
    """The entries of one limit."""

    __slots__ = (
        "_chance",
        "_look",
        "dry_run",
        "entries",
        "forgotten",
        "limit",
        "measure",
        "most",
        "order",
        "owing",
    )

    def __init__(self, limit: Limit, *, most: int, chance: Callable[[], float]) -> None:
        """Begin with none."""
        self.most = most
        self.entries: dict[str, Entry] = {}
        self.order: list[Entry] = []
        self.owing: list[Entry] = []
        self.forgotten = 0
        self._chance = chance
        self._look = 0
        self.limit = limit
        self.dry_run = limit.dry_run
        self.measure = _measure_of(limit)

    def take(self, limit: Limit, now: float) -> None:
        """Go by these figures from now on; what was spent stays spent."""
        before = self.measure
        self.limit = limit
        self.dry_run = limit.dry_run
        self.measure = _measure_of(limit)
        if isinstance(before, Rate) and isinstance(self.measure, Rate):
            self.measure.scale = before.scale  # its service is as ill as it was
            if before.depth != self.measure.depth:
                self._refill(self.measure, before, now)
        if isinstance(before, Quota) and isinstance(self.measure, Quota):
            self.measure.offset = before.offset
            if before.per != self.measure.per:  # windows of another length have other numbers
                self.entries, self.order, self.owing = {}, [], []

    def _refill(self, measure: Rate, before: Rate, now: float) -> None:
        """Have each bucket be as full as it was; what is only made deeper has the rest at once."""
        factor = measure.depth / before.depth
        if measure.interval == before.interval:
            factor = min(1.0, factor)
        for entry in self.order:
            measure.refill(entry, factor, now)
            self.owe(entry)

    def entry(self, key: str, now: float) -> Entry:
        """Return what is known of a key."""
        found = self.entries.get(key)
        return self._new(key, now) if found is None else found

    def _new(self, key: str, now: float) -> Entry:
        if len(key) > _MOST_KEY:
            return self.entry(key[:_MOST_KEY], now)
        if len(self.order) >= self.most:
            self._make_room(now)
        made = self.measure.entry(key)
        made.at = len(self.order)
        self.order.append(made)
        self.entries[key] = made
        return made

    def _make_room(self, now: float) -> None:
        order, count = self.order, len(self.order)
        drawn = [order[int(self._chance() * count)] for _ in range(_DRAWN)]
        one = cheapest(drawn, self.measure, now)
        if isinstance(self.measure, Concurrency) and self.measure.worth(one, now):
            return  # there are as many as connections, and none of them may be forgotten
        self.forget(one)
        self.forgotten += 1

    def forget(self, entry: Entry) -> None:
        """Forget an entry: the last one takes its place."""
        last = self.order.pop()
        if last is not entry:
            self.order[entry.at] = last
            last.at = entry.at
        self.entries.pop(entry.key, None)

    def owe(self, entry: Entry) -> None:
        """Have the others told of an entry."""
        if not entry.is_owing:
            entry.is_owing = True
            self.owing.append(entry)

    def owed(self, most: int) -> list[Entry]:
        """Return what the others are to be told of, once: so many at a time."""
        owing, self.owing = self.owing[:most], self.owing[most:]
        for entry in owing:
            entry.is_owing = False
        return owing

    def tidy(self, now: float, most: int) -> None:
        """Look at so many, and forget those of which nothing is spent."""
        order = self.order
        at = self._look if self._look < len(order) else 0
        for entry in order[at : at + most]:
            if not entry.is_owing and not self.measure.worth(entry, now):
                self.forget(entry)
        self._look = at + most


class Tally:
    """The tables of all limits, by id; one that is configured anew goes on with what was spent."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """Begin with none."""
        self.monotonic = monotonic
        self.wall = wall
        self.chance = chance
        self.tables: dict[str, Table] = {}
        self.version = 0  # another one when figures have changed
        self.overrides = Overrides()
        self._configured: dict[str, Limit] = {}

    def table(self, limit: Limit, most: int) -> Table:
        """Return the table of a limit."""
        self._configured[limit.id] = limit
        figures = self._figures(limit)
        found = self.tables.get(limit.id)
        if found is None or not _is_alike(found.limit, limit):
            found = Table(figures, most=most, chance=self.chance)
            self.tables[limit.id] = found
            self._keep_time(found)
        elif found.limit != figures:
            found.most = most
            found.take(figures, self.monotonic())
        return found

    def _figures(self, limit: Limit) -> Limit:
        override = self.overrides.limits.get(limit.handle)
        if override is not None and override.until and override.until <= self.wall():
            override = None
        return changed(limit, override)

    def override(self, overrides: Overrides) -> None:
        """Go by what somebody has said of limits, instead of what is configured."""
        self.overrides = overrides
        self._refigure()

    def _refigure(self) -> None:
        for id, table in self.tables.items():
            figures = self._figures(self._configured[id])
            if figures != table.limit:
                table.take(figures, self.monotonic())
                self.version += 1

    def retain(self, ids: frozenset[str]) -> None:
        """Forget all limits but these: they are not configured any more."""
        self.tables = {id: one for id, one in self.tables.items() if id in ids}
        self._configured = {id: one for id, one in self._configured.items() if id in ids}

    def tick(self) -> None:
        """Do what is due now and then: forget what is spent no more, and follow the clock."""
        now = self.monotonic()
        if self.overrides.limits:
            self._refigure()
        most = max(_LEAST, _LOOKED_AT // max(1, len(self.tables)))
        for table in self.tables.values():
            self._keep_time(table)
            table.tidy(now, most)

    def _keep_time(self, table: Table) -> None:
        kept = table.measure
        if isinstance(kept, Quota):
            kept.offset = self.wall() - self.monotonic()

    def adapt(self, service: str, to: float, elapsed: float) -> None:
        """Have the limits that follow a service's health move towards this share of them."""
        for table in self.tables.values():
            kept = table.measure
            if table.limit.adaptive == service and isinstance(kept, Rate):
                kept.scale = nearer(kept.scale, to, elapsed=elapsed)


def _is_alike(one: Limit, other: Limit) -> bool:
    """Tell whether what was spent of one limit means something to the other."""
    return (one.of == "concurrent", one.quota) == (other.of == "concurrent", other.quota)


def _measure_of(limit: Limit) -> Measure:
    return measure(
        amount=limit.amount,
        per=limit.per,
        burst=limit.burst,
        quota=limit.quota,
        concurrent=limit.of == "concurrent",
    )
