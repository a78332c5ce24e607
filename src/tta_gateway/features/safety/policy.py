"""Look at what people write on a route, and at what its service answers.

What somebody at risk writes is delivered, in the crisis class; the service is told, the guard is
told before the answer leaves, and the answer carries help.  Where the gateway itself has to answer
with an error, the message is kept, and the answer is 202 with help.  What would do harm is not
shown.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from tta_gateway.features.safety.accounts import REFUSED, Accounts, Weigh, as_it_is, body_of
from tta_gateway.features.safety.answers import Answers, Preview
from tta_gateway.features.safety.bound import Mode, safety_of
from tta_gateway.features.safety.heard import Heard
from tta_gateway.features.safety.looking import Watch
from tta_gateway.features.safety.metrics import FOUND, LOST, UNSEEN, WITHHELD
from tta_gateway.features.safety.moderator import LARGEST as MODERATED
from tta_gateway.features.safety.moderator import Moderate, nobody
from tta_gateway.features.safety.said import Said
from tta_gateway.features.safety.telling import Telling
from tta_gateway.kernel.crisis import HELPED, KEPT, Helps
from tta_gateway.kernel.crisis import WITHHELD as NOT_SHOWN
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.kernel.verdict import HIGH, NONE, Category, Detector, Verdict
from tta_gateway.pipeline.budget import Shares
from tta_gateway.support.metrics import Registry

PATIENCE: Final = 5.0
"""Seconds that a body is held, or half of what its route lets it stand still; a slower one goes on
as it comes, and its answer waits."""
DURABLE: Final = 2.0
"""Seconds that an answer waits for what was found to be on the disk."""
MOST: Final = 0.3
"""Seconds of the processor that looking at one message may take; of what is left, the end is looked
at, and the rest counts as unseen."""
LEAST: Final = 0.02
"""Seconds for each message of somebody whose messages have taken more than their share."""
SHARE: Final = 0.1
"""of a worker's time, that looking at the messages of one person or network may take"""
_ACCEPT: Final = b"accept-encoding"
_PLAIN: Final = (_ACCEPT, b"identity")
_CONTINUE: Final = 100
_ERRORS: Final = 400
_UNAUTHORIZED: Final = 401
_HOLDING: Final[tuple[Mode, ...]] = ("parallel", "scan")

Work: TypeAlias = Coroutine[Any, Any, None]


class Helping(Helps, Protocol):
    """Who knows the help for somebody, and has an answer carry it."""

    def give(
        self,
        exchange: Exchange,
        response: Response,
        level: int,
        categories: tuple[Category, ...] = (),
    ) -> bool:
        """Have the answer carry help, in the response phase."""


class Aside:
    """What goes on beside exchanges.

    `spawn` runs something, `later` calls something in a turn of its own, and `report` hears of
    faults of ours: what somebody writes goes on in spite of them.
    """

    def __init__(
        self,
        *,
        spawn: Callable[[Work], object],
        later: Callable[[Callable[[], None]], object],
        report: Callable[[Exchange, BaseException], None],
        now: Callable[[], float],
        busy: Callable[[], float] = time.thread_time,
    ) -> None:
        """Go on like this; `busy` tells the processor time of this thread, in seconds."""
        self.spawn = spawn
        self.later = later
        self.report = report
        self.busy = busy
        self.now = now


