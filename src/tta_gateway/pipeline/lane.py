"""The crisis lane: what is refused on a scanned route is looked at first; a crisis is not refused.

Limits stand before the body is read, and a crisis is known only after.  So a refusal that may wait
does so while the body is read, within bounds that keep it from being a way around the limits: so
many bytes, seconds, refusals held at once, few of them of one person, and a share of the worker's
time.  If it is a crisis, the message is forwarded, where the person and the lane have some of their
budget left; else it is folded into the person's incident and answered 202 with help, once that is
durable.  Whatever is beyond the bounds, or cannot be made durable, is refused after all, with help:
no refusal here is bare.

A refusal by identity (401) is looked at too, but never forwarded: nobody knows whose it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from tta_gateway.kernel.crisis import KEPT, Helps, Incidents, Verdicts
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.kernel.upload import Upload
from tta_gateway.kernel.verdict import HIGH, NONE
from tta_gateway.pipeline.budget import PerPerson, Share, Shares

BYTES: Final = 16 * 1024
SECONDS: Final = 2.0
SHARE: Final = 0.05
"""of the worker's time"""
SHARE_EACH: Final = 0.01
"""of it, that what one person or network writes may take before it is looked at but shortly"""
LOOK: Final = 0.02
"""seconds of it that looking at one message may take"""
LEAST: Final = 0.004
"""seconds for a message of somebody whose share is spent: enough for a short one"""
HELD: Final = 64
"""refusals at once"""
HELD_EACH: Final = 4
"""of them, of one person or network: whoever else is in need must find a place"""
FORWARDED: Final = 16
"""messages at once, beside what services are asked otherwise"""
A_MINUTE: Final = 10
"""messages of one person that are forwarded"""
_UNAUTHORIZED: Final = 401
_CONTINUE: Final = 100


