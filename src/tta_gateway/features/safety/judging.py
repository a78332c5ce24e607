"""Looks at what services say, before it is shown: a message, or a part of a reply that goes on.

What does harm is taken out where it stands, and safe words stand there; all else of a message stays
as it is.  What could not be looked at is not shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from tta_gateway.features.safety.leaves import slices
from tta_gateway.features.safety.looking import AT_ONCE as SECONDS
from tta_gateway.features.safety.looking import NOTHING, Judge, graver, in_a_turn, steps
from tta_gateway.features.safety.members import Members, common, pieces
from tta_gateway.features.safety.metrics import REPLACED
from tta_gateway.features.safety.reply import TAIL, Replies, Reply
from tta_gateway.kernel.listening import Judged, Place
from tta_gateway.kernel.verdict import HIGH, Detector, Verdict
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import Died

AT_ONCE: Final = 2048
"""Bytes of a message that is looked at in the turn in which it comes (bench/web_socket.py)."""
_MEMBERS_AT_ONCE: Final = 40
_TURN: Final = 0.0005  # seconds of a turn of the loop
_WORDS: Final = 3  # that make a sentence, where it ends
_MANY: Final = 6  # that make one in any case
_OPENS: Final = "\"'(\u00a1\u00bf\u201c\u00ab"
_ENDS: Final = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f")
_EVIDENCE: Final = 4000
"""characters that are kept of what was not shown"""
SAFE: Final = (
    "This part of the reply is not shown. If things are hard right now, you can talk to somebody:"
    " people at a help line listen at any hour. If you are in danger, call your emergency number."
)
"""What stands in the place of what a service should not have said; the help card says more."""
Pause = Callable[[float], Awaitable[None]]


class Judging:
    """Judges what services say, wherever they say it."""

    def __init__(
        self,
        detector: Detector,
        *,
        clock: Callable[[], float],
        died: Died,
        registry: Registry,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """Go by this detector; `clock` is monotonic, in seconds, `pause` gives others a turn."""
        self._find: Judge = detector.of_service
        self._clock = clock
        self._died = died
        self._registry = registry
        self._pause = pause
        self._replies = Replies(clock)

    def answered(self, said_in: str) -> None:
        """Take that a client has spoken there: what comes now is another reply."""
        self._replies.answered(said_in)

    def judge(
        self, place: Place, said_in: str, data: bytes, *, goes_on: bool = True
    ) -> Judged | Awaitable[Judged]:
        """Return what is shown of a service's message; see the port.

        Where it does not go on, what follows what was not shown is shown: others may have said it.
        """
        if len(data) > AT_ONCE or data.count(b",") > _MEMBERS_AT_ONCE:
            return self._judge_long(place, said_in, data, goes_on=goes_on)
        try:
            members = Members(data)
            reply = self._reply(said_in, goes_on=goes_on)
            verdicts: dict[str, Verdict] = {}
            end = self._clock() + SECONDS
            for name, look_at in _asked(members, reply):
                found = in_a_turn(self._find, look_at, clock=self._clock, end=end)
                if found is None:  # it is made to be slow
                    return self._judge_long(place, said_in, data, goes_on=goes_on)
                verdicts[name] = found
            return self._shown(place, data, members, reply, verdicts)
        except Exception as error:  # noqa: BLE001 - what nobody has looked at is not shown
            return self._fault(place, error)

    def _reply(self, said_in: str, *, goes_on: bool) -> Reply:
        reply = self._replies.at(said_in) if said_in else Reply()
        if not goes_on:
            reply.answered()
        return reply

    async def _judge_long(
        self, place: Place, said_in: str, data: bytes, *, goes_on: bool
    ) -> Judged:
        try:
            members = Members(data)
            reply = self._reply(said_in, goes_on=goes_on)
            verdicts: dict[str, Verdict] = {}
            turns = Turns(self._clock, self._pause)
            if members.is_large:
                members.texts[""] = await _read(data, turns)
            for name, look_at in _asked(members, reply):
                verdicts[name], _ = await slowly(self._find, iter(look_at), turns)
            return self._shown(place, data, members, reply, verdicts)
        except Exception as error:  # noqa: BLE001 - likewise
            return self._fault(place, error)

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
        stopped: set[str] = set()  # of which a part is not shown
        worst = NOTHING
        text = ""
        for name, said in members.texts.items():
            if name not in verdicts:
                instead[name] = ""  # it is muted
                continue
            found = verdicts[name]
            family = common(name)
            if family in stopped and not is_whole(said):
                instead[name] = ""
                continue
            if found.level < HIGH:
                reply.shows(name)
                _keep(reply, name, said)
                continue
            worst = graver(worst, found)
            text = text or (reply.before(name) + said)[-_EVIDENCE:]
            reply.withheld(name)
            if family != name:
                stopped.add(family)
                reply.withheld(family)
                reply.withheld(family + " ")
            instead[name] = SAFE
        if instead:
            self._registry.child(REPLACED, place.route).add()
        if not instead or place.is_observed:
            return Judged(data)
        return Judged(members.with_texts(instead), worst if worst.level else None, text)

    def _fault(self, place: Place, error: Exception) -> Judged:
        self._died("judging", error)
        self._registry.child(REPLACED, place.route).add()
        return Judged(b"", Verdict(HIGH, rules=("fault",)))

    def over(self, said_in: str) -> None:
        """Take that nothing more is said there."""
        self._replies.over(said_in)


class Turns:
    """The turns of the loop in which something long is looked at."""

    def __init__(self, clock: Callable[[], float], pause: Pause) -> None:
        """Begin one; `pause` gives others theirs."""
        self._clock = clock
        self._pause = pause
        self._begun = clock()

    async def rest(self) -> None:
        """Give others a turn, if this one is long enough."""
        if self._clock() - self._begun >= _TURN:
            await self._pause(0)
            self._begun = self._clock()


async def _read(data: bytes, turns: Turns) -> str:
    """Return what a large message says."""
    found = []
    for piece in pieces(data):
        found.append(piece)
        await turns.rest()
    return "".join(found)


async def slowly(judge: Judge, parts: Iterator[str], turns: Turns) -> tuple[Verdict, str]:
    """Look at all parts, a little in a turn of the loop; return the verdict, and the gravest piece.

    What is cut between two parts is looked at again in the next one.
    """
    found, grave = NOTHING, ""
    for part in parts:
        for piece in slices(part):
            for verdict in steps(judge, piece):
                now = graver(found, verdict)
                if now.level > found.level:
                    grave = piece
                found = now
                await turns.rest()
    return found, grave


def _asked(members: Members, reply: Reply) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Return what is to be looked at: each member with what was said there before it.

    A whole sentence is looked at by itself, too: what stands before it might soften it.  Members
    that differ by a number are also looked at as one text, as a list of words is.
    """
    here: dict[str, str] = {}
    for name, said in members.texts.items():
        family = common(name)
        if reply.is_muted(name) or (family != name and reply.is_muted(family)):
            if is_whole(said):
                yield name, (said,)
        elif _is_again(reply, name, said):
            yield name, ()  # the same word again: a role, an event, a name
        else:
            looks = _looks(reply.before(name), said)
            for gap in ("", " ") if family != name else ():
                before = here.get(family + gap, reply.before(family + gap))
                here[family + gap] = (before + gap + said)[-TAIL:]
                if before:
                    looks.append(before + gap + said)
            yield name, tuple(looks)


def _looks(before: str, said: str) -> list[str]:
    """Return a text with what was said before it, and by itself where it says something so."""
    if not before:
        return [said]
    return [before + said, said] if " " in said.strip() else [before + said]


def _is_again(reply: Reply, name: str, said: str) -> bool:
    before = reply.before(name)
    return bool(before) and " " not in said.strip() and before.endswith(said)


def _keep(reply: Reply, name: str, said: str) -> None:
    """Remember what was said, with what goes on with it."""
    family = common(name)
    if family != name and not _is_again(reply, name, said):
        reply.said(family, said)
        reply.said(family + " ", " " + said)
    reply.said(name, said)


def is_whole(said: str) -> bool:
    """Tell whether a text is a sentence by itself, and no part of one that has begun before."""
    text = said.strip()
    first = text[:1]
    if said[:1].isspace() or first.islower() or not (first.isalnum() or first in _OPENS):
        return False
    words = len(text.split())
    return words >= _MANY or (words >= _WORDS and text.rstrip("\"')").endswith(_ENDS))
