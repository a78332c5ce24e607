"""Listens to what people say through sockets, and looks at what services say to them.

The verdict is of the message, of it together with the short ones before it, and of what was said
over the turns (people.py).  Of each person and each reply a little is kept, in memory.  A long
message is looked at in several turns of the loop: it holds nobody else up.

Whatever fails here, a person's message goes on; a service's does not: what nobody has looked at is
not shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tta_gateway.features.safety.leaves import OVERLAP, slices, texts
from tta_gateway.features.safety.looking import NOTHING, graver
from tta_gateway.features.safety.members import Members
from tta_gateway.features.safety.metrics import HEARD, REPLACED, UNREPORTED
from tta_gateway.features.safety.people import People, Person, Turns
from tta_gateway.features.safety.reply import Replies, Reply
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.incident import Report, Reports, Source
from tta_gateway.kernel.listening import SILENCE, Heard, Judged, Place, Speaker
from tta_gateway.kernel.verdict import HIGH, Detector, Verdict
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import Died

AT_ONCE: Final = 4096
"""Bytes of a message that is looked at in the turn in which it comes (bench/web_socket.py)."""
WINDOW: Final = 32 * 1024
"""Bytes of each end of a message that are looked at."""
_PART: Final = 8 * 1024  # of a long message, which is read in such parts
_TURN: Final = 0.001  # seconds of a turn of the loop
_DURABLE: Final = 2.0  # seconds until a record is on the disk, or counts as lost
_EVIDENCE: Final = 4000
"""characters of what was said that are kept with an incident"""
_ANY: Final = b""
_JSON: Final = b"application/json"
SAFE: Final = (
    "This part of the reply is not shown. If things are hard right now, you can talk to somebody:"
    " people at a help line listen at any hour. If you are in danger, call your emergency number."
)
"""What stands in the place of what a service should not have said; the help card says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What listening needs: who finds, who keeps, and who is told.

    `clock` is monotonic and `wall` the time of day, in seconds; `fresh` makes ids that are new;
    `pause` lets others have a turn; `told` hears of whoever may be at risk, and `by` says
    which worker this is.
    """

    detector: Detector
    reports: Reports
    turns: Callable[[], Turns]
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
        self._find = means.detector.of_person
        self.people = People()
        self.cool_down = 600.0
        """seconds"""
        self._replies = Replies(means.clock)
        child = means.registry.child
        self._heard = [child(HEARD, str(level)) for level in range(4)]
        self._unreported = child(UNREPORTED)

    # --- what people say ---

    def listen(self, speaker: Speaker, place: Place, data: bytes) -> Heard | Awaitable[Heard]:
        """Return what is in a message of a person's; see the port."""
        self._replies.answered(speaker.connection)
        if len(data) > AT_ONCE:
            return self._listen_long(speaker, place, data)
        try:
            text = said_in(data)
            if not text:
                return SILENCE
            found = NOTHING
            for piece in slices(text):
                found = graver(found, self._find(piece))
            return self._made(speaker, place, found, text)
        except Exception as error:  # noqa: BLE001 - whatever fails, the message goes on
            self._means.died("listening", error)
            return SILENCE

    async def _listen_long(self, speaker: Speaker, place: Place, data: bytes) -> Heard:
        try:
            found, grave = await self._found(self._find, parts_of(data))
            return self._made(speaker, place, found, grave)
        except Exception as error:  # noqa: BLE001 - likewise
            self._means.died("listening", error)
            return SILENCE

    async def _found(
        self, find: Callable[[str], Verdict], parts: Iterator[str]
    ) -> tuple[Verdict, str]:
        """Return what is found in all of them, a little in a turn; and in which it was gravest."""
        found, grave = NOTHING, ""
        begun = self._clock()
        for part in parts:
            for piece in slices(part):
                now = graver(found, find(piece))
                if now.level > found.level:
                    grave = piece
                found = now
                if self._clock() - begun >= _TURN:
                    await self._means.pause(0)
                    begun = self._clock()
        return found, grave

    def _made(self, speaker: Speaker, place: Place, found: Verdict, text: str) -> Heard:
        """Return what a message comes to, with what was said before it."""
        now = self._clock()
        key = speaker.person
        if speaker.identity == "unknown":
            key = f"{key} {speaker.connection}"  # a network is many people
        who = self.people.find(key)
        if who is None:
            who = Person(self._means.turns())
        together = who.together(text, now)
        if together and found.level < HIGH:
            both = self._find(together)
            if both.level > found.level:
                found, text = graver(both, found), together
        level = max(found.level, who.turns.hear(found, now))
        self._heard[level].add()
        if level:
            who.is_at(level, now)
        at_risk = who.is_at_risk(now)
        self.people.keep(key, who, at_risk=at_risk)
        if not level:
            return SILENCE
        if level < HIGH:
            return Heard(found, level=level, text=text[:_EVIDENCE])
        who.forget_said()
        needs_card = who.needs_card(speaker.connection, level, now, self.cool_down)
        if needs_card:
            self._tell(speaker, place, found, level)
        return Heard(found, level=level, text=text[:_EVIDENCE], needs_card=needs_card)

    def _tell(self, speaker: Speaker, place: Place, found: Verdict, level: int) -> None:
        """Tell that somebody may be at risk, without what they said."""
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
        found, means = heard.verdict, self._means
        report = Report(
            id=means.fresh(),
            at=means.wall(),
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
        )
        try:
            async with asyncio.timeout(_DURABLE):
                is_kept = await means.reports.put(report, heard.text)
        except Exception as error:  # noqa: BLE001 - whatever fails, the person gets help
            means.died("safety report", error)
            is_kept = False
        if not is_kept:
            self._unreported.add()
        return is_kept

    def is_at_risk(self, person: str) -> bool:
        """Tell whether somebody has shown signs of it here lately, by the key of their principal."""
        return self.people.is_at_risk(person, self._clock())

    # --- what services say ---

    def judge(self, place: Place, said_in: str, data: bytes) -> Judged | Awaitable[Judged]:
        """Return what is shown of a service's message; see the port."""
        if len(data) > AT_ONCE:
            return self._judge_long(place, said_in, data)
        try:
            members = Members(data)
            reply = self._replies.at(said_in)
            verdicts = {
                name: self._harm(look_at) for name, look_at in _asked(members, reply)
            }
            return self._shown(place, data, members, reply, verdicts)
        except Exception as error:  # noqa: BLE001 - what nobody has looked at is not shown
            return self._fault(place, error)

    async def _judge_long(self, place: Place, said_in: str, data: bytes) -> Judged:
        find = self._means.detector.of_service
        try:
            members = Members(data)
            reply = self._replies.at(said_in)
            verdicts: dict[str, Verdict] = {}
            for name, look_at in _asked(members, reply):
                verdicts[name], _ = await self._found(find, iter(look_at))
            return self._shown(place, data, members, reply, verdicts)
        except Exception as error:  # noqa: BLE001 - likewise
            return self._fault(place, error)

    def _harm(self, look_at: tuple[str, ...]) -> Verdict:
        found = NOTHING
        for text in look_at:
            for piece in slices(text):
                found = graver(found, self._means.detector.of_service(piece))
        return found

    def _shown(
        self,
        place: Place,
        data: bytes,
        members: Members,
        reply: Reply,
        verdicts: dict[str, Verdict],
    ) -> Judged:
        """Return the message without what does harm, and without what goes on with that."""
        instead: dict[str, str] = {}
        worst = NOTHING
        text = ""
        for name, said in members.texts.items():
            if reply.is_muted(name):
                instead[name] = ""
                continue
            found = verdicts[name]
            if found.level < HIGH:
                reply.said(name, said)
                continue
            worst = graver(worst, found)
            text = text or (reply.before(name) + said)[-_EVIDENCE:]
            reply.withheld(name)
            instead[name] = SAFE
        if not instead:
            return Judged(data)
        if worst.level:
            self._means.registry.child(REPLACED, place.route).add()
        return Judged(members.with_texts(instead), worst if worst.level else None, text)

    def _fault(self, place: Place, error: Exception) -> Judged:
        self._means.died("judging", error)
        self._means.registry.child(REPLACED, place.route).add()
        return Judged(b"", Verdict(HIGH, rules=("fault",)))

    def over(self, said_in: str) -> None:
        """Take that nothing more is said there."""
        self._replies.over(said_in)


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


def _asked(members: Members, reply: Reply) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Return what is to be looked at: each member with what was said there before it.

    A whole sentence is looked at by itself, too: what stands before it might soften it.
    """
    for name, said in members.texts.items():
        if reply.is_muted(name):
            continue
        before = reply.before(name)
        if not before:
            yield name, (said,)
        elif " " not in said.strip() and before.endswith(said):
            yield name, ()  # the same word again: a role, an event, a name
        elif " " in said.strip():
            yield name, (before + said, said)
        else:
            yield name, (before + said,)
