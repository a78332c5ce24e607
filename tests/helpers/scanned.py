"""A gateway on paper whose one route is scanned, with a detector of three phrases."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, cast

import msgspec

from tests.helpers.builders import Bound
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import Open
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.policy import Problem
from tta_gateway.features.safety.accounts import Accounts, Refused
from tta_gateway.features.safety.bound import Mode, RouteSafety, SafetyBound
from tta_gateway.features.safety.care import Care
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.moderator import Then
from tta_gateway.features.safety.policy import Aside, Scan
from tta_gateway.features.safety.telling import Telling
from tta_gateway.kernel.drill import Drill
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT, Verdict
from tta_gateway.pipeline.lane import Lane
from tta_gateway.support.metrics import Registry

LOW: Final = "rather low"
CRY: Final = "cannot go on"
DIRE: Final = "it is tonight"
HARM: Final = "nobody would miss you"
_LEVELS: Final = ((DIRE, IMMINENT), (CRY, HIGH), (LOW, ELEVATED))


class Phrases:
    """A detector of phrases; spaces count."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.fails = self.fails_services = False

    def of_person(self, text: str) -> Verdict:
        self.read.append(text)
        if self.fails:
            raise ZeroDivisionError
        for phrase, level in _LEVELS:
            if phrase in text:
                return Verdict(level, ("suicide",), (phrase,), "1", 0.9)
        return Verdict()

    def of_service(self, text: str) -> Verdict:
        if self.fails_services:
            raise ZeroDivisionError
        return Verdict(HIGH, ("suicide",), ("harm",), "1", 0.9) if HARM in text else Verdict()


class Journal:
    """Reports: `durable`, not, failing, or never."""

    def __init__(self) -> None:
        self.how = "durable"
        self.kept: list[tuple[Report, str]] = []

    def put(self, report: Report, text: str) -> Awaitable[bool]:
        self.kept.append((report, text))
        return self._put()

    async def _put(self) -> bool:
        if self.how == "failing":
            raise OSError
        if self.how == "never":
            await asyncio.sleep(1000.0)
        return self.how == "durable"


class ScannedHouse:
    """The whole of it; `refused` is the status by which a policy refuses, 0: none."""

    def __init__(self, build: Open, mode: Mode = "scan", **route: object) -> None:
        self.detector, self.journal = Phrases(), Journal()
        self.refused, self.person = 0, "p7"
        self.lapsed = False
        self.drill: Drill | None = None
        self.faults: list[BaseException] = []
        self.exchanges: list[Exchange] = []
        self.registry = Registry()
        self.now = 1_000_000.0
        helping = Helping(SafetyBound())
        accounts = Accounts(
            self.journal,
            wall=lambda: self.now,
            fresh=lambda: f"r{len(self.journal.kept)}",
            pseudonym=lambda address: f"network of {address}",
        )
        refused = Refused(accounts, self.detector.of_person)
        self.lane = Lane(
            verdicts=refused,
            incidents=refused,
            helps=helping,
            scans=lambda _: mode not in {"off", "observe"},
            clock=lambda: self.gateway.loop.time() if hasattr(self, "gateway") else 0.0,
            report=lambda _, error: self.gateway.reported.append(error),
        )
        scan = Scan(
            self.detector,
            accounts,
            helping,
            aside=Aside(
                spawn=lambda work: self.gateway.runner._spawn(work),
                later=lambda call: asyncio.get_running_loop().call_soon(call),
                report=lambda _, error: self.faults.append(error),
                now=lambda: self.gateway.loop.time(),
            ),
            registry=self.registry,
        )
        self.shown: list[tuple[Verdict, str, Then]] = []
        scan.telling = Telling(["players"])
        scan.moderate = lambda found, text, then: self.shown.append((found, text, then))
        safety = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode, reason="a test")))
        self.scan = scan
        self.gateway = build(
            policies=(
                Problem(ProblemBound()),
                Care(helping, registry=self.registry),
                Bound(on_request=self._refuse),
                self.lane,
                scan,
            ),
            features={"safety": safety},
            **route,
        )

    def _refuse(self, exchange: Exchange) -> Answer:
        self.exchanges.append(exchange)
        exchange.drill = self.drill
        if self.person:
            who = Principal(subject=self.person, issuer="a")
            if self.lapsed:
                exchange.lapsed = who
            else:
                exchange.principal = who
        if not self.refused:
            return None
        return Refusal(Response(self.refused), deferrable=True)

    def ask(self, request: bytes) -> FakeTransport:
        client = self.gateway.client()
        client.feed(request)
        self.settle()
        return client

    def answer(self, *said: bytes) -> None:
        for data in said:
            self.gateway.service.feed(data)
            self.settle()

    def settle(self) -> None:
        for _ in range(12):
            self.gateway.loop.run_ready()

    def raised(self, found: Verdict) -> None:
        """Have the moderator find this in what it was shown last."""
        work = cast("Coroutine[Any, Any, None]", self.shown[-1][2](found))
        self.gateway.runner._spawn(work)
        self.settle()

    @property
    def asked(self) -> int:
        """How often the service was asked."""
        return sum(end.sent.count(b" HTTP/1.1\r\n") for end in self.gateway.loop.opened)

    @property
    def reports(self) -> list[Report]:
        return [report for report, _ in self.journal.kept]


def said(text: str, *, kind: bytes = b"application/json", more: bytes = b"") -> bytes:
    """Return a POST that says this, as JSON or as it is."""
    body = msgspec.json.encode({"text": text}) if kind.endswith(b"json") else text.encode()
    return posted(body, kind=kind, more=more)


def posted(body: bytes, *, kind: bytes = b"application/json", more: bytes = b"") -> bytes:
    """Return a POST with this body."""
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n"
    return head % (kind, len(body), more) + body


def answered(body: bytes, *, kind: bytes = b"application/json", more: bytes = b"") -> bytes:
    """Return a whole answer."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n"
    return head % (kind, len(body), more) + body


def streaming(kind: bytes = b"text/event-stream") -> bytes:
    """Return the head of an answer in chunks."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % kind


def chunk(data: bytes) -> bytes:
    """Return a chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST: Final = b"0\r\n\r\n"
