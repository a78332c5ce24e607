"""Keep to the limits: decide at once by what this worker knows, and tell the others later.

Two policies do that: one before anybody has shown who they are, for the limits that look at
nobody's name, and one behind access for all others.  A request that one limit refuses costs nothing
of the others.  What a request was counted in stands in `exchange.limited`, in the order of the
route's limits, so that the answer can say what is left.
"""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import ClassVar, Final, cast

import msgspec

from tta_gateway.features.ratelimit.algorithm import (
    Concurrency,
    Entry,
    Quota,
    Rate,
    retry_after,
)
from tta_gateway.features.ratelimit.bound import Limit, RateLimitBound, RouteLimits
from tta_gateway.features.ratelimit.metrics import ADMITTED, ASKED, REFUSED
from tta_gateway.features.ratelimit.problems import (
    CONCURRENCY_EXCEEDED,
    EXCEEDED,
    MESSAGES_EXCEEDED,
    STORE_AWAY,
)
from tta_gateway.features.ratelimit.store import Answered, Asked, Away, Exact
from tta_gateway.features.ratelimit.tally import Table, Tally
from tta_gateway.features.ratelimit.whose import Whose
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Said
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.support.metrics import Registry

_decode = msgspec.msgpack.Decoder(RouteLimits).decode
_encode = msgspec.json.Encoder().encode


class Keeping:
    """What both policies share: the limits, what is spent of them, and who is asked of strict ones.

    `exact` is None where there is no store.
    """

    def __init__(
        self, bound: RateLimitBound, tally: Tally, *, registry: Registry, exact: Exact | None = None
    ) -> None:
        """Have a table for each limit."""
        self.bound = bound
        self.limits = {one.id: one for one in bound.limits}
        self.tally = tally
        self.registry = registry
        self.exact = exact
        self.whose = Whose(bound.tenant, bound.client)
        self.answered = registry.child(ASKED, "answered")
        self.local = registry.child(ASKED, "local")
        self.away = registry.child(ASKED, "refused")


class EarlyRateLimit:
    """Stands before identity: proving somebody costs more than counting them."""

    name: ClassVar = "ratelimit_early"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, keeping: Keeping) -> None:
        """Keep these limits."""
        self._keeping = keeping

    def for_route(self, route: Route | None) -> "BoundRateLimit | None":
        """Act where the route has limits that look at nobody's name."""
        found = _limits_of(route)
        limits = [one for one in found.limits if one.is_early and one.of != "messages"]
        if not limits:
            return None
        return BoundRateLimit(self._keeping, limits, [], spares=found.spares)


class RateLimit:
    """Stands behind access: whoever may not see a thing at all is told that instead."""

    name: ClassVar = "ratelimit"
    needs: ClassVar[frozenset[str]] = frozenset(("principal", "traffic"))
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, keeping: Keeping) -> None:
        """Keep these limits."""
        self._keeping = keeping

    def for_route(self, route: Route | None) -> "BoundRateLimit | Status | None":
        """Act where the route has limits that look at names, or at messages; or tells of them."""
        found = _limits_of(route)
        if found.status:
            return Status(self._keeping)
        messages = [one for one in found.limits if one.of == "messages"]
        rest = [one for one in found.limits if one.of != "messages"]
        limits = [one for one in rest if not one.is_early]
        if not limits and not messages:
            return None
        behind = len(rest) - len(limits)
        return BoundRateLimit(self._keeping, limits, messages, behind=behind, spares=found.spares)


def _limits_of(route: Route | None) -> RouteLimits:
    raw = None if route is None else route.features.get("ratelimit")
    return RouteLimits() if raw is None else _decode(raw)


class Rule:
    """One limit of a route, with what it is counted in."""

    __slots__ = (
        "admitted",
        "cost",
        "exact",
        "is_seats",
        "limit",
        "parts",
        "refused",
        "shadowed",
        "table",
    )

    def __init__(self, keeping: Keeping, limit: Limit) -> None:
        """Have all of it ready."""
        child = keeping.registry.child
        # One table for all routes that have the limit: it goes by the dearest of them.
        whole = keeping.limits.get(limit.id, limit)
        self.table: Table = keeping.tally.table(whole, keeping.bound.keys)
        self.limit = limit
        self.parts = limit.key
        self.cost = limit.cost
        self.exact = limit.exact
        self.is_seats = limit.of == "concurrent"
        self.admitted = child(ADMITTED, limit.handle)
        self.refused = child(REFUSED, limit.handle, "enforced")
        self.shadowed = child(REFUSED, limit.handle, "dry_run")

    def told(self) -> str:
        """Return what it allows, as `RateLimit-Policy` says it."""
        now = self.table.limit
        if self.is_seats:
            return f'"{now.name}";q={now.amount};qu="concurrent-requests"'
        return f'"{now.name}";q={now.amount};w={max(1, round(now.per))}'

    def left(self, entry: Entry, now: float) -> bytes:
        """Return what is left of it, as `RateLimit` says it."""
        measure = self.table.measure
        left = measure.left(entry, now)
        name = self.limit.name.encode()
        if self.is_seats:
            return b'"%s";r=%d' % (name, left)
        return b'"%s";r=%d;t=%d' % (name, left, ceil(measure.until(entry, now)))


