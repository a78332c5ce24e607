"""Listens to what people say through sockets, and looks at what services say to them.

The verdict is of the message, of it together with the short ones before it, and of what was said
over the turns (people.py).  Of each person and each reply a little is kept, in memory.  A long
message is looked at in several turns of the loop: it holds nobody else up.

Whatever fails here, a person's message goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from tta_gateway.features.safety.judging import AT_ONCE, Judging, Turns, slowly
from tta_gateway.features.safety.leaves import OVERLAP, texts
from tta_gateway.features.safety.looking import AT_ONCE as SECONDS
from tta_gateway.features.safety.looking import closely, graver, in_a_turn
from tta_gateway.features.safety.metrics import HEARD, LOST, UNRECORDED
from tta_gateway.features.safety.moderator import LARGEST as MODERATED
from tta_gateway.features.safety.moderator import Moderate, nobody
from tta_gateway.features.safety.people import People, Person
from tta_gateway.features.safety.unrecorded import Unrecorded
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.incident import Report, Reports, Source, mark_of
from tta_gateway.kernel.listening import SILENCE, Heard, Judged, Place, Speaker
from tta_gateway.kernel.verdict import HIGH, Detector, Verdict
from tta_gateway.pipeline.budget import WINDOW as BUDGET
from tta_gateway.pipeline.budget import PerPerson
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import Died, spawn

WINDOW: Final = 32 * 1024
"""Bytes of each end of a message that are looked at."""
_PART: Final = 8 * 1024  # of a long message, which is read in such parts
A_MINUTE: Final = 60
"""Records of one person at each level; of what is beyond one record tells, a minute later."""
_DURABLE: Final = 2.0  # seconds until a record is on the disk, or counts as lost
_EVIDENCE: Final = 4000
"""characters of what was said that are kept with an incident"""
_ANY: Final = b""
_JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What listening needs: who finds, who keeps, and who is told.

    `clock` is monotonic and `wall` the time of day, in seconds; `fresh` makes ids that are new;
    `pause` lets others have a turn; `told` hears of whoever may be at risk, and `by` says
    which worker this is.
    """

    detector: Detector
    reports: Reports
    clock: Callable[[], float]
    wall: Callable[[], float]
    fresh: Callable[[], str]
    told: Callable[[SafetyRaised], None]
    died: Died
    registry: Registry
    by: str
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class SafetyListener:
    """The Listener of a worker."""

    def __init__(self, means: Means) -> None:
        """Listen by these means; nobody has said anything yet."""
        self._means = means
        self._clock = means.clock
        self._judge = means.detector.of_person
        self.people = People()
        self.cool_down = 600.0
        """seconds"""
        self.moderate: Moderate = nobody
        """has a moderator outside judge a message as well"""
        child = means.registry.child
        self._heard = [child(HEARD, str(level)) for level in range(4)]
        self._lost = child(LOST)
        self._records = [PerPerson(A_MINUTE) for _ in range(4)]
        """by level, and of replies the first: what is slight leaves room for what is grave"""
        self._unrecorded = child(UNRECORDED)
        self._beyond = Unrecorded()
        self.judging = Judging(
            means.detector,
            clock=means.clock,
            died=means.died,
            registry=means.registry,
            pause=means.pause,
        )

    # --- what people say ---

    def listen(self, speaker: Speaker, place: Place, data: bytes) -> Heard | Awaitable[Heard]:
        """Return what is in a message of a person's; see the port."""
        if len(data) > AT_ONCE:
            self.judging.answered(speaker.connection)
            return self._listen_long(speaker, place, data)
        try:
            text = said_in(data)
            if not text:
                return SILENCE
            if " " in text.strip():  # a sign of life, or of typing, is no answer
                self.judging.answered(speaker.connection)
            found = in_a_turn(self._judge, (text,), clock=self._clock, end=self._clock() + SECONDS)
            if found is None:  # it is made to be slow
                return self._listen_long(speaker, place, data)
            return self._made(speaker, place, found, text)
        except Exception as error:  # noqa: BLE001 - whatever fails, the message goes on
            self._means.died("listening", error)
            return SILENCE

    async def _listen_long(self, speaker: Speaker, place: Place, data: bytes) -> Heard:
        try:
            turns = Turns(self._means.clock, self._means.pause)
            found, grave = await slowly(self._judge, parts_of(data), turns)
            return self._made(speaker, place, found, grave)
        except Exception as error:  # noqa: BLE001 - likewise
            self._means.died("listening", error)
            return SILENCE

    def _made(self, speaker: Speaker, place: Place, found: Verdict, text: str) -> Heard:
        """Return what a message comes to, with what was said before it."""
        now = self._clock()
        key = speaker.key
        who = self.people.find(key) or Person()
        found, text = self._together(who, found, text, now)
        found = who.conversation.weighed(found, now=now)
        level = found.level
        self._heard[level].add()
        if level:
            who.is_at(level, now)
        self.people.keep(key, who, at_risk=who.is_at_risk(now))
        if place.is_observed:
            return SILENCE
        heard = Heard(found, level=level, text=text[:_EVIDENCE])
        self.moderate(found, text[:MODERATED], partial(self._raised, speaker, place, heard, text))
        if not level:
            return SILENCE
        if heard.is_urgent:
            who.forget_said()
            heard.needs_card = who.needs_card(speaker.connection, level, now, self.cool_down)
            self._tell(who, speaker, place, found)
        if not who.gives_text(level, now):
            heard.text = ""
        return heard

    async def _raised(
        self, speaker: Speaker, place: Place, before: Heard, text: str, found: Verdict
    ) -> None:
        """Keep that a message has turned out graver than it was taken for; it is no second one."""
        found = self.weigh(speaker, place, found, "")
        heard = Heard(found, level=found.level, text=text[:_EVIDENCE])
        heard.report = before.report
        await self.report(speaker, place, heard, delivered=True)

    def weigh(self, speaker: Speaker, place: Place, found: Verdict, text: str) -> Verdict:
        """Return what is found otherwise than in a socket comes to, with what was said before."""
        now = self._clock()
        who = self.people.find(speaker.key) or Person()
        found, _ = self._together(who, found, text[:_EVIDENCE], now)
        found = who.conversation.weighed(found, now=now)
        if found.level:
            who.is_at(found.level, now)
        self.people.keep(speaker.key, who, at_risk=who.is_at_risk(now))
        if found.level >= HIGH:
            who.forget_said()
            self._tell(who, speaker, place, found)
        return found

    def _together(self, who: Person, found: Verdict, text: str, now: float) -> tuple[Verdict, str]:
        """Return what is graver: a message, or it with the short ones before it."""
        together = who.together(text, now)
        if not together or found.level >= HIGH:
            return found, text
        both = closely(self._judge, together)
        return (graver(both, found), together) if both.level > found.level else (found, text)

    def _tell(self, who: Person, speaker: Speaker, place: Place, found: Verdict) -> None:
        """Tell that somebody may be at risk, without what they said, once in a while."""
        level = found.level
        if not who.needs_telling(level, self._clock(), self.cool_down):
            return
        self._means.told(
            SafetyRaised(
                person=speaker.person,
                subject=speaker.subject,
                level=level,
                categories=found.categories,
                route=place.route,
                service=place.service,
                correlation=speaker.correlation,
                at=self._means.wall(),
                by=self._means.by,
            )
        )

    async def report(
        self,
        speaker: Speaker,
        place: Place,
        heard: Heard,
        *,
        delivered: bool,
        source: Source = "message",
    ) -> bool:
        """Keep it for whoever takes care of people; True once that is durable."""
        kind = 0 if source == "reply" else min(heard.level, len(self._records) - 1)
        has_record = bool(heard.report)  # which this one amends
        if not has_record and not self._records[kind].take(speaker.key, self._clock()):
            self._count(speaker, place, heard, delivered=delivered, source=source)
            return True  # there are records enough: more would crowd out those of others
        report = self._record(speaker, place, heard, delivered=delivered, source=source)
        is_kept = await self._put(report, heard.text)
        if is_kept:
            heard.report = heard.report or report.id
        return is_kept

    async def _put(self, report: Report, text: str) -> bool:
        try:
            async with asyncio.timeout(_DURABLE):
                is_kept = await self._means.reports.put(report, text)
        except Exception as error:  # noqa: BLE001 - whatever fails, the person gets help
            self._means.died("safety report", error)
            is_kept = False
        if not is_kept:
            self._lost.add()
        return is_kept

    def _count(
        self, speaker: Speaker, place: Place, heard: Heard, *, delivered: bool, source: Source
    ) -> None:
        """Count a message that has no record of its own, and have one tell of all in a while."""
        if not heard.is_counted:
            self._unrecorded.add()
        is_first = not len(self._beyond)
        self._beyond.add(speaker, place, heard, delivered=delivered, source=source)
        if is_first:
            spawn(self._sum_up_later(), name="safety summary", died=self._means.died)

    async def _sum_up_later(self) -> None:
        await self._means.pause(BUDGET)
        await self.sum_up()

    async def sum_up(self) -> None:
        """Keep a record of all messages that have none of their own, for each person and level."""
        for one in self._beyond.taken():
            report = self._record(
                one.speaker, one.place, one.heard, delivered=one.delivered, source=one.source
            )
            await self._put(msgspec.structs.replace(report, messages=one.messages), "")

    def _record(
        self, speaker: Speaker, place: Place, heard: Heard, *, delivered: bool, source: Source
    ) -> Report:
        found = heard.verdict
        return Report(
            id=self._means.fresh(),
            at=self._means.wall(),
            person=speaker.person,
            identity=speaker.identity,
            level=heard.level,
            categories=found.categories,
            rules=found.rules,
            version=found.version,
            source=source,
            route=place.route,
            service=place.service,
            correlation=speaker.correlation,
            delivered=delivered,
            conversation=_conversation(speaker),
            amends=heard.report,
        )

    def is_at_risk(self, person: str) -> bool:
        """Tell whether somebody has shown signs of it here lately: the key of a principal."""
        return self.people.is_at_risk(person, self._clock())

    # --- what services say ---

    def judge(
        self, place: Place, said_in: str, data: bytes, *, goes_on: bool = True
    ) -> Judged | Awaitable[Judged]:
        """Return what is shown of a service's message; see the port."""
        return self.judging.judge(place, said_in, data, goes_on=goes_on)

    def over(self, said_in: str) -> None:
        """Take that nothing more is said there."""
        self.judging.over(said_in)


def _conversation(speaker: Speaker) -> str:
    """Return what tells somebody from others of their network, where no more is known of them."""
    is_one_of_many = speaker.identity == "unknown"
    return mark_of(speaker.person, speaker.connection) if is_one_of_many else ""


def said_in(data: bytes) -> str:
    """Return what is said in a short message, a line each; bytes that are no text are gaps."""
    found = texts(data, _ANY)
    if found is None:
        found = data.decode("utf-8", "replace").replace("\0", "").replace("\ufffd", " ")
    return found


def parts_of(data: bytes) -> Iterator[str]:
    """Return what is said in a long message: of its two ends, as it is written, part by part."""
    for end in (data,) if len(data) <= 2 * WINDOW else (data[:WINDOW], data[-WINDOW:]):
        for at in range(0, len(end), _PART):
            part = end[max(0, at - OVERLAP) : at + _PART]
            found = texts(part, _JSON, whole=False) or ""
            yield found.replace("\0", "").replace("\ufffd", " ")