class Lane:
    """A policy, the last: it acts where a refusal waits, and lets everything else pass."""

    name: ClassVar = "crisis_lane"
    needs: ClassVar[frozenset[str]] = frozenset({"traffic"})
    gives: ClassVar[frozenset[str]] = frozenset()
    scans_refused: ClassVar = True

    def __init__(
        self,
        *,
        verdicts: Verdicts,
        incidents: Incidents,
        helps: Helps,
        scans: Callable[[Route], bool],
        clock: Callable[[], float],
        report: Callable[[Exchange, BaseException], None],
    ) -> None:
        """Ask these, on the routes that are scanned; `clock` is monotonic, in seconds.

        `report` hears of faults of theirs: to whoever is in need they must not matter.
        """
        self._verdicts = verdicts
        self._incidents = incidents
        self.helps = helps
        self._scans = scans
        self._clock = clock
        self._report = report
        self._share = Share(SHARE, clock())
        self._shares = Shares(SHARE_EACH)
        self._people = PerPerson(A_MINUTE)
        self._forwarded: set[Exchange] = set()
        self.held = 0
        self._held_of: dict[str, int] = {}
        self.network: Callable[[str], str] = str
        """What an address counts as, where nobody knows who asks: to be set, of IPv6 a /64."""

    def for_route(self, route: Route | None) -> "Lane | None":
        """Act where bodies are scanned."""
        return self if route is not None and self._scans(route) else None

    def explain(self) -> str:
        """Say what it does."""
        return "looks at what is refused: a crisis is forwarded, or answered 202 with help"

    @property
    def forwarded(self) -> int:
        """Return how many messages are under way beside what services are asked otherwise."""
        self._forwarded = {one for one in self._forwarded if not one.finished}
        return len(self._forwarded)

    def on_request(self, exchange: Exchange) -> Answer | Awaitable[Answer]:
        """Look at a refused exchange; answer, or lift the refusal so that it goes on."""
        refusal = exchange.refusal
        if refusal is None:
            return None
        if refusal.status != _UNAUTHORIZED and exchange in self._forwarded:
            exchange.refusal = None  # it has had its part of the budgets
            return None
        self.helps.of(exchange, NONE).add_to(refusal)
        if exchange.request.length > BYTES or not self._share.has_some(self._clock()):
            return None
        return self._look(exchange, refusal) if self._has_place(self._person(exchange)) else None

    def _person(self, exchange: Exchange) -> str:
        """Return whose it is, as far as is known."""
        principal = exchange.principal
        # No subject is taken for an address, nor the other way round.
        return f"@{self.network(exchange.client)}" if principal is None else principal.key

    def _has_place(self, person: str) -> bool:
        return self.held < HELD and self._held_of.get(person, 0) < HELD_EACH

    def _hold(self, person: str, more: int) -> None:
        """Take so many more places for somebody."""
        self.held += more
        held = self._held_of.get(person, 0) + more
        if held:
            self._held_of[person] = held
        else:
            del self._held_of[person]

    async def _look(self, exchange: Exchange, refusal: Response) -> Answer:
        person = self._person(exchange)
        if not self._has_place(person):
            return None  # others had it in the same turn of the loop
        self._hold(person, 1)
        try:
            body = await self._body_of(exchange)
        finally:
            self._hold(person, -1)
        if body is None or not await self._is_crisis(exchange, body, person):
            return None
        if exchange.aborted:  # whoever wrote it has gone; the message is here
            await self._fold(exchange, body, refusal)
            return None
        exchange.traffic = CRISIS
        if refusal.status != _UNAUTHORIZED and self._may_forward(exchange):
            self._forwarded.add(exchange)
            exchange.refusal = None
            return None
        return await self._fold(exchange, body, refusal)

    async def _body_of(self, exchange: Exchange) -> bytes | None:
        """Return the whole body; None if it is too large, or does not come in time."""
        upload = exchange.upload
        if upload is None:
            return b""
        if exchange.request.expects_continue:
            exchange.origin.send_interim(Response(_CONTINUE))
            exchange.origin.flush()
        return await _Collected(upload).whole()

    async def _is_crisis(self, exchange: Exchange, body: bytes, person: str) -> bool:
        """Look, a step in each turn of the loop; only the steps' own time is spent.

        Beyond what a message may take it is what has been found so far.
        """
        found: bool | None = False
        left = LOOK if self._shares.has_some(person, self._clock()) else LEAST
        steps = self._verdicts.look(exchange, body)
        while True:
            begun, last = self._clock(), found
            try:
                found = next(steps, None)
            except Exception as error:  # noqa: BLE001 - the refusal stands, with help
                self._report(exchange, error)
                return False
            finally:
                now = self._clock()
                self._share.spend(now - begun)
                self._shares.spend(person, now - begun, now)
            left -= now - begun
            if found is None or left <= 0.0:
                return bool(last if found is None else found)
            await asyncio.sleep(0)

    def _may_forward(self, exchange: Exchange) -> bool:
        if len(self._forwarded) >= FORWARDED and self.forwarded >= FORWARDED:
            return False
        return self._people.take(self._person(exchange), self._clock())

    async def _fold(self, exchange: Exchange, body: bytes, refusal: Response) -> Answer:
        """Answer 202 once the incident is durable; else the refusal stands, with help."""
        try:
            async with asyncio.timeout(SECONDS):
                fate = await self._incidents.open(exchange, body)
        except Exception as error:  # noqa: BLE001 - the refusal stands, with help
            self._report(exchange, error)
            return None
        if not fate or refusal.status == _UNAUTHORIZED:
            return None
        found = exchange.safety
        exchange.acted = KEPT
        level, categories = (HIGH, ()) if found is None else (found.level, found.categories)
        return self.helps.of(exchange, level, categories, fate).accepted()


class _Collected:
    """Takes a body as an upstream would, and leaves the upload as it was for another."""

    def __init__(self, upload: Upload) -> None:
        """Wait for all of it."""
        upload.keep = max(upload.keep, BYTES)  # so that it can be sent again
        self._upload = upload
        self._parts: list[bytes] = []
        self._size = 0
        self._over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def whole(self) -> bytes | None:
        """Return it, or None."""
        self._upload.attach(self)
        try:
            async with asyncio.timeout(SECONDS):
                complete = await self._over
        except TimeoutError:
            complete = False
        self._upload.detach()
        self._upload.taken = False  # by no service
        return b"".join(self._parts) if complete else None

    def send_body(self, data: bytes) -> None:
        """Take a part of the body."""
        self._size += len(data)
        self._parts.append(data)
        if self._size > BYTES:
            self._decide(complete=False)

    def end_body(self, trailers: Fields) -> None:  # noqa: ARG002 - one shape
        """Take the end of the body."""
        self._decide(complete=self._size <= BYTES)

    def _decide(self, *, complete: bool) -> None:
        if not self._over.done():
            self._over.set_result(complete)
