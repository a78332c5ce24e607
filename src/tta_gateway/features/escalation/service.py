"""The guard's work: reports become incidents, incidents calls, and people answer.

Every step is one transaction of the store, and nothing here waits for anything else: channels are
another's (delivering.py).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from tta_gateway.features.escalation import algorithm
from tta_gateway.features.escalation.algorithm import is_alarming
from tta_gateway.features.escalation.bound import (
    Act,
    Bundle,
    Call,
    Contact,
    EscalationBound,
    Incident,
    Owed,
    ServiceHook,
    Settled,
    State,
    Yielded,
    is_subscriber,
)
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.metrics import (
    ACKNOWLEDGE,
    NOTICES,
    NOTIFY,
    OPEN,
    PARKED,
    PAST_DUE,
    REPORTS,
    UNACKNOWLEDGED,
    UNCARRIED,
)
from tta_gateway.features.escalation.sealing import ERASED, LOCKED
from tta_gateway.features.escalation.sqlite_store import MOST_PARTS, SqliteStore, is_fault
from tta_gateway.features.escalation.store import Record
from tta_gateway.features.escalation.trying import MOST, Trying
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.verdict import HIGH
from tta_gateway.support.metrics import Registry

UNREADABLE: Final = "unreadable-records"
"""Stands for the person of an incident about records that nothing can be made of."""
MOST_APART: Final = 8
"""incidents of one network that are open at once of people who are known by what they write through
alone; those beyond are one"""
MOST_CALLS: Final = 64
"""calls of a transaction"""
Trouble: TypeAlias = Literal["unreached", "parked", "store"]
_decode = msgspec.msgpack.Decoder(Report).decode


class Outside(Protocol):
    """The rest of the guard."""

    def wall(self) -> float:
        """Return seconds since the epoch."""

    def chance(self) -> float:
        """Return something from 0 to 1."""

    def tell(self, event: str, **fields: object) -> None:
        """Write a line of the log."""

    def trouble(self, kind: Trouble, of: str, *, cause: str, over: bool) -> None:
        """Have an alert begin, or end."""

    def changed(self) -> None:
        """Hear that something may be due earlier than was known."""


class Unknown(Exception):
    """There is no such incident."""


class Escalation:
    """All incidents of this node."""

    def __init__(
        self, store: SqliteStore, trying: Trying, outside: Outside, counts: Registry
    ) -> None:
        """Go on with what the store holds."""
        self.bound = EscalationBound()
        self._contacts: dict[str, Contact] = {}
        self._subscribers: tuple[str, ...] = ()  # those of the contacts that every call goes to
        self._trying = trying
        self._outside = outside
        self._counts = counts
        self._is_new = False  # whether the policy may have taken away who was called
        self._before: dict[str, Incident | None] = {}
        """what a step that may still be undone has changed of `_alarming`"""
        self._refused = set[str]()  # what came from other nodes and could not be taken
        self.use(store)

    def use(self, store: SqliteStore) -> None:
        """Go on with what another store holds."""
        self.store = store
        self.marks = store.marks()
        self._alarming = {one.id: one for one in store.alarming()}
        self._unheard = {one.id for one in self._alarming.values() if not one.notified}
        """incidents of which an alert may say that nobody is reached"""

    def adopt(
        self,
        bound: EscalationBound,
        unfit: Collection[str] = (),
        subscribers: Sequence[ServiceHook] = (),
    ) -> None:
        """Go by this policy from now on; nobody can be called by contacts that are `unfit`.

        `subscribers` are told by every call, beside those whom it is for.
        """
        self.bound = bound
        everybody = (*bound.contacts, *subscribers)
        self._contacts = {one.name: one for one in everybody if one.name not in unfit}
        self._subscribers = tuple(one for one in self._contacts if is_subscriber(one))
        self._is_new = True
        self._outside.changed()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Do all or nothing of what is done within: a disk that refuses leaves memory as it was."""
        self._before.clear()
        try:
            with self.store.transaction():
                yield
        except BaseException:
            for id, incident in self._before.items():
                self._remember(id, incident)
            raise

    def _remember(self, id: str, incident: Incident | None) -> None:
        """Know of an incident that it alarms; None: that it does not."""
        if incident is None:
            self._alarming.pop(id, None)
        else:
            self._alarming[id] = incident

    # Reports

    def take(self, records: Sequence[Record]) -> None:
        """Take records, each with its incident, and their marks in one transaction.

        Where a guard has died at one of them each is taken by itself: else one more that kills
        would undo that the first is parked, and none ever gets past both.
        """
        while records and self._trying.is_wary:
            self._take_together(records[:1])
            self._trying.passed(records[0].segment, records[0].end)
            records = records[1:]
        if records:
            self._take_together(records)

    def _take_together(self, records: Sequence[Record]) -> None:
        marks = dict(self.marks)
        with self._kept():
            for record in records:
                self._take(record)
                marks[record.segment] = record.end
            self._trying.end()  # what follows is the disk's: to be killed there says nothing of it
        self.marks = marks
        self._outside.changed()

    def forget(self, segments: Iterable[str]) -> None:
        """Keep no marks of these segments, which are no more."""
        with self.store.transaction():
            for segment in segments:
                self.store.unmark(segment)
        self.marks = self.store.marks()

    def _take(self, record: Record) -> None:
        if self._trying.deaths(record.segment, record.end) >= MOST:
            self._park(record, "guards have died of it")
        else:
            self._trying.begin(record.segment, record.end)
            self._try(record)
        self.store.mark(record.segment, record.end)

    def _try(self, record: Record) -> None:
        try:
            with self.store.savepoint():
                self._report(_decode(record.payload))
        except Exception as fault:
            if is_fault(fault):
                raise
            self._park(record, type(fault).__name__)

    def _park(self, record: Record, cause: str) -> None:
        """Put a record aside, and have people called: somebody may be in need."""
        now = self._outside.wall()
        segment, end = record.segment, record.end
        self.store.park(segment, end, record.payload, at=now, cause=cause)
        self._outside.tell("record_parked", segment=segment, end=end, cause=cause)
        self._outside.trouble("parked", segment, cause=cause, over=False)
        self._report(unreadable(f"{segment}:{end}", now))

    def report(self, report: Report) -> Incident:
        """Take a report that has come by no journal: of what cannot be read."""
        with self._kept():
            found = self._report(report)
        self._outside.changed()
        return found

    def _report(self, report: Report) -> Incident:
        """Keep a report with its incident; one that is known already changes nothing."""
        drill = report.source == "drill"
        known = self.store.incident_of(report.id)
        if known:
            self.store.carry("report", report.id, known)
            return self._found(known)
        whose, now = self._whose(report), self._outside.wall()
        found = self.store.open_of(whose, drill=drill) or self._of_late(report, now)
        if found is None:
            other = None if drill else self.store.other_of(whose)
            made = algorithm.opened(msgspec.structs.replace(report, person=whose), now, other)
            keeps = True
        elif not algorithm.is_open(found):
            made, keeps = algorithm.noted(found, report, now), algorithm.keeps_text(found, report)
        else:
            keeps = algorithm.keeps_text(found, report)
            level = max(found.level, algorithm.level_of(report))
            made = algorithm.folded(found, report, self.bound.ladder(level), now)
        kept = report if keeps else msgspec.structs.replace(report, evidence=b"")
        self.store.add(kept, made.id)
        if drill:
            self._record_drill(report, made)
        self._counts.child(REPORTS, self._level(made)).add()
        return self._step(made, now)

    def _record_drill(self, report: Report, incident: Incident) -> None:
        """Keep that somebody has people called about nobody: an act as any other."""
        act = Act(
            id=report.id,
            incident=incident.id,
            does="drill",
            by=report.person.partition(" of ")[2] or report.person,
            at=report.at,
            text=f"level {report.level}",
        )
        if self.store.act(act.id) is None:
            self.store.add_act(act)

    def _whose(self, report: Report) -> str:
        """Return whose incident it belongs to.

        A network is many people: those of whom no more is known are told apart by what they write
        through, so many of them.
        """
        if report.identity != "unknown" or not report.conversation:
            return report.person
        one = f"{report.person}/{report.conversation}"
        is_known = self.store.open_of(one, drill=False) is not None
        has_room = is_known or self.store.open_among(report.person) < MOST_APART
        return one if has_room else report.person

    def _of_late(self, report: Report, now: float) -> Incident | None:
        """Return the last incident of somebody who opens no second one within an hour."""
        if report.identity != "unverified":
            return None
        return self.store.latest_of(report.person, now - algorithm.UNPROVED_AGAIN, now)

    # Calls

    def tick(self) -> float:
        """Make calls that are due, the most urgent first; return when the next is, `inf` for never.

        Not all at once: what channels are to do comes between.
        """
        now = self._outside.wall()
        self._tell_damaged(now)
        if self._is_new and self._contacts:
            with self._kept():
                for one in list(self._alarming.values()):
                    self._call_others(one, now)
            self._is_new = False
        due = [one for one in self._alarming.values() if self._is_due(one, now)]
        if due:
            due.sort(key=lambda one: (-one.level, one.due))
            with self._kept():
                for one in due[:MOST_CALLS]:
                    self._step_alone(one, now)
            self._outside.changed()
        return min((one.due for one in self._alarming.values()), default=float("inf"))

    def _call_others(self, incident: Incident, now: float) -> None:
        """Have a call made again whose contacts are no more, or that had none: not a rung later."""
        if incident.part_of and not incident.attempt:
            return  # another node calls about it
        owed = {one.contact for one in self.store.owed_of(incident.id)}
        for contact in owed - self._contacts.keys():
            self.store.supersede(incident.id, contact)
        people = {one for one in owed if not is_subscriber(one)}
        gone = people - self._contacts.keys()
        is_somebody = len(self._contacts) > len(self._subscribers)
        if gone or (is_somebody and not (people or incident.notified)):
            calls = max(0, incident.calls - 1) if gone else 0
            self._keep(msgspec.structs.replace(incident, due=now, calls=calls))
        elif incident.attempt:
            self._tell_subscribers(incident, now)

    def _tell_subscribers(self, incident: Incident, now: float) -> None:
        """Owe the call that was made last to services that have subscribed since."""
        call = algorithm.call_id(incident.id, incident.attempt)
        known = self.store.told_by(call)
        for contact in self._subscribers:
            if contact not in known:
                self.store.owe(
                    Owed(
                        call=call,
                        contact=contact,
                        incident=incident.id,
                        number=incident.attempt,
                        level=incident.level,
                        due=now,
                    )
                )

    def _step_alone(self, incident: Incident, now: float) -> None:
        """Make a call; whatever is wrong with one incident, the others are called about."""
        try:
            with self.store.savepoint():
                self._step(incident, now)
        except Exception as fault:
            if is_fault(fault):
                raise
            kind = type(fault).__name__
            self._outside.tell("incident_not_called", incident=incident.id, error=kind)
            self._remember(incident.id, msgspec.structs.replace(incident, due=now + 1.0))

    def _tell_damaged(self, now: float) -> None:
        """Have people called about incidents of which nothing can be made: somebody is in need."""
        for id, level in self.store.take_damaged().items():
            self._outside.tell("incident_damaged", incident=id)
            self._outside.trouble("parked", id, cause="an incident makes no sense", over=False)
            self.report(unreadable(f"incident {id}", now, level=level))
        for what, why in self.store.take_aside():
            self._outside.tell("incident_set_aside", of=what, error=why)
            cause = f"it cannot be carried to other nodes: {why}"
            self._outside.trouble("parked", what, cause=cause, over=False)

    def _is_due(self, incident: Incident, now: float) -> bool:
        patience = algorithm.patience(self.bound.ladder(incident.level), incident.calls)
        return not now < incident.due <= now + patience

    def _step(self, incident: Incident, now: float) -> Incident:
        """Keep an incident, with every call that is due."""
        ladder = self.bound.ladder(incident.level)
        moved, call = algorithm.tick(incident, ladder, now)
        while call is not None:
            if not self._call(call, moved.level, now):
                last = moved.calls >= len(ladder.rungs)
                if last:
                    self._nobody(moved, "the policy names nobody who can be called")
                moved = algorithm.unreached(moved, ladder, now)
            moved, call = algorithm.tick(moved, ladder, now)
        self._keep(moved)
        return moved

    def _call(self, call: Call, level: int, now: float) -> bool:
        """Owe a call to its contacts, and to subscribers; False if nobody else is told."""
        known = [one for one in call.contacts if one in self._contacts]
        for contact in (*known, *self._subscribers):
            self.store.supersede(call.incident, contact)
            self.store.owe(
                Owed(
                    call=call.id,
                    contact=contact,
                    incident=call.incident,
                    number=call.number,
                    level=level,
                    due=now,
                )
            )
        return bool(known)

    def _nobody(self, incident: Incident, cause: str) -> None:
        self._outside.tell("nobody_reached", incident=incident.id, level=incident.level)
        self._outside.trouble("unreached", incident.id, cause=cause, over=False)
        self._unheard.add(incident.id)

    def _heard(self, incident: str, cause: str) -> None:
        """End the alert that nobody is reached, if there may be one."""
        if incident in self._unheard:
            self._unheard.discard(incident)
            self._outside.trouble("unreached", incident, cause=cause, over=True)

    def _keep(self, incident: Incident, *, is_carried: bool = False) -> None:
        self.store.put(incident, is_carried=is_carried)
        self._before.setdefault(incident.id, self._alarming.get(incident.id))
        self._remember(incident.id, incident if is_alarming(incident) else None)

    # What channels say

    def owed(self, contact: str, most: int) -> list[Owed]:
        """Return notices that are due to a contact, the most urgent first."""
        return self.store.owed(contact, self._outside.wall(), most)

    def next_due(self) -> float:
        """Return when something more is due; `inf` for never."""
        return self.store.next_due(self._outside.wall())

    def notice(self, owed: Owed) -> Notice | None:
        """Return a notice as it is sent now; None if nobody need be told any more."""
        incident = self._alarming.get(owed.incident)
        if incident is None:
            return None
        at = self._outside.wall()
        return Notice(
            id=owed.call, number=owed.number, contact=owed.contact, incident=incident, at=at
        )

    def confirmed(self, owed: Owed) -> None:
        """Take note that a contact has confirmed a notice."""
        now = self._outside.wall()
        self._counts.child(NOTICES, _named(owed), "confirmed").add()
        with self._kept():
            if not self.store.confirm(owed, now) or is_subscriber(owed.contact):
                return  # a newer call has taken its place, somebody has answered, or it is nobody
            incident = self._found(owed.incident)
            is_first = is_alarming(incident) and not incident.notified
            self._keep(algorithm.confirmed(incident, now))
        if is_first:
            took = max(0.0, now - incident.began)
            self._counts.child(NOTIFY, self._level(incident)).observe(took)
            self._heard(incident.id, "somebody is told")
        self._outside.changed()

    def failed(self, owed: Owed, why: str) -> None:
        """Take note that a try was in vain; where nobody of a call is reached the next follows."""
        now = self._outside.wall()
        self._counts.child(NOTICES, _named(owed), "failed").add()
        self._outside.tell(
            "notice_not_sent", contact=owed.contact, incident=owed.incident, error=why
        )
        incident = self._alarming.get(owed.incident)
        if incident is None:
            return
        tries = owed.tries + 1
        due = now + algorithm.pause(tries, self._outside.chance())
        with self._kept():
            left = {(one.call, one.contact) for one in self.store.owed_of(owed.incident)}
            if (owed.call, owed.contact) not in left:
                return  # a newer call has taken its place meanwhile
            self.store.owe(msgspec.structs.replace(owed, tries=tries, due=due))
            if not is_subscriber(owed.contact) and self.store.is_unreached(owed.call):
                self._unreached(incident, now, why)
        self._outside.changed()

    def _unreached(self, incident: Incident, now: float, why: str) -> None:
        ladder = self.bound.ladder(incident.level)
        if incident.calls >= len(ladder.rungs) and not incident.notified:
            self._nobody(incident, f"no channel works: {why}")
        self._step(algorithm.unreached(incident, ladder, now), now)

    # What people do

    def act(self, act: Act) -> Incident:
        """Do it, once for each id, for what whoever did it could know; Unknown or Impossible."""
        before, now = self._found(act.incident), self._outside.wall()
        act = algorithm.informed(act, before)
        if self.store.act(act.id) is not None:
            return before
        if before.person == LOCKED:
            raise algorithm.Impossible("its key is not at hand now, and it cannot be read")
        if before.person == ERASED and act.does == "reopen":
            raise algorithm.Impossible("nothing is kept any more of whom it was about")
        after = algorithm.heard(before, act, self.bound.ladder(before.level), now)
        with self._kept():
            self.store.add_act(act)
            self._keep(after)
            if not is_alarming(after):
                self.store.forgive(act.incident)
        if is_alarming(before) and not is_alarming(after):
            took = max(0.0, min(act.at, now) - before.began)
            self._counts.child(ACKNOWLEDGE, self._level(before)).observe(took)
            self._heard(after.id, "somebody answers")
        self._outside.tell("incident_acted", incident=act.incident, does=act.does, by=act.by)
        self._outside.changed()
        return after

    def _found(self, id: str) -> Incident:
        found = self.store.incident(id) or self.store.part_of(id)
        if found is None:
            raise Unknown(id)
        return found

    # Of several nodes one goes on with an incident (carrying.py)

    def show_all(self) -> None:
        """Have all that alarms carried once more: other nodes may have it by now."""
        with self.store.transaction():
            for id in self._alarming:
                self.store.carry("incident", id, id)

    def settle(self, settled: Settled) -> None:
        """Take up what all nodes have been told, and what they say.

        It comes again until it is taken: whatever is wrong with one must not hold up others.
        """
        for one in settled.bundles:
            with self._kept():
                self._settle(f"incident {one.incident.id}", partial(self._take_over, one))
        with self._kept():
            for report in settled.reports:
                self._settle(f"report {report.id}", partial(self._take_report, report))
        for act in settled.acts:
            self._take_act(act)
        with self._kept():
            self.store.keep_others(settled.others, whole=settled.whole)
            self.store.carried(settled.numbers)
            self.store.refuse(settled.refused, settled.why)
            for gone in settled.yielded:
                self._settle(f"incident {gone.id}", partial(self._yield, gone))
        self._outside.changed()

    def _settle(self, what: str, work: Callable[[], None]) -> None:
        """Do it; where that fails have people called, once: somebody may be in need."""
        try:
            with self.store.savepoint():
                work()
        except Exception as fault:
            if is_fault(fault):
                raise
            self._alarming = {one.id: one for one in self.store.alarming()}
            if self._is_told(what, fault):
                return
            self._outside.trouble("parked", what, cause=type(fault).__name__, over=False)
            self._report(unreadable(what, self._outside.wall()))

    def hear_spoilt(self, what: str) -> None:
        """Hear of something from another node that makes no sense: people are called, once."""
        with self._kept():
            self._settle(what, _makes_no_sense)

    def _is_told(self, what: str, fault: Exception) -> bool:
        """Write a line of the log, unless it was written before; tell whether it was."""
        is_told = what in self._refused
        self._refused.add(what)
        if not is_told:
            self._outside.tell("incident_not_taken", of=what, error=type(fault).__name__)
        return is_told

    def _take_over(self, bundle: Bundle) -> None:
        """Go on with an incident of a node that is gone; known already, that is said again."""
        incident, known = bundle.incident, self.store.incident(bundle.incident.id)
        if known is not None and known.token >= incident.token:
            self.store.carry("incident", known.id, known.id)
            return
        now = self._outside.wall()
        incident = self._with_unseen(incident, known, bundle, now)
        for report in bundle.reports:
            if self.store.incident_of(report.id):
                self.store.move(report.id, incident.id)
            else:
                self.store.add(report, incident.id)
        for act in bundle.acts:
            if self.store.act(act.id) is None:
                self.store.add_act(act)
        self.store.forgive(incident.id)
        for sent in bundle.notices:
            if sent.confirmed:
                self.store.restore(sent, incident.id)
        self._outside.tell("incident_taken_over", incident=incident.id, generation=incident.token)
        self._step(algorithm.taken_over(incident, now), now)

    def _with_unseen(
        self, incident: Incident, known: Incident | None, bundle: Bundle, now: float
    ) -> Incident:
        """Return an incident with what came to it here, and was not known to who had it since.

        Nothing is added where somebody has answered here, unless it was said to be over there.
        """
        if known is None or known.state is State.RESOLVED:
            return incident
        is_answered = not is_alarming(msgspec.structs.replace(known, holder=""))
        if is_answered and incident.state is not State.RESOLVED:
            return incident
        seen = {report.id for report in bundle.reports}
        for report in self.store.reports(known.id, MOST_PARTS):
            if report.id not in seen:
                level = max(incident.level, algorithm.level_of(report))
                incident = algorithm.folded(incident, report, self.bound.ladder(level), now)
        return incident

    def _take_report(self, report: Report) -> None:
        """Take a report that came to another node, or here, before this had the person's whole."""
        known = self.store.incident_of(report.id)
        part = self.store.incident(known) if known else None
        person = part.person if part else report.person  # see _whose
        whole = self.store.whole_of(person, known) if known else None
        if whole is None:
            self._report(report)
            return
        now = self._outside.wall()
        level = max(whole.level, algorithm.level_of(report))
        self.store.move(report.id, whole.id)
        self._step(algorithm.folded(whole, report, self.bound.ladder(level), now), now)

    def _take_act(self, act: Act) -> None:
        """Do what somebody has done at another node; whatever is wrong with it, others are done."""
        try:
            self._do(act)
        except Exception as fault:
            if is_fault(fault):
                raise
            self._is_told(f"act {act.id}", fault)

    def _do(self, act: Act) -> None:
        """Do what was done at another node; what cannot be done is kept all the same."""
        known = self.store.act(act.id)
        if known is not None:
            with self._kept():
                self.store.carry("act", known.id, known.incident)
            return
        try:
            self.act(act)
        except Unknown:
            return  # not here yet: it comes again
        except algorithm.Impossible:
            with self._kept():
                self.store.add_act(act)

    def _yield(self, gone: Yielded) -> None:
        """Call no more about what another node goes on with, if it knows all of it."""
        incident = self.store.incident(gone.id)
        if incident is None or incident.holder:
            return
        if not gone.holder:
            self._belong(incident, gone.part_of)
            return
        if not self.store.is_carried(gone.id):
            return
        part_of = gone.part_of or incident.part_of
        made = msgspec.structs.replace(incident, holder=gone.holder, part_of=part_of)
        self.store.forgive(gone.id)
        self._keep(made, is_carried=True)
        self._heard(gone.id, "another node goes on with it")
        self._outside.tell("incident_yielded", incident=gone.id, holder=gone.holder)

    def _belong(self, incident: Incident, whole: str) -> None:
        """Take note which incident this one is a part of, as all nodes know it; empty: of none."""
        if incident.part_of != whole:
            self._keep(msgspec.structs.replace(incident, part_of=whole), is_carried=True)

    def forget_over(self) -> bool:
        """Delete some of what has been over for longer than it is kept; tell whether there is more.

        Nothing that is not over.  How many they are is all that is told.
        """
        with self.store.transaction():
            gone = self.store.forget(self._outside.wall() - self.bound.keep)
        if any(gone.values()):
            self._outside.tell("incidents_forgotten", **gone)
        return gone["incidents"] > 0

    # What is counted

    def count(self) -> None:
        """Count what there is now."""
        for (level, alarming), number in self._sums().items():
            gauge = UNACKNOWLEDGED if alarming else OPEN
            self._counts.child(gauge, str(level)).set(float(number))
        late = [one for one in self._alarming.values() if one.calls > 1 and not one.drill]
        for level in range(1, len(self.bound.ladders) + 1):
            number = sum(one.level == level for one in late)
            self._counts.child(PAST_DUE, str(level)).set(float(number))
        self._counts.child(PARKED).set(float(self.store.parked()))
        self._counts.child(UNCARRIED).set(float(self.store.uncarried()))

    def _sums(self) -> dict[tuple[int, bool], int]:
        """Return how many are open, by level: of all, and of those nobody has acknowledged."""
        found = self.store.open_levels()
        levels = range(1, len(self.bound.ladders) + 1)
        waiting = {(one, True): found.get((one, True), 0) for one in levels}
        whole = {(one, False): found.get((one, False), 0) + waiting[one, True] for one in levels}
        return {**waiting, **whole}

    def _level(self, incident: Incident) -> str:
        return "drill" if incident.drill else str(incident.level)


def _makes_no_sense() -> None:
    raise ValueError("it makes no sense")


def _named(owed: Owed) -> str:
    """Return what a contact is counted as: of a subscriber, without the path that it has chosen."""
    return owed.contact.partition("/")[0] if is_subscriber(owed.contact) else owed.contact


def unreadable(id: str, at: float, *, level: int = HIGH) -> Report:
    """Return the report of a record that nothing can be made of, and how grave it was if known."""
    return Report(
        id=id,
        at=at,
        person=UNREADABLE,
        identity="unknown",
        level=max(HIGH, level),
        categories=(),
        rules=(),
        version="",
        source="message",
        route="",
        service="",
        correlation="",
        delivered=False,
    )
