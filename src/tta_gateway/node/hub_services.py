"""What services say about what clients of the hub want, where the configuration has them asked.

They are asked behind the gateway's own policies, and can refuse, or change what is theirs to say:
who somebody is, the token says alone.  Whatever is not a clear answer allows nothing: it is
counted, and told in the log with the service's name.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

from tta_gateway.features.realtime.bound import Question, RealtimeBound
from tta_gateway.features.realtime.codes import INTERNAL, Disconnection, Refused
from tta_gateway.features.realtime.contract import Unclear
from tta_gateway.features.realtime.metrics import QUESTIONS
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.listening import SAFETY_LEVEL, Heard, Judged, Listener, Place, Speaker
from tta_gateway.kernel.message import Fields
from tta_gateway.node.hearing import NOBODY
from tta_gateway.node.hub_visitor import Visitor
from tta_gateway.node.inquiry import Inquiry
from tta_gateway.node.service_questions import Told
from tta_gateway.support.metrics import Registry

_OK: Final = 200
_PAUSE: Final = 10.0  # seconds in which the log tells of one service once
_RESULTS: Final = ("allowed", "refused", "unclear", "away")
LONGEST_VALUE: Final = 4096
"""characters of a field that a client has written; a longer one is not told"""
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")
T = TypeVar("T")


class Events(Protocol):
    """Where operators read what happens."""

    def event(self, name: str, **fields: object) -> None:
        """Tell it."""


class Asked(Protocol):
    """Asks one service about one kind of thing."""

    @property
    def asked(self) -> Question:
        """What is asked."""

    @property
    def service(self) -> str:
        """Who is asked."""

    async def ask(self, about: Exchange, body: bytes, fields: Fields) -> Told:
        """Ask about what an exchange has asked of policies; `fields` are told beside the usual."""


class Asks(Protocol):
    """Makes what asks a service."""

    def of(self, asked: Question) -> Asked:
        """Return what asks this."""


class HubServices:
    """Makes what asks services about one kind of thing."""

    def __init__(self, log: Events, registry: Registry, *, clock: Callable[[], float]) -> None:
        """Ask nobody before `asks` is there; `clock` is the monotonic one."""
        self.asks: Asks | None = None
        self.listener: Listener = NOBODY
        """hears what clients say, and looks at what services do"""
        self.pseudonym: Callable[[str], str] = str
        """stands for the network of an address, where nobody knows who speaks"""
        self.told: frozenset[str] = frozenset()
        """the services that asked to be told who may be at risk"""
        self._log = log
        self._registry = registry
        self._clock = clock
        self._silent: dict[tuple[str, str], float] = {}

    def of(self, event: str, asked: Question | None) -> "ServiceSays | None":
        """Return what says what a service does; None where none is asked."""
        if asked is None or self.asks is None:
            return None
        return ServiceSays(self, event, self.asks.of(asked), self._registry)

    async def shown(self, event: str, service: str, body: bytes, *, about: Exchange) -> bytes:
        """Return what a service has said, without what may do harm; Unclear if nobody can tell.

        What was not shown is kept for whoever takes care of the one who has asked.
        """
        place = Place(f"realtime {event}", service)
        judged = self.listener.judge(place, "", body)
        if not isinstance(judged, Judged):
            judged = await judged
        if not judged.data:
            raise Unclear("says what could not be looked at")
        found = judged.verdict
        if found is not None:
            heard = Heard(found, level=found.level, text=judged.text)
            speaker = self._speaker(about)
            await self.listener.report(speaker, place, heard, delivered=False, source="reply")
        return judged.data

    def _speaker(self, about: Exchange) -> Speaker:
        principal, correlation = about.principal, about.request_id.decode("latin-1")
        return Speaker(
            self.pseudonym(about.client) if principal is None else principal.key,
            subject="" if principal is None else principal.subject,
            identity="unknown" if principal is None else "verified",
            connection=correlation,
            correlation=correlation,
        )

    def complain(self, service: str, event: str, why: str) -> None:
        """Tell operators that a service was asked in vain; of each once in a while."""
        now = self._clock()
        if now >= self._silent.get((service, event), 0.0):
            self._silent[service, event] = now + _PAUSE
            self._log.event("realtime_service_unclear", service=service, about=event, why=why)


class ServiceSays:
    """What one service says about one kind of thing."""

    def __init__(
        self, services: HubServices, event: str, questions: Asked, registry: Registry
    ) -> None:
        """Ask by these."""
        self._services = services
        self._event = event
        self._questions = questions
        self.service = service = questions.service
        made = (registry.child(QUESTIONS, service, event, one) for one in _RESULTS)
        self._allowed, self._refused, self._unclear, self._away = made

    async def about(
        self, exchange: Exchange, visitor: Visitor, body: bytes, read: Callable[[bytes], T]
    ) -> T | Refused:
        """Ask about what policies have allowed; return what is read of the answer.

        What cannot be told is an error that SDKs take for what passes: never an allowance.
        """
        asked = self._questions.asked
        fields = fields_of(asked, visitor.opening.request.fields, visitor.told)
        if self.service in self._services.told:
            fields += _level_of(exchange)
        told = await self._questions.ask(exchange, body, fields)
        try:
            said = _body(told)
            found = read(
                await self._services.shown(self._event, self.service, said, about=exchange)
            )
        except Unclear as error:
            (self._unclear if told.status == _OK else self._away).add()
            self._services.complain(self._questions.service, self._event, str(error))
            return INTERNAL
        (self._refused if isinstance(found, Refused | Disconnection) else self._allowed).add()
        return found


def _level_of(about: Exchange) -> Fields:
    """Return the field that tells a service that who asks may be at risk."""
    origin = about.origin
    if not isinstance(origin, Inquiry) or origin.noticed is None:
        return []
    return [(SAFETY_LEVEL, b"%d" % origin.noticed.level)]


def _body(told: Told) -> bytes:
    """Return what was said; Unclear, if it does not count."""
    if told.status != _OK:
        raise Unclear(told.why or f"answers with status {told.status}")
    return told.body


def fields_of(asked: Question, fields: Fields, told: Mapping[str, str]) -> Fields:
    """Return the fields that a service is told: of the request, and of what a client has written.

    Names are in lower case.  The request's come first; what is no value of a field is left out.
    """
    if not asked.fields and not asked.told_fields:
        return []
    names = {one.encode() for one in asked.fields}
    found = [one for one in fields if one[0] in names]
    have = {name for name, _ in found}
    for name, value in told.items():
        key = name.encode()
        if name in asked.told_fields and key not in have and _VALUE.fullmatch(value):
            found.append((key, value.encode()))
    return found


def told_names(bound: RealtimeBound) -> frozenset[str]:
    """Return the names of all fields that clients write and that any service is told."""
    asked = [bound.asked_connect, bound.asked_refresh, *(one.asked for one in bound.procedures)]
    for one in bound.channels:
        asked += [one.asked_subscribe, one.asked_publish]
    return frozenset(name for one in asked if one is not None for name in one.told_fields)
