"""What the guard is told of somebody in need, and what becomes of what they wrote.

Of one person at most so many texts are kept as evidence in a day; what they write beyond that is
reported, and counted, without its words.  Whoever shows a token that has expired is told of once an
hour, as somebody who may be another.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from tta_gateway.features.safety.body import Body
from tta_gateway.features.safety.looking import NOTHING, Judge, look
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.incident import Identity, Report, Reports, Source
from tta_gateway.kernel.verdict import HIGH, Verdict

KEPT: Final = 20
"""texts of one person in a day"""
DAY: Final = 24 * 3600.0
AGAIN: Final = 3600.0
"""Seconds in which nobody whose token has expired is told of again."""
EVIDENCE: Final = 16 * 1024
"""Characters of a text that are kept."""
_PEOPLE: Final = 10_000


class Accounts:
    """Tells the guard; what it remembers of people is this worker's alone.

    `pseudonym` stands for a network where nobody knows who asks, `wall` tells seconds of the epoch,
    and `fresh` gives ids that nobody else has.
    """

    def __init__(
        self,
        reports: Reports,
        *,
        wall: Callable[[], float],
        fresh: Callable[[], str],
        pseudonym: Callable[[str], str],
    ) -> None:
        """Tell by way of these."""
        self._reports = reports
        self._wall = wall
        self._fresh = fresh
        self._pseudonym = pseudonym
        self._kept: OrderedDict[str, tuple[float, int]] = OrderedDict()  # since when, how many
        self._told: OrderedDict[str, float] = OrderedDict()  # of those whose token has expired

    def person(self, exchange: Exchange) -> tuple[str, Identity]:
        """Return who is in need, and how well that is known."""
        if exchange.principal is not None:
            return exchange.principal.key, "verified"
        if exchange.lapsed is not None:
            return exchange.lapsed.key, "unverified"
        return self._pseudonym(exchange.client), "unknown"

    async def tell(
        self,
        exchange: Exchange,
        found: Verdict,
        text: str,
        *,
        delivered: bool,
        source: Source = "request",
    ) -> Fate:
        """Tell it, and return what has become of the text once that is durable; else nothing."""
        person, identity = self.person(exchange)
        keeps = self._keeps(person)
        route = exchange.plan.route
        report = Report(
            id=self._fresh(),
            at=self._wall(),
            person=person,
            identity=identity,
            level=min(found.level, HIGH) if identity == "unverified" else found.level,
            categories=found.categories,
            rules=found.rules,
            version=found.version,
            source=source,
            route="" if route is None else route.name,
            service=exchange.service or ("" if route is None else route.service),
            correlation=exchange.request_id.decode("latin-1"),
            delivered=delivered,
        )
        if not await self._reports.put(report, text[:EVIDENCE] if keeps else ""):
            return ""
        if not keeps:
            return "counted"
        self._keep(person)
        return "kept"

    async def tell_of_lapsed(self, exchange: Exchange, found: Verdict, text: str) -> Fate:
        """Tell of somebody whose token has expired, at most once an hour."""
        person, _ = self.person(exchange)
        now = self._wall()
        if now - self._told.get(person, now - AGAIN) < AGAIN:
            return ""
        self._told[person] = now
        self._told.move_to_end(person)
        if len(self._told) > _PEOPLE:
            self._told.popitem(last=False)
        fate: Fate = ""
        try:
            fate = await self.tell(exchange, found, text, delivered=False)
        finally:
            if not fate:
                self._told.pop(person, None)  # another try may be
        return fate

    def _keeps(self, person: str) -> bool:
        since, kept = self._kept.get(person, (0.0, 0))
        return kept < KEPT or self._wall() - since >= DAY

    def _keep(self, person: str) -> None:
        now = self._wall()
        since, kept = self._kept.get(person, (now, 0))
        self._kept[person] = (now, 1) if now - since >= DAY else (since, kept + 1)
        self._kept.move_to_end(person)
        if len(self._kept) > _PEOPLE:
            self._kept.popitem(last=False)


class Refused:
    """What the crisis lane asks of a request that was refused, and tells (kernel/crisis.py)."""

    def __init__(self, accounts: Accounts, judge: Judge) -> None:
        """Ask this judge."""
        self._accounts = accounts
        self._judge = judge

    def look(self, exchange: Exchange, body: bytes) -> Iterator[bool]:
        """Yield whether somebody is in a crisis, as far as has been looked."""
        found = NOTHING
        for found in look(self._judge, _text_of(exchange, body)):
            yield found.level >= HIGH
        if found.level:
            exchange.safety = found

    async def open(self, exchange: Exchange, body: bytes) -> Fate:
        """Tell of it; where nobody is let in, only if the token shows who that may be."""
        found = exchange.safety or NOTHING
        text = _text_of(exchange, body)
        if exchange.lapsed is not None:
            return await self._accounts.tell_of_lapsed(exchange, found, text)
        return await self._accounts.tell(exchange, found, text, delivered=False)


def body_of(exchange: Exchange) -> Body:
    """Return what keeps the body of a request."""
    request = exchange.request
    kind, coding = request.get(b"content-type"), request.get(b"content-encoding")
    return Body(kind or b"", coding or b"")


def _text_of(exchange: Exchange, body: bytes) -> str:
    read = body_of(exchange)
    read.take(body)
    return "\n".join(filter(None, (read.head(), read.tail())))