class Scan:
    """Looks at the bodies of requests and answers."""

    name: ClassVar = "scan"
    needs: ClassVar[frozenset[str]] = frozenset({"principal", "traffic"})
    gives: ClassVar[frozenset[str]] = frozenset({"safety"})

    def __init__(
        self,
        detector: Detector,
        accounts: Accounts,
        helps: Helping,
        *,
        aside: Aside,
        registry: Registry,
    ) -> None:
        """Look by this detector."""
        self.detector = detector
        self.accounts = accounts
        self.helps = helps
        self.spawn = aside.spawn
        self.report = aside.report
        self.busy = aside.busy
        self.now = aside.now
        self.shares = Shares(SHARE)
        self.registry = registry
        self.weigh: Weigh = as_it_is
        self.moderate: Moderate = nobody
        """has a moderator outside judge a text as well"""
        self.telling = Telling()
        """tells services that asked"""
        self.answers = Answers(
            detector.of_service,
            found=self._withheld,
            unseen=lambda why: registry.child(UNSEEN, "answer", why).add(),
            safe=self._safe,
            later=aside.later,
            report=aside.report,
        )
        self.answers.clock = aside.busy

    def for_route(self, route: Route | None) -> "BoundScan | None":
        """Act where bodies are looked at."""
        if route is None:
            return None
        mode = safety_of(route).mode
        if mode == "off":
            return None
        return BoundScan(self, mode, min(PATIENCE, route.timeouts.body_idle / 2))

    def _withheld(self, exchange: Exchange, found: Verdict, text: str) -> None:
        """Count and tell what was not shown."""
        exchange.acted, exchange.withheld = NOT_SHOWN, text
        self.registry.child(WITHHELD, str(found.level)).add()
        self.spawn(self._tell_withheld(exchange, found, text))

    async def _tell_withheld(self, exchange: Exchange, found: Verdict, text: str) -> None:
        said = Said(text)
        fate = await self.accounts.tell(exchange, found, said, delivered=False, source="reply")
        if not fate:
            self.registry.child(LOST).add()

    def _safe(self, exchange: Exchange) -> bytes:
        found = exchange.safety
        return self.helps.of(exchange, NONE if found is None else found.level).card