class BoundRateLimit:
    """The limits of one route; `behind` is how many of it are kept by the policy before.

    With `spares` whoever is known to be in a crisis is let past, and nothing is counted.
    """

    def __init__(
        self,
        keeping: Keeping,
        limits: list[Limit],
        messages: list[Limit],
        *,
        behind: int = 0,
        spares: bool = False,
    ) -> None:
        """Have a table for each."""
        self._keeping = keeping
        self._tally = keeping.tally
        self._now: Callable[[], float] = keeping.tally.monotonic
        self._behind = behind
        self._spares = spares
        self._rules = [Rule(keeping, one) for one in limits]
        self._messages = [Rule(keeping, one) for one in messages]
        self._seats = [at for at, rule in enumerate(self._rules) if rule.is_seats]
        self._is_exact = any(rule.exact for rule in self._rules)
        self._version = -1
        self._policy = b""

    def explain(self) -> str:
        """Say what it does."""
        return "; ".join(
            _said(msgspec.structs.replace(rule.table.limit, cost=rule.cost))
            for rule in (*self._rules, *self._messages)
        )

    # The request

    def on_request(self, exchange: Exchange) -> Answer | Awaitable[Answer]:
        """Let it through, or refuse it."""
        rules = self._rules
        if not rules or (self._spares and exchange.traffic == CRISIS):
            return None
        now = self._now()
        whose = self._keeping.whose
        entries: list[object] = []
        refused = False
        for rule in rules:
            table = rule.table
            entry = table.entry(whose.key(rule.parts, exchange), now)
            entries.append(entry)
            if table.measure.wait(entry, rule.cost, now) > 0.0:
                if table.dry_run:
                    rule.shadowed.add()
                    exchange.shadowed = EXCEEDED.code
                else:
                    refused = True
        if refused:
            return self._refusal(entries, now)
        if self._is_exact and self._keeping.exact is not None:
            places = self._strict()
            if places:
                return self._ask(exchange, entries, now, places)
        self._spend(exchange, entries, now)
        return None

    def _spend(self, exchange: Exchange, entries: list[object], now: float) -> None:
        """Take what the request costs of each limit."""
        for rule, one in zip(self._rules, entries, strict=True):
            entry, table = cast("Entry", one), rule.table
            table.measure.spend(entry, rule.cost, now)
            if not entry.is_owing:
                entry.is_owing = True
                table.owing.append(entry)
            rule.admitted.add()
        self._note(exchange, entries)

    def _note(self, exchange: Exchange, entries: list[object]) -> None:
        """Keep what it was counted in; nothing stands for limits that it was let past by others."""
        before = exchange.limited
        if before is None:
            exchange.limited = [None] * self._behind + entries if self._behind else entries
        else:
            exchange.limited = before + entries

    def _refusal(self, entries: list[object], now: float) -> Refusal:
        """Word a refusal: the limits that refuse, and when the last of them would not."""
        names: list[str] = []
        longest = 0.0
        only_seats = True
        for rule, one in zip(self._rules, entries, strict=True):
            entry, table = cast("Entry", one), rule.table
            wait = table.measure.wait(entry, rule.cost, now)
            if wait > 0.0 and not table.dry_run:
                rule.refused.add()
                names.append(rule.limit.name)
                longest = max(longest, wait)
                only_seats = only_seats and rule.is_seats
                table.owe(entry)  # so that whoever has emptied it elsewhere is heard of here
        response = answer_of(CONCURRENCY_EXCEEDED if only_seats else EXCEEDED)
        after = retry_after(longest, self._tally.chance())
        response.fields = [(b"retry-after", b"%d" % after), *self._fields(entries, now)]
        response.members = {"violated-policies": names}
        return Refusal(response, deferrable=True)

    def _strict(self) -> list[int]:
        """Return which limits the store is asked of: those that only tell ask nobody."""
        return [at for at, one in enumerate(self._rules) if one.exact and not one.table.dry_run]

    async def _ask(
        self, exchange: Exchange, entries: list[object], came: float, places: list[int]
    ) -> Answer:
        """Ask the store of these limits, which are strict; without it, decide as they say.

        What it costs is taken as of when it came: who waits for the store keeps to the limit as
        well as who does not.
        """
        exact = self._keeping.exact
        assert exact is not None  # on_request has looked
        asked = [self._asked(self._rules[at], cast("Entry", entries[at]), came) for at in places]
        try:
            answers = await exact.take(asked)
        except Away as away:
            if exchange.aborted or exchange.finished:
                return None
            entries = self._found_again(entries)
            return self._alone(exchange, entries, came, known=places if away.may_be_done else [])
        if exchange.aborted or exchange.finished:
            return None  # whoever has gone takes no seat that nobody would give back
        entries = self._found_again(entries)
        self._keeping.answered.add()
        refused = any(one.wait > 0.0 for one in answers) or self._is_overtaken(entries, places)
        if not refused:
            self._spend_beside(exchange, entries, came, places)
        for at, one in zip(places, answers, strict=True):
            self._heard(self._rules[at], cast("Entry", entries[at]), one, came)
        return self._refusal(entries, came) if refused else None

    def _found_again(self, entries: list[object]) -> list[object]:
        """Return the entries as they are known now: full ones may have been forgotten meanwhile."""
        now = self._now()
        found: list[object] = []
        for rule, one in zip(self._rules, entries, strict=True):
            found.append(rule.table.entry(cast("Entry", one).key, now))
        return found

    def _is_overtaken(self, entries: list[object], but: list[int]) -> bool:
        """Tell whether others have spent meanwhile what was there of a limit, but of these."""
        now = self._now()
        for at, rule in enumerate(self._rules):
            table = rule.table
            if at in but or table.dry_run:
                continue
            if table.measure.wait(cast("Entry", entries[at]), rule.cost, now) > 0.0:
                return True
        return False

    def _spend_beside(
        self, exchange: Exchange, entries: list[object], now: float, known: list[int]
    ) -> None:
        """Take what the request costs; of these limits the store knows it already."""
        for at, rule in enumerate(self._rules):
            entry, measure = cast("Entry", entries[at]), rule.table.measure
            if at in known:
                measure.passed(entry, rule.cost, now)
            else:
                measure.spend(entry, rule.cost, now)
                rule.table.owe(entry)
            rule.admitted.add()
        self._note(exchange, entries)

    def _asked(self, rule: Rule, entry: Entry, now: float) -> Asked:
        """Return what the store is asked of a limit."""
        table, measure = rule.table, rule.table.measure
        if isinstance(measure, Quota):
            number = measure.number(now)
            return Asked(
                id=table.limit.id,
                key=entry.key,
                window=number,
                ends=(number + 1) * measure.per,
                cost=rule.cost,
                amount=measure.amount,
            )
        assert isinstance(measure, Rate)  # settings: nothing else can be exact
        return Asked(
            id=table.limit.id, key=entry.key, step=measure.step(rule.cost), depth=measure.depth
        )

    def _heard(self, rule: Rule, entry: Entry, one: Answered, now: float) -> None:
        """Take what the store says of a limit; it has said that no sooner than `now`."""
        anew = bool(one.nonce) and one.nonce != entry.nonce
        entry.nonce = one.nonce
        measure = rule.table.measure
        if isinstance(measure, Quota):
            measure.settled(entry, one.since, one.full, anew=anew)
        else:
            measure.settled(entry, now + one.since, now + one.full, anew=anew)

    def _alone(
        self, exchange: Exchange, entries: list[object], came: float, *, known: list[int]
    ) -> Answer:
        """Decide without the store, which may know these of it already."""
        if any(self._rules[at].limit.refuses for at in self._strict()):
            self._keeping.away.add()
            return Refusal(answer_of(STORE_AWAY), deferrable=True)
        self._keeping.local.add()
        if self._is_overtaken(entries, []):
            return self._refusal(entries, came)
        self._spend_beside(exchange, entries, came, known)
        return None

    # The answer, and the end

    def on_response(self, exchange: Exchange) -> None:
        """Say what is left."""
        entries, response = exchange.limited, exchange.response
        if entries is None or response is None:
            return
        behind = self._behind
        mine = entries[behind : behind + len(self._rules)] if behind < len(entries) else []
        if mine and mine[0] is not None:
            response.fields += self._fields(mine, self._now())

    def _fields(self, entries: list[object], now: float) -> Fields:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-11, of what is in force."""
        if self._version != self._tally.version:
            self._version = self._tally.version
            shown = [rule.told() for rule in self._rules if not rule.table.dry_run]
            self._policy = ", ".join(shown).encode()
        if not self._policy:
            return []
        if len(entries) == 1:
            left = self._rules[0].left(cast("Entry", entries[0]), now)
        else:
            left = b", ".join(
                [
                    rule.left(cast("Entry", entry), now)
                    for rule, entry in zip(self._rules, entries, strict=True)
                    if not rule.table.dry_run
                ]
            )
        return [(b"ratelimit-policy", self._policy), (b"ratelimit", left)]

    def on_finish(self, exchange: Exchange) -> None:
        """Give back the seats that it has taken."""
        if not self._seats:
            return
        entries = exchange.limited
        if entries is None or len(entries) < self._behind + len(self._rules):
            return  # it was refused here, or before
        if entries[self._behind] is None:
            return  # it was refused here, and went on all the same
        for at in self._seats:
            rule = self._rules[at]
            entry = cast("Entry", entries[self._behind + at])
            cast("Concurrency", rule.table.measure).free(entry, rule.cost)
            rule.table.owe(entry)

    def on_message(self, exchange: Exchange, said: Said) -> Answer:  # noqa: ARG002 - any one
        """Let a message through, or refuse it."""
        now, whose = self._now(), self._keeping.whose
        taken: list[Entry] = []
        for rule in self._messages:
            table = rule.table
            entry = table.entry(whose.key(rule.parts, exchange), now)
            wait = table.measure.wait(entry, rule.cost, now)
            if wait > 0.0 and not table.dry_run:
                rule.refused.add()
                table.owe(entry)
                response = answer_of(MESSAGES_EXCEEDED)
                after = retry_after(wait, self._tally.chance())
                response.fields = [(b"retry-after", b"%d" % after)]
                response.members = {"violated-policies": [rule.limit.name]}
                return Refusal(response, deferrable=True)
            if wait > 0.0:
                rule.shadowed.add()
            taken.append(entry)
        for rule, entry in zip(self._messages, taken, strict=True):
            rule.table.measure.spend(entry, rule.cost, now)
            rule.table.owe(entry)
            rule.admitted.add()
        return None


class Status:
    """Tells callers of all limits that are kept for them, by what this worker knows."""

    def __init__(self, keeping: Keeping) -> None:
        """Have a table for each."""
        self._keeping = keeping
        self._rules = [Rule(keeping, one) for one in keeping.bound.limits]

    def explain(self) -> str:
        """Say what it does."""
        return "tells the caller what is left of their limits"

    def on_request(self, exchange: Exchange) -> Response:
        """Answer; that costs nothing of any limit."""
        keeping = self._keeping
        now = keeping.tally.monotonic()
        told = []
        for rule in self._rules:
            table = rule.table
            if table.dry_run:
                continue
            entry = table.entries.get(keeping.whose.key(rule.parts, exchange))
            told.append(_told(rule, table.measure.entry("") if entry is None else entry, now))
        body = _encode({"limits": told})
        fields = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        return Response(200, fields, body)


def _told(rule: Rule, entry: Entry, now: float) -> dict[str, object]:
    """Return one limit as its caller is told of it."""
    limit, measure = rule.table.limit, rule.table.measure
    told: dict[str, object] = {"name": limit.name, "limit": limit.id, "of": limit.of}
    told["amount"] = limit.amount
    if not rule.is_seats:
        told["per_seconds"] = limit.per
        told["burst"] = limit.burst
    told["left"] = measure.left(entry, now)
    if not rule.is_seats:
        told["whole_in_seconds"] = ceil(measure.until(entry, now))
    return told


_KINDS: Final = {"requests": "requests", "messages": "messages", "concurrent": "at the same time"}


def _said(limit: Limit) -> str:
    """Say in a few words what a limit is."""
    said = f"`{limit.name}`: {limit.amount} {_KINDS[limit.of]}"
    if limit.of != "concurrent":
        said += f" in {limit.per:g} s"
        said += ", a quota" if limit.quota else f", {limit.burst} at once"
    said += f" for each {' and '.join(limit.key)}" if limit.key else " for all together"
    if limit.cost != 1:
        said += f", of which one takes {limit.cost}"
    for is_so, word in (
        (limit.exact, "exact"),
        (limit.adaptive, "by the service's health"),
        (limit.dry_run, "only tells"),
    ):
        said += f", {word}" if is_so else ""
    return said
