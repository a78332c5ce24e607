"""What the guard is told of somebody in need, and what becomes of what they wrote.

Of what a service has, so many texts of one person are kept as evidence in a day, more of higher
levels; of what no service has, so many bytes, whatever else is kept.  What they write beyond that
is reported, and counted, without its words.  Whoever shows a token that has expired is told of once
an hour by this worker, as somebody who may be another.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec.structs import replace

from tta_gateway.features.safety.body import Body
from tta_gateway.features.safety.looking import NOTHING, Judge, search
from tta_gateway.features.safety.said import Said
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.drill import MARK
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.incident import Identity, Report, Reports, Source, mark_of
from tta_gateway.kernel.verdict import HIGH, IMMINENT, Verdict

KEPT: Final = 20
"""Texts of one person in a day that services have, for each level: of level 1 so many, of
level 2 twice and of level 3 three times as many, so that lower ones never take all places."""
PROMISED: Final = 1024 * 1024
"""Bytes of one person in a day that no service has; at level 3 half as many again."""
_EACH: Final = 1024  # bytes that a text counts beyond its own
DAY: Final = 24 * 3600.0
AGAIN: Final = 3600.0
"""Seconds in which nobody whose token has expired is told of again."""
EVIDENCE: Final = 16 * 1024
"""Characters that are kept of a text that its service has, around what was found."""
REFUSED: Final = 16 * 1024
"""Characters of a refused message that are looked at: as much as the lane takes of one."""
_PEOPLE: Final = 10_000
Weigh: TypeAlias = Callable[[Exchange, Verdict, str], Verdict]
"""Returns what is found in a text comes to, with what its writer has said before."""


class _Spent:
    """What is kept of one person since the day began for them."""

    __slots__ = ("promised", "since", "texts")

    def __init__(self, since: float) -> None:
        self.since = since
        self.texts = self.promised = 0


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
        self._kept: OrderedDict[str, _Spent] = OrderedDict()
        self._told: OrderedDict[str, float] = OrderedDict()  # of those whose token has expired

    def person(self, exchange: Exchange) -> tuple[str, Identity]:
        """Return who is in need, and how well that is known."""
        if exchange.drill is not None:
            return exchange.drill.person, "verified"
        if exchange.principal is not None:
            return exchange.principal.key, "verified"
        if exchange.lapsed is not None:
            return exchange.lapsed.key, "unverified"
        return self._pseudonym(exchange.client), "unknown"

    async def tell(
        self,
        exchange: Exchange,
        found: Verdict,
        text: Said,
        *,
        delivered: bool,
        source: Source = "request",
    ) -> Fate:
        """Tell it, and return what has become of the text once that is durable; else nothing."""
        report = self._report(exchange, found, text, delivered=delivered, source=source)
        kept = text.around(EVIDENCE) if delivered or source == "reply" else text.whole()
        drill = exchange.drill
        if drill is not None:
            kept, report = f"{MARK}{kept}", replace(report, id=drill.report, source="drill")
        spent = self._spent(report.person)
        texts, promised = _cost(report, kept)
        if not _has_room(spent, report.level, texts, promised):
            kept, texts, promised = "", 0, 0
        spent.texts += texts
        spent.promised += promised
        durable = False
        try:
            durable = await self._reports.put(report, kept)
        finally:
            if not durable:
                spent.texts -= texts
                spent.promised -= promised
        if not durable:
            return ""
        text.report = text.report or report.id
        if drill is not None:
            drill.kept()
        return "kept" if kept else "counted"

    def _report(
        self, exchange: Exchange, found: Verdict, text: Said, *, delivered: bool, source: Source
    ) -> Report:
        person, identity = self.person(exchange)
        route = exchange.plan.route
        return Report(
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
            conversation=mark_in(exchange, person) if identity == "unknown" else "",
            amends=text.report,
        )

    async def tell_of_lapsed(self, exchange: Exchange, found: Verdict, text: Said) -> Fate:
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

    def _spent(self, person: str) -> _Spent:
        now = self._wall()
        spent = self._kept.get(person)
        if spent is None or now - spent.since >= DAY:
            spent = self._kept[person] = _Spent(now)
        self._kept.move_to_end(person)
        if len(self._kept) > _PEOPLE:
            self._kept.popitem(last=False)
        return spent


def mark_in(exchange: Exchange, network: str) -> str:
    """Return what tells a client of a network from others there, nothing where nothing does.

    A proxy of the operator's speaks for many through one connection.
    """
    peer = exchange.peer
    if peer.trusted or peer.address != exchange.client:
        return mark_of(network, exchange.key.hex()) if exchange.key else ""
    return mark_of(network, f"{peer.address} {peer.port}")


def _cost(report: Report, text: str) -> tuple[int, int]:
    """Return how many texts that services have it takes the place of, and how many bytes."""
    if not text:
        return 0, 0
    if report.delivered or report.source == "reply":
        return 1, 0
    return 0, _EACH + len(text.encode(errors="replace"))


def _has_room(spent: _Spent, level: int, texts: int, promised: int) -> bool:
    """Tell whether so much more is kept; each level has places that lower ones cannot take."""
    if texts:
        return spent.texts + texts <= KEPT * level
    most = PROMISED + (PROMISED // 2 if level >= IMMINENT else 0)
    return spent.promised + promised <= most


def as_it_is(_: Exchange, found: Verdict, __: str) -> Verdict:
    """Take what is found by itself."""
    return found


class Refused:
    """What the crisis lane asks of a request that was refused, and tells (kernel/crisis.py)."""

    def __init__(self, accounts: Accounts, judge: Judge) -> None:
        """Ask this judge."""
        self._accounts = accounts
        self._judge = judge
        self.weigh: Weigh = as_it_is

    def look(self, exchange: Exchange, body: bytes) -> Iterator[bool]:
        """Yield whether somebody is in a crisis, as far as has been looked."""
        for found, _ in search(self._judge, _text_of(exchange, body)):
            if found.level:
                exchange.safety = found
            yield found.level >= HIGH

    async def open(self, exchange: Exchange, body: bytes) -> Fate:
        """Tell of it; where nobody is let in, only if the token shows who that may be."""
        text = Said(_text_of(exchange, body))
        found = exchange.safety or NOTHING
        if exchange.drill is not None:
            found = exchange.drill.judged(found)
            if not found.level:
                return ""  # too little was found in it: nobody is to be called
        else:
            found = self.weigh(exchange, found, text.text)
        if found.level:
            exchange.safety = found
        if exchange.lapsed is not None:
            return await self._accounts.tell_of_lapsed(exchange, found, text)
        return await self._accounts.tell(exchange, found, text, delivered=False)


def body_of(exchange: Exchange) -> Body:
    """Return what keeps the body of a request."""
    request = exchange.request
    kind, coding = request.get(b"content-type"), request.get(b"content-encoding")
    return Body(kind or b"", coding or b"")


def _text_of(exchange: Exchange, body: bytes) -> str:
    """Return what a body says; of one that unpacks to much more, the beginning and the end."""
    read = body_of(exchange)
    read.take(body)
    text = "\n".join(filter(None, (read.head(), read.tail())))
    if len(text) <= REFUSED:
        return text
    return f"{text[: REFUSED // 2]}\n[...]\n{text[-REFUSED // 2 :]}"