class BoundScan:
    """What is looked at on one route, and how."""

    def __init__(self, scan: Scan, mode: Mode, patience: float) -> None:
        """Look in this mode; a body is held for so many seconds at most."""
        self._patience = patience
        self._scan = scan
        self._mode = mode
        self._judge = scan.detector.of_person
        self._answers = scan.answers
        self._holds = mode in _HOLDING
        self._heard: dict[Exchange, Heard] = {}
        child = scan.registry.child
        self._found = [child(FOUND, mode, str(level)) for level in range(4)]

    def explain(self) -> str:
        """Say what it does."""
        told = {
            "scan": "before the service hears them",
            "parallel": "while the service answers, which waits",
            "async": "without holding anything",
            "observe": "to be counted alone",
        }
        shown = "withholds harmful answers" if self._holds else "looks at no answers"
        return f"looks at what people write, {told[self._mode]}; {shown}"

    # The request

    def on_request(self, exchange: Exchange) -> Awaitable[None] | None:
        """Hear the body; where it is scanned, the service hears it afterwards."""
        upload = exchange.upload
        request = exchange.request
        if self._holds and request.get(_ACCEPT) is not None:
            _ask_for_plain(exchange)
        if request.upgrade is not None:
            self._scan.telling.introduce(exchange)
            return None
        if upload is None or request.length > upload.limit:
            return None
        heard = self._heard[exchange] = Heard(body_of(exchange))
        upload.listen(heard)
        if exchange.safety is not None and heard.body.size <= REFUSED:
            heard.found = exchange.safety  # the lane has looked, and all of it is here
            heard.said = Said(heard.body.head())
            heard.is_looked_at = True
            self._act(exchange, heard)
            return None
        if self._mode == "scan":
            return self._hold(exchange, heard)
        heard.then = lambda: self._scan.spawn(self._look(exchange, heard))
        if heard.is_over:
            heard.then()
            heard.then = None
        return None

    async def _hold(self, exchange: Exchange, heard: Heard) -> None:
        """Hold the body until its beginning has been looked at, or until patience is over."""
        if not heard.is_over and exchange.request.expects_continue:
            exchange.origin.send_interim(Response(_CONTINUE))
            exchange.origin.flush()
        await heard.beginning(self._patience)
        if exchange.aborted:
            return
        if heard.is_over or heard.is_enough:
            await self._look(exchange, heard)
        if not heard.is_looked_at:
            heard.then = lambda: self._scan.spawn(self._look(exchange, heard))
            if heard.is_over:
                await self._look(exchange, heard)

    async def _look(self, exchange: Exchange, heard: Heard) -> None:
        """Look at what has come, and do what follows; it goes on whatever fails here."""
        try:
            if not heard.look_at_once(self._judge, self._scan.busy):
                await self._watched(exchange, heard)
            self._act(exchange, heard)
        except Exception as error:  # noqa: BLE001 - the message is delivered, and counted as unseen
            heard.is_looked_at = True
            heard.body.unseen = "fault"
            self._count(heard)
            self._scan.report(exchange, error)

    async def _watched(self, exchange: Exchange, heard: Heard) -> None:
        """Look at what has come, within what is left of the time for a message and a person."""
        scan = self._scan
        person, _ = scan.accounts.person(exchange)
        watch = heard.watch
        if watch is None:
            most = MOST if scan.shares.has_some(person, scan.now()) else LEAST
            watch = heard.watch = Watch(scan.busy, most)
        before = watch.spent
        try:
            await heard.look(self._judge, watch)
        finally:
            scan.shares.spend(person, watch.spent - before, scan.now())

    def _act(self, exchange: Exchange, heard: Heard) -> None:
        """Do what follows from what was found, once for each level that it has risen to."""
        if heard.is_looked_at:
            self._weigh(exchange, heard)
        found = heard.found
        before = exchange.safety
        if self._mode == "observe" or not found.level:
            heard.let_go()
            return
        if before is not None and before.level >= found.level and heard.acted:
            return
        heard.acted = True
        exchange.safety = found
        if found.level >= HIGH and not exchange.finished:
            exchange.traffic = CRISIS
        if exchange.attempt is None and exchange.response is None:
            self._scan.telling.tell(exchange, found.level, found.categories)
        self._scan.spawn(self._tell(exchange, heard, heard.tells()))

    def _weigh(self, exchange: Exchange, heard: Heard) -> None:
        """Take all that was found for what it comes to, and count it; a drill is nobody's."""
        if exchange.drill is not None:
            heard.found = exchange.drill.judged(heard.found)
            return
        if not heard.counted and self._mode != "observe":
            heard.found = self._scan.weigh(exchange, heard.found, heard.said.text)
            self._moderate(exchange, heard)
        self._count(heard)

    def _moderate(self, exchange: Exchange, heard: Heard) -> None:
        """Have a moderator outside judge it as well, which nothing here waits for."""
        text = heard.said.around(MODERATED)

        async def raised(found: Verdict) -> None:
            said = Said(text)
            said.report = heard.said.report
            await self._raised(exchange, found, said)

        self._scan.moderate(heard.found, text, raised)

    async def _raised(self, exchange: Exchange, found: Verdict, said: Said) -> None:
        """Tell what has turned out graver; an answer that has not left yet carries help."""
        found = self._scan.weigh(exchange, found, "")
        if not exchange.finished and exchange.response is None:
            exchange.safety = found
        heard = _is_heard(exchange)
        fate = await self._scan.accounts.tell(exchange, found, said, delivered=heard)
        if not fate:
            self._scan.registry.child(LOST).add()

    def _count(self, heard: Heard) -> None:
        if heard.counted:
            return
        heard.counted = True
        self._found[heard.found.level].add()
        if heard.body.unseen:
            self._scan.registry.child(UNSEEN, "request", heard.body.unseen).add()

    async def _tell(
        self, exchange: Exchange, heard: Heard, telling: "asyncio.Future[None]"
    ) -> None:
        """Tell the guard; nothing else waits for it but the answer.

        It is told before the service has heard it: if that comes to nothing, it is told so.
        """
        delivered = _is_heard(exchange)
        heard.amended = heard.amended or not delivered
        try:
            heard.fate = await self._scan.accounts.tell(
                exchange, heard.found, heard.said, delivered=delivered
            )
        finally:
            if not heard.fate:
                self._scan.registry.child(LOST).add()
            if not telling.done():
                telling.set_result(None)

    # The answer

    def on_response(self, exchange: Exchange) -> Answer | Awaitable[Answer]:
        """Hold what the service answers until what was asked, and that, have been looked at."""
        response, heard = exchange.response, self._heard.get(exchange)
        assert response is not None  # the response phase has one
        looked = self._answers.look(exchange, response) if self._holds else None
        waits = heard is not None and self._waits(response) and not heard.is_looked_at
        if not waits and exchange.safety is None and not isinstance(looked, Preview):
            return looked
        return self._answered(exchange, heard, looked)

    def _waits(self, response: Response) -> bool:
        """Tell whether an answer waits for the look at what was asked.

        An error of ours always does: what no service has heard may be kept, and answered with 202.
        """
        return self._holds or (self._mode != "observe" and _is_ours(response))

    async def _answered(
        self, exchange: Exchange, heard: Heard | None, looked: Preview | Response | None
    ) -> Answer:
        response = exchange.response
        assert response is not None  # as before
        if heard is not None and self._waits(response):
            await self._look(exchange, heard)
        found = exchange.safety
        if heard is not None and found is not None:
            kept = await self._durable(exchange, heard, found, response)
            if kept is not None:
                return kept
        answer = await looked.answer() if isinstance(looked, Preview) else looked
        if answer is None and exchange.response is not response:
            # The service has broken off meanwhile: an error of ours stands there.
            return await self._answered(exchange, heard, None)
        if found is not None and found.level:
            exchange.acted = exchange.acted or HELPED
            self._scan.helps.give(exchange, answer or response, found.level, found.categories)
        if heard is not None and not response.local and exchange.response is response:
            heard.let_go()  # its head leaves now: no error can take its place
        return answer

    async def _durable(
        self, exchange: Exchange, heard: Heard, found: Verdict, response: Response
    ) -> Response | None:
        """Wait for what was told to be on the disk; an error may make way for 202.

        A drill is waited for whatever its level: its answer says how far it has come.
        """
        if exchange.drill is not None:
            await heard.told(DURABLE)
            return None
        if found.level < HIGH:
            return None
        await heard.told(DURABLE)
        return await self._kept(exchange, heard, found, response) if response.local else None

    async def _kept(
        self, exchange: Exchange, heard: Heard, found: Verdict, response: Response
    ) -> Response | None:
        """Tell what no service has heard; an error makes way for 202 where that is durable."""
        try:
            async with asyncio.timeout(DURABLE):
                fate = await self._scan.accounts.tell(exchange, found, heard.said, delivered=False)
            heard.amended = heard.amended or bool(fate)
        except Exception as error:  # noqa: BLE001 - the error stands, with help
            self._scan.report(exchange, error)
            return None
        if not fate or response.status < _ERRORS or response.status == _UNAUTHORIZED:
            return None
        exchange.acted = KEPT
        return self._scan.helps.of(exchange, found.level, found.categories, fate).accepted()

    def on_finish(self, exchange: Exchange) -> None:
        """Keep nothing of it; what has come of one that has gone is looked at, and told."""
        heard = self._heard.pop(exchange, None)
        if heard is None or self._mode == "observe":
            return
        if heard.has_left():
            self._scan.spawn(self._look(exchange, heard))
        elif heard.found.level >= HIGH and not heard.amended and _came_to_nothing(exchange):
            self._scan.spawn(self._amend(exchange, heard))

    async def _amend(self, exchange: Exchange, heard: Heard) -> None:
        """Tell that no service has heard it after all: whoever wrote it has gone before."""
        await heard.told(DURABLE)
        fate = await self._scan.accounts.tell(exchange, heard.found, heard.said, delivered=False)
        if not fate:
            self._scan.registry.child(LOST).add()


def _is_ours(response: Response) -> bool:
    """Tell whether it is an error that the gateway itself answers."""
    return response.local and response.status >= _ERRORS


def _came_to_nothing(exchange: Exchange) -> bool:
    """Tell whether whoever asked has gone before any service was sent all of it."""
    return exchange.aborted and not _is_sent(exchange)


def _is_heard(exchange: Exchange) -> bool:
    """Tell whether a service has heard it, or is going to, as far as is known."""
    response = exchange.response
    has_failed = exchange.aborted or (response is not None and _is_ours(response))
    return not has_failed or _is_sent(exchange)


def _is_sent(exchange: Exchange) -> bool:
    upload = exchange.upload
    return upload is not None and upload.taken and upload.over


def _ask_for_plain(exchange: Exchange) -> None:
    """Have the service compress nothing: what is compressed as it streams cannot be looked at."""
    fields = exchange.upstream_fields
    if fields is None:
        fields = exchange.request.fields
    exchange.upstream_fields = [field for field in fields if field[0] != _ACCEPT]
    exchange.extra.append(_PLAIN)
