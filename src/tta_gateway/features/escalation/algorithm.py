"""The states of an incident, and when who is called; pure.

    open          somebody is to be told, and no channel has confirmed yet
    notified      a channel has confirmed; nobody has acknowledged
    acknowledged  somebody has it
    handed_over   somebody has given it to somebody else, or to a service outside
    resolved      it is over; only people say so
    reopened      it alarms again: it got worse, came back, or somebody says so

An incident that alarms (open, notified, reopened) has always a moment at which the next call is
made.  It is never further ahead than the rung allows, so that a clock that is set back delays a
call by no more than its rung's time.  What another node goes on with (`holder`) does not alarm
here.  Levels only rise.  What a person without a proved identity writes is never level 3 by itself.

What people do counts for what they could know of (`heard`), wherever and whenever it is heard of.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from tta_gateway.features.escalation.bound import (
    MOST_TEXTS,
    Act,
    Call,
    Does,
    Incident,
    Ladder,
    Other,
    State,
)
from tta_gateway.kernel.incident import Report, is_promised
from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT

GRACE: Final = 10.0
"""Seconds that another node has to take up what came here of somebody whom it calls about."""
UNPROVED_AGAIN: Final = 3600.0
"""Seconds within which somebody whose token has expired opens no second incident."""
_MOST_SEEN: Final = 2**63 - 1  # what every database keeps
_ALARMING: Final = (State.OPEN, State.NOTIFIED, State.REOPENED)
CONFIRMED: Final[Mapping[State, State]] = {
    State.OPEN: State.NOTIFIED,
    State.NOTIFIED: State.NOTIFIED,
    State.REOPENED: State.NOTIFIED,
}
"""A channel has confirmed: it changes nothing where somebody has it already."""
WORSE: Final[Mapping[State, State]] = {
    State.OPEN: State.OPEN,
    State.NOTIFIED: State.OPEN,
    State.REOPENED: State.REOPENED,
    State.ACKNOWLEDGED: State.REOPENED,
    State.HANDED_OVER: State.REOPENED,
    State.RESOLVED: State.REOPENED,
}
"""What was told before is not enough."""
_ACKNOWLEDGE: Final[Mapping[State, State]] = {
    State.OPEN: State.ACKNOWLEDGED,
    State.NOTIFIED: State.ACKNOWLEDGED,
    State.REOPENED: State.ACKNOWLEDGED,
    State.ACKNOWLEDGED: State.ACKNOWLEDGED,
    State.HANDED_OVER: State.HANDED_OVER,
}
_HAND_OVER: Final[Mapping[State, State]] = dict.fromkeys(
    (*_ALARMING, State.ACKNOWLEDGED, State.HANDED_OVER), State.HANDED_OVER
)
_RESOLVE: Final[Mapping[State, State]] = dict.fromkeys(State, State.RESOLVED)
_REOPEN: Final[Mapping[State, State]] = {
    State.OPEN: State.OPEN,
    State.NOTIFIED: State.NOTIFIED,
    State.REOPENED: State.REOPENED,
    State.ACKNOWLEDGED: State.REOPENED,
    State.HANDED_OVER: State.REOPENED,
    State.RESOLVED: State.REOPENED,
}
_STAY: Final[Mapping[State, State]] = {one: one for one in State}
ACTS: Final[Mapping[Does, Mapping[State, State]]] = {
    "acknowledge": _ACKNOWLEDGE,
    "hand_over": _HAND_OVER,
    "resolve": _RESOLVE,
    "reopen": _REOPEN,
    "note": _STAY,
    "read_evidence": _STAY,
    "drill": _STAY,
}
"""What people do.  What is not here cannot be done: who is resolved is re-opened first."""
_ANSWERS: Final[tuple[Does, ...]] = ("acknowledge", "hand_over", "resolve")
"""those that end calls"""


def is_alarming(incident: Incident) -> bool:
    """Tell whether people are still to be called, by this node."""
    return incident.state in _ALARMING and not incident.holder


def is_open(incident: Incident) -> bool:
    """Tell whether further reports of the person belong to it, at this node."""
    return incident.state is not State.RESOLVED and not incident.holder


def level_of(report: Report) -> int:
    """Return how urgent a report is by itself."""
    most = HIGH if report.identity == "unverified" else IMMINENT
    return min(max(report.level, ELEVATED), most)


def incident_id(report: Report) -> str:
    """Return the id of the incident that a report opens: the same whenever it is read again."""
    return incident_of(report.id)


def incident_of(report: str) -> str:
    """Return the same, by the id of the report."""
    return _digest("incident", report)


def opened(report: Report, now: float, other: Other | None = None) -> Incident:
    """Return the incident that a report opens; its first call is due at once.

    If an `other` node calls about the person already, as urgently, it has a while to take this up.
    """
    is_known = other is not None and level_of(report) <= other.level
    return Incident(
        id=incident_id(report),
        person=report.person,
        identity=report.identity,
        drill=report.source == "drill",
        level=level_of(report),
        categories=report.categories,
        route=report.route,
        service=report.service,
        opened=now,
        last=now,
        began=min(report.at, now),
        due=now + GRACE if is_known else now,
        part_of="" if other is None else other.id,
        texts=int(bool(report.evidence)),
        reports=_messages(report),
        undelivered=_undelivered(report),
        promised=int(is_promised(report)),
        seen=mark(report),
    )


def mark(report: Report) -> int:
    """Return what a report adds to the sum of those that are known of (`seen`)."""
    return int.from_bytes(hashlib.sha256(report.id.encode()).digest()[:8]) & _MOST_SEEN


def _with(incident: Incident, report: Report) -> int:
    return (incident.seen + mark(report)) & _MOST_SEEN


def folded(incident: Incident, report: Report, ladder: Ladder, now: float) -> Incident:
    """Return an incident with one report more.

    It alarms anew if it gets worse, or if nobody has said anything for as long as the first rung
    of its `ladder` has time: who acknowledged then may not be looking now.  So it does if it is
    over, elsewhere, for people who could not know of the report.
    """
    level = max(incident.level, level_of(report))
    before = (*incident.categories, *report.categories)
    made = replace(
        incident,
        level=level,
        identity=report.identity if incident.identity != "verified" else "verified",
        categories=tuple(dict.fromkeys(before)),
        route=report.route,
        service=report.service,
        last=max(incident.last, now),
        reports=incident.reports + _messages(report),
        texts=incident.texts + int(keeps_text(incident, report)),
        undelivered=incident.undelivered + _undelivered(report),
        promised=incident.promised + int(is_promised(report)),
        seen=_with(incident, report),
    )
    ago = _since(incident.acknowledged, now)
    is_late = not is_alarming(incident) and ago >= ladder.rungs[0].within
    is_over = incident.state is State.RESOLVED
    if level == incident.level and not (is_late or is_over):
        return made
    return _alarming(made, WORSE[incident.state], began=min(report.at, now), now=now)


def _messages(report: Report) -> int:
    """Return of how many messages it tells that no other report tells of."""
    return 0 if report.amends else max(1, report.messages)


def _undelivered(report: Report) -> int:
    return 0 if report.delivered else max(1, report.messages)


def _since(moment: float, now: float) -> float:
    """Return how long ago a moment was; a clock that was set back makes it long ago."""
    return now - moment if now >= moment else float("inf")


def noted(incident: Incident, report: Report, now: float) -> Incident:
    """Return an incident that is over, with a report more of somebody who has proved nothing.

    They open one an hour at most: it counts there, and alarms again only if it is graver.
    """
    level = max(incident.level, level_of(report))
    made = replace(
        incident,
        level=level,
        categories=tuple(dict.fromkeys((*incident.categories, *report.categories))),
        last=max(incident.last, now),
        reports=incident.reports + _messages(report),
        texts=incident.texts + int(keeps_text(incident, report)),
        undelivered=incident.undelivered + _undelivered(report),
        promised=incident.promised + int(is_promised(report)),
        seen=_with(incident, report),
    )
    if level == incident.level:
        return made
    return _alarming(made, State.REOPENED, began=min(report.at, now), now=now)


def keeps_text(incident: Incident, report: Report) -> bool:
    """Tell whether what was written is kept with the incident.

    Always if that was promised; else each level has places that lower ones cannot take.
    """
    if is_promised(report):
        return True
    others = incident.texts - incident.promised
    return bool(report.evidence) and others < MOST_TEXTS * level_of(report)


def _alarming(incident: Incident, state: State, *, began: float, now: float) -> Incident:
    """Return an incident that begins to call from its first rung."""
    return replace(
        incident,
        state=state,
        began=began,
        due=now,
        calls=0,
        notified=0.0,
        acknowledged=0.0,
        resolved=0.0,
    )


def patience(ladder: Ladder, calls: int) -> float:
    """Return how long people have after that many calls of an alarm."""
    if 0 < calls <= len(ladder.rungs):
        return ladder.rungs[calls - 1].within
    return ladder.again


def tick(incident: Incident, ladder: Ladder, now: float) -> tuple[Incident, Call | None]:
    """Return the incident as it is now, and the call that is due, if one is."""
    if not is_alarming(incident):
        return incident, None
    latest = now + (patience(ladder, incident.calls) if incident.calls else _grace(incident))
    if incident.due > latest:  # the clock was set back, or the policy is quicker now
        incident = replace(incident, due=latest)
    if incident.due > now:
        return incident, None
    calls, attempt = incident.calls + 1, incident.attempt + 1
    call = Call(
        id=call_id(incident.id, attempt),
        incident=incident.id,
        contacts=contacts(ladder, calls),
        number=attempt,
        at=now,
    )
    due = now + patience(ladder, calls)
    return replace(incident, calls=calls, attempt=attempt, due=due), call


def _grace(incident: Incident) -> float:
    """Return how long the first call may wait, for another node to take it up."""
    return GRACE if incident.part_of else 0.0


def taken_over(incident: Incident, now: float) -> Incident:
    """Return an incident whose node is gone, as the next one begins with it.

    Nobody knows whether the last call has got through: it is made again, with the same id.  Who has
    answered by a clock that is ahead is not taken to look after somebody for longer.
    """
    if not is_alarming(incident):
        return replace(incident, acknowledged=min(incident.acknowledged, now))
    step = int(incident.calls > 0)
    calls, attempt = incident.calls - step, incident.attempt - step
    return replace(incident, due=now, calls=calls, attempt=attempt)


def call_id(incident: str, attempt: int) -> str:
    """Return the id of a call: the same whenever it is made again."""
    return _digest(incident, str(attempt))


def contacts(ladder: Ladder, calls: int) -> tuple[str, ...]:
    """Return who is told by a call of an alarm, the first being 1: behind the last rung, all."""
    if calls <= len(ladder.rungs):
        return ladder.rungs[calls - 1].contacts
    return tuple(dict.fromkeys(one for rung in ladder.rungs for one in rung.contacts))


def confirmed(incident: Incident, now: float) -> Incident:
    """Return the incident of whom a channel has confirmed a notice."""
    state = CONFIRMED.get(incident.state)
    if state is None:
        return incident
    return replace(incident, state=state, notified=incident.notified or now)


def unreached(incident: Incident, ladder: Ladder, now: float) -> Incident:
    """Return the incident of which nobody of a call could be told: the next rung is due at once.

    Behind the last rung that is left to the tries of each channel.
    """
    if not is_alarming(incident) or incident.calls >= len(ladder.rungs):
        return incident
    return replace(incident, due=min(incident.due, now))


class Impossible(Exception):
    """The incident is in a state in which that cannot be done."""


def acted(incident: Incident, act: Act) -> Incident:
    """Return the incident after what somebody has done; Impossible."""
    state = ACTS[act.does].get(incident.state)
    if state is None:
        raise Impossible(f"it is {incident.state.value}: re-open it first")
    if act.does == "reopen":
        if is_alarming(incident):
            return incident
        return _alarming(incident, state, began=act.at, now=act.at)
    if ACTS[act.does] is _STAY:
        return incident
    return replace(
        incident,
        state=state,
        due=0.0,
        acknowledged=_acknowledged(incident, act),
        carer=_carer(incident, act),
        resolved=act.at if state is State.RESOLVED else 0.0,
    )


def informed(act: Act, incident: Incident) -> Act:
    """Return an act as it is kept with an incident: done by what is known of that here.

    One that has been done elsewhere says itself what was known there.
    """
    if not act.level:
        known = replace(act, level=incident.level, seen=incident.seen, token=incident.token)
        return replace(known, incident=incident.id)
    token = act.token if act.incident == incident.id else 0  # of another incident it says nothing
    return replace(act, incident=incident.id, token=token)


def heard(incident: Incident, act: Act, ladder: Ladder, now: float) -> Incident:
    """Return the incident after an act that may have been done elsewhere, or before; Impossible.

    What whoever did it could not know of is as if it had come behind it: people are called about
    that, and go on being called.
    """
    after = acted(incident, replace(act, at=min(act.at, now)))
    if act.does not in _ANSWERS or _is_known(incident, act, ladder, now):
        return after
    is_answered = incident.state in (State.ACKNOWLEDGED, State.HANDED_OVER)
    if act.does == "resolve" and is_answered:
        return _alarming(incident, State.REOPENED, began=now, now=now)
    return incident


def _is_known(incident: Incident, act: Act, ladder: Ladder, now: float) -> bool:
    """Tell whether whoever did something knew of all that people would be called about after it.

    That is what is graver, whatever comes once it is over, and whatever comes later than the first
    rung of the `ladder` has time.  How long ago it was done at another node no clock says: it was
    not long ago if the incident is with the same node still.
    """
    if act.seen == incident.seen:
        return True
    if act.does == "resolve" or act.level < incident.level or act.token != incident.token:
        return False
    return abs(now - act.at) < ladder.rungs[0].within


def _acknowledged(incident: Incident, act: Act) -> float:
    """Return when it was acknowledged last; who says so once more looks at it now."""
    if act.does == "resolve":
        return incident.acknowledged or act.at
    return max(incident.acknowledged, act.at)


def _carer(incident: Incident, act: Act) -> str:
    if act.does == "hand_over":
        return act.to
    if act.does == "acknowledge" and incident.state is not State.HANDED_OVER:
        return act.by
    return incident.carer or act.by


FIRST_PAUSE: Final = 1.0  # seconds until the second try of a channel
LONGEST_PAUSE: Final = 30.0


def pause(tries: int, chance: float) -> float:
    """Return seconds to wait after so many tries in vain; `chance` is from 0 to 1."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(tries - 1, 0), 10))
    return whole * (0.5 + 0.5 * chance)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
