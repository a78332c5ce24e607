"""The guard's desk: reports become calls, and nothing is lost when it is killed."""

import sqlite3
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.incidents import (
    LADDER,
    NOW,
    POLICY,
    House,
    Written,
    a_report,
    a_seal,
    written,
)
from tta_gateway.features.escalation import algorithm
from tta_gateway.features.escalation.algorithm import Impossible
from tta_gateway.features.escalation.bound import (
    KEEP,
    Act,
    Bundle,
    Call,
    Does,
    EscalationBound,
    Hook,
    Incident,
    Ladder,
    Other,
    Rung,
    Sent,
    Settled,
    State,
    Yielded,
    subscriber,
)
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
from tta_gateway.features.escalation.service import (
    MOST_APART,
    MOST_CALLS,
    UNREADABLE,
    Unknown,
)
from tta_gateway.kernel.incident import Report
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def an_act(house: House, does: Does, id: str = "a1", *, to: str = "", text: str = "") -> Act:
    incident, at = house.only().id, house.outside.now
    return Act(id=id, incident=incident, does=does, by="ben", at=at, to=to, text=text)


def test_a_report_is_called_about_in_the_step_that_takes_it(house: House) -> None:
    house.take(a_report())
    (owed,) = house.owed()
    assert (owed.contact, owed.number, owed.due) == ("first", 1, NOW)
    assert house.desk.tick() == NOW + 120.0
    assert house.counted(REPORTS, "2") == [1.0]
    notice = house.desk.notice(owed)
    assert notice is not None
    assert (notice.id, notice.contact, notice.incident) == (owed.call, "first", house.only())


def test_reports_of_one_person_are_one_incident_and_those_of_another_are_another(
    house: House,
) -> None:
    house.take(a_report(), a_report("r2"), a_report("r3", person="bob"))
    found = {one.person: one.reports for one in house.store.incidents(10, all=True)}
    assert found == {"ada": 2, "bob": 1}


def test_a_report_that_is_read_twice_counts_once(house: House) -> None:
    house.take(a_report())
    house.desk.take([written(a_report(), end=9, segment="0/2")])
    assert house.only().reports == 1
    house.desk.act(an_act(house, "resolve"))
    house.desk.take([written(a_report(), end=10, segment="0/2")])
    assert house.only().state is State.RESOLVED


def test_texts_beyond_the_last_that_is_kept_are_not_in_the_file(house: House) -> None:
    house.take(*(a_report(f"r{number:02}", at=NOW + number) for number in range(45)))
    kept = [bool(one.evidence) for one in house.store.reports(house.only().id)]
    assert kept == [True] * 40 + [False] * 5


def test_the_next_guard_goes_on_with_the_same_notice(house: House) -> None:
    house.take(a_report())
    before = house.owed()
    house.close()
    house.open()
    assert house.owed() == before
    assert house.desk.marks == {"0/1": 1}
    house.outside.now += 120.0
    house.desk.tick()
    calls = {(one.contact, one.number) for one in house.owed()}
    assert calls == {("first", 2), ("second", 2)}  # what was owed to the first is told anew


def test_a_confirmation_counts_once(house: House) -> None:
    house.take(a_report(at=NOW - 1.0))
    (owed,) = house.owed()
    house.outside.now += 2.0
    house.desk.confirmed(owed)
    assert house.owed() == []
    assert house.only().state is State.NOTIFIED
    assert sum(house.counted(NOTIFY, "2")[:-1]) == 1.0
    assert house.counted(NOTIFY, "2")[-1] == 3.0
    assert house.outside.troubles == []  # there was no alert
    house.desk.confirmed(owed)
    assert sum(house.counted(NOTIFY, "2")[:-1]) == 1.0
    (confirmed,) = house.store.confirmations(house.only().id)
    assert confirmed[:3] == (owed.call, "first", 1)


def test_a_try_in_vain_is_tried_again_and_the_next_rung_called(house: House) -> None:
    house.take(a_report())
    (owed,) = house.owed()
    house.desk.failed(owed, "it is down")
    found = {(one.contact, one.number, one.tries, one.due) for one in house.owed()}
    assert found == {("first", 2, 0, NOW), ("second", 2, 0, NOW)}
    assert house.counted(NOTICES, "first", "failed") == [1.0]
    second = [one for one in house.owed() if one.contact == "second"]
    house.desk.failed(second[0], "it is down")
    assert house.outside.troubles == []  # the other has not been tried
    first = [one for one in house.owed() if one.contact == "first"]
    house.desk.failed(first[0], "it is down")
    assert house.outside.troubles == [("unreached", house.only().id, False)]
    assert {(one.tries, one.due) for one in house.owed()} == {(1, NOW + 1.0)}
    house.close()
    house.open()
    house.desk.confirmed(house.owed()[0])
    assert house.outside.troubles[-1] == ("unreached", house.only().id, True)


def test_what_has_been_overtaken_by_a_newer_call_is_not_tried_again(house: House) -> None:
    house.take(a_report())
    (old,) = house.owed()
    house.outside.now += 120.0
    house.desk.tick()
    house.desk.failed(old, "it is down")
    assert {one.number for one in house.owed()} == {2}


def test_where_the_policy_names_nobody_that_is_an_alert_at_once(tmp_path: Path) -> None:
    house = House(tmp_path, policy=EscalationBound())
    house.take(a_report(level=3))
    assert house.outside.troubles == [("unreached", house.only().id, False)]
    assert [name for name, _ in house.outside.events] == ["nobody_reached"]
    assert house.only().due > NOW


def test_an_acknowledgement_ends_calls_for_every_channel_and_is_taken_once(house: House) -> None:
    house.take(a_report())
    (owed,) = house.owed()
    house.outside.now += 60.0
    act = an_act(house, "acknowledge")
    answered = house.desk.act(act)
    assert house.desk.act(act) == answered
    assert len(house.store.acts(answered.id)) == 1
    assert house.owed() == []
    assert house.desk.notice(owed) is None
    house.desk.failed(owed, "late")
    assert house.owed() == []
    assert house.desk.tick() == float("inf")
    assert sum(house.counted(ACKNOWLEDGE, "2")[:-1]) == 1.0
    assert house.counted(ACKNOWLEDGE, "2")[-1] == 60.0
    house.desk.confirmed(owed)  # it was under way
    assert house.only().state is State.ACKNOWLEDGED


def test_a_note_changes_nothing_but_is_kept(house: House) -> None:
    house.take(a_report())
    house.desk.act(an_act(house, "note", text="called the ward"))
    assert len(house.owed()) == 1
    assert house.store.acts(house.only().id)[0].text == "called the ward"


def test_what_cannot_be_done_is_not_kept(house: House) -> None:
    house.take(a_report())
    house.desk.act(an_act(house, "resolve"))
    with pytest.raises(Impossible):
        house.desk.act(an_act(house, "acknowledge", "a2"))
    with pytest.raises(Unknown):
        house.desk.act(Act(id="a3", incident="none", does="note", by="ben", at=NOW))
    assert [one.id for one in house.store.acts(house.only().id)] == ["a1"]


def test_who_comes_back_after_it_was_over_gets_a_new_incident(house: House) -> None:
    house.take(a_report())
    house.desk.act(an_act(house, "resolve"))
    house.take(a_report("r2"))
    states = {one.state for one in house.store.incidents(10, all=True)}
    assert states == {State.RESOLVED, State.OPEN}
    assert len(house.store.incidents(10, all=False)) == 1


def test_a_record_that_makes_no_sense_is_parked_and_people_are_called(house: House) -> None:
    house.desk.take([Written("0/1", 5, b"\xc1"), written(a_report(), end=9)])
    people = {one.person for one in house.store.incidents(10, all=True)}
    assert people == {UNREADABLE, "ada"}
    assert ("parked", "0/1", False) in house.outside.troubles
    assert house.desk.marks == {"0/1": 9}
    house.desk.count()
    assert house.counted(PARKED) == [1.0]


def test_a_record_that_has_killed_two_guards_is_parked_by_the_third(house: House) -> None:
    record = written(a_report(), end=7)
    for _ in range(2):
        house.trying.begin(record.segment, record.end)  # and then it dies
        house.close()
        house.open()
    house.desk.take([record])
    assert house.only().person == UNREADABLE
    assert house.outside.events[0][1]["cause"] == "guards have died of it"


def test_a_guard_that_dies_before_it_has_taken_a_record_takes_it_again(house: House) -> None:
    class Killed(BaseException):
        pass

    class Deadly(Written):
        @property
        def payload(self) -> bytes:
            raise Killed

    deadly = object.__new__(Deadly)
    object.__setattr__(deadly, "segment", "0/1")
    object.__setattr__(deadly, "end", 2)
    with pytest.raises(Killed):
        house.desk.take([written(a_report()), deadly])
    house.close()
    house.open()
    assert house.store.incidents(10, all=True) == []
    assert house.desk.marks == {}
    house.desk.take([written(a_report()), written(a_report("r2"), end=2)])
    assert house.only().reports == 2


def test_marks_of_segments_that_are_no_more_are_forgotten(house: House) -> None:
    house.take(a_report())
    house.desk.forget(["0/1"])
    assert house.desk.marks == {}
    house.desk.use(house.store)
    assert house.desk.tick() == NOW + 120.0


def test_drills_stand_by_themselves(house: House) -> None:
    house.take(a_report())
    made = house.desk.report(a_report("d1", source="drill"))
    assert made.drill
    assert len(house.store.incidents(10, all=True)) == 2
    house.desk.count()
    assert house.counted(OPEN, "2") == [1.0]
    assert house.counted(REPORTS, "drill") == [1.0]


def test_gauges_say_what_is_open_and_what_is_late(house: House) -> None:
    house.take(a_report(), a_report("r2", person="bob", level=3))
    house.outside.now += 120.0
    house.desk.tick()
    house.desk.count()
    levels = ("1", "2", "3")
    assert [house.counted(OPEN, one) for one in levels] == [[0.0], [1.0], [1.0]]
    assert [house.counted(UNACKNOWLEDGED, one) for one in levels] == [[0.0], [1.0], [1.0]]
    assert [house.counted(PAST_DUE, one) for one in levels] == [[0.0], [1.0], [1.0]]


def test_contacts_that_are_no_more_are_owed_nothing_and_others_are_called(house: House) -> None:
    house.take(a_report())
    house.desk.adopt(msgspec.structs.replace(POLICY, contacts=POLICY.contacts[1:]))
    assert house.owed() == []
    house.outside.now += 120.0
    house.desk.tick()
    assert [one.contact for one in house.owed()] == ["second"]


def test_the_most_urgent_is_told_first_and_only_what_is_due(house: House) -> None:
    house.take(*(a_report(f"r{one}", person=f"p{one}", level=2 + one % 2) for one in range(6)))
    assert [one.level for one in house.desk.owed("first", 4)] == [3, 3, 3, 2]
    house.desk.failed(house.owed()[0], "it is down")
    assert house.desk.next_due() == float("inf")  # the next rung is called at once
    house.outside.now += 1.0
    assert house.desk.next_due() == float("inf")


def test_a_confirmation_of_what_has_been_overtaken_says_nothing_of_the_newer_call(
    house: House,
) -> None:
    house.take(a_report())
    (old,) = house.owed()
    house.take(a_report("r2", level=3))
    house.desk.confirmed(old)
    assert house.only().state is State.OPEN
    assert [one.number for one in house.owed()] == [2]


class Full:
    """A database whose disk refuses the next commits."""

    def __init__(self, house: House) -> None:
        self.database = house.store._db
        self.is_full = True
        house.store._db = cast("sqlite3.Connection", self)

    def __getattr__(self, name: str) -> object:
        return getattr(self.database, name)

    def execute(self, statement: str, *values: object) -> object:
        if statement == "COMMIT" and self.is_full:
            raise sqlite3.OperationalError("database or disk is full")
        return self.database.execute(statement, *values)  # type: ignore[arg-type]


def test_an_act_that_the_disk_refuses_changes_nothing(house: House) -> None:
    house.take(a_report())
    disk = Full(house)
    with pytest.raises(sqlite3.OperationalError):
        house.desk.act(an_act(house, "acknowledge"))
    disk.is_full = False
    assert house.only().state is State.OPEN
    assert house.desk.notice(house.owed()[0]) is not None
    house.outside.now += 120.0
    house.desk.tick()
    assert {one.number for one in house.owed()} == {2}


def test_a_report_that_the_disk_refuses_is_no_incident_in_memory(house: House) -> None:
    disk = Full(house)
    with pytest.raises(sqlite3.OperationalError):
        house.take(a_report())
    disk.is_full = False
    assert house.desk.tick() == float("inf")


class Killed(BaseException):
    """The guard dies here."""


def take_until_killed(house: House, records: list[Written], deadly: set[str]) -> bool:
    """Take records as a guard that dies of some of them; return whether it lives."""
    report = house.desk._report

    def deadly_report(one: Report) -> Incident:
        if one.id in deadly:
            raise Killed
        return report(one)

    house.desk._report = deadly_report  # type: ignore[assignment, method-assign]
    try:
        house.desk.take(records)
    except Killed:
        house.close()
        house.open()
        return False
    return True


def test_two_records_that_kill_are_both_parked_and_all_others_are_taken(house: House) -> None:
    names = ("good0", "bad1", "bad2", "good3")
    records = [written(a_report(one, person=one), end) for end, one in enumerate(names, 1)]
    lives = False
    for _ in range(8):
        left = [one for one in records if one.end > house.desk.marks.get("0/1", 0)]
        lives = lives or take_until_killed(house, left, {"bad1", "bad2"})
    assert lives
    assert house.store.parked() == 2
    people = {one.person for one in house.store.incidents(10, all=True)}
    assert people == {"good0", "good3", UNREADABLE}


def test_who_has_got_past_what_killed_others_takes_many_together_again(house: House) -> None:
    house.trying.begin("0/1", 1)  # and then it dies
    house.close()
    house.open()
    assert house.trying.is_wary
    house.take(a_report())
    assert not house.trying.is_wary


def other_policy(*names: str) -> EscalationBound:
    hooks = tuple(Hook(name=one, url="http://h/") for one in names)
    return msgspec.structs.replace(
        POLICY, contacts=hooks, ladders=(Ladder((Rung(names, 60.0),), 60.0),) * 3
    )


def test_a_contact_that_takes_another_s_place_is_called_about_what_is_open(house: House) -> None:
    house.take(a_report(level=1))
    house.desk.adopt(other_policy("good"))
    house.desk.tick()
    assert [one.contact for one in house.owed()] == ["good"]
    assert [one.contact for one in house.store.owed_of(house.only().id)] == ["good"]
    assert house.only().calls == 1
    before = house.only()
    house.desk.adopt(other_policy("good"))
    house.desk.tick()
    assert house.only() == before


def test_contacts_that_are_named_at_last_are_called_about_what_is_open(tmp_path: Path) -> None:
    house = House(tmp_path, policy=EscalationBound())
    house.take(a_report(level=1))
    assert house.owed() == []
    house.desk.adopt(other_policy("good"))
    house.desk.tick()
    assert [one.contact for one in house.owed()] == ["good"]


def test_a_contact_that_is_unfit_is_nobody(house: House) -> None:
    house.desk.adopt(other_policy("bad"), {"bad"})
    house.take(a_report())
    assert [one for one in house.outside.troubles if one[0] == "unreached"] != []


def test_many_calls_are_made_some_at_a_time_the_most_urgent_first(house: House) -> None:
    house.take(*(a_report(f"r{n}", person=f"p{n}") for n in range(MOST_CALLS)))
    house.take(a_report("worse", person="worse", level=3))
    house.outside.now += 3600.0
    assert house.desk.tick() <= house.outside.now
    found = {one.person: one.calls for one in house.store.incidents(99, all=True)}
    assert found["worse"] == 2
    assert sorted(found.values()).count(1) == 1
    assert house.desk.tick() > house.outside.now


def test_an_incident_whose_call_fails_keeps_no_other_from_being_called(house: House) -> None:
    house.take(a_report(), a_report("r2", person="bob"))
    call, ada = house.desk._call, house.store.open_of("ada", drill=False)
    assert ada is not None

    def fails(made: Call, level: int, now: float) -> bool:
        if made.incident == ada.id:
            raise KeyError("kanarie")
        return call(made, level, now)

    house.desk._call = fails  # type: ignore[assignment, method-assign]
    house.outside.now += 120.0
    assert house.desk.tick() == house.outside.now + 1.0
    bob = house.store.open_of("bob", drill=False)
    assert bob is not None
    assert bob.calls == 2
    assert "incident_not_called" in [name for name, _ in house.outside.events]


def test_unconfirmed_notices_of_an_incident_are_found_without_those_of_others(
    house: House,
) -> None:
    statements: list[str] = []
    house.take(a_report())
    house.store._db.set_trace_callback(statements.append)
    house.outside.now += 120.0
    house.desk.tick()
    house.store._db.set_trace_callback(None)
    deletes = [one for one in statements if one.startswith("DELETE FROM notices")]
    assert deletes
    for one in deletes:
        plan = house.store._db.execute(f"EXPLAIN QUERY PLAN {one}").fetchall()
        assert "notices_of" in str(plan)


def test_a_notice_that_a_newer_one_has_replaced_does_not_come_back(house: House) -> None:
    house.take(a_report())
    house.outside.now += 120.0
    house.desk.tick()  # the second call: both contacts
    older = next(one for one in house.owed() if one.contact == "first")
    house.store.supersede(older.incident, "first")  # by a third, while the second is tried
    house.desk.failed(older, "it is down")
    assert [one.contact for one in house.owed()] == ["second"]


def test_a_clock_that_is_set_back_delays_no_try(house: House) -> None:
    house.take(a_report())
    for _ in range(2):  # the first rung, and then one of the second
        house.desk.failed(house.owed()[0], "it is down")
    assert house.desk.owed("first", 9) == []
    house.outside.now -= 3600.0
    assert [one.tries for one in house.desk.owed("first", 9)] == [1]


def settle(house: House, **what: Any) -> None:  # noqa: ANN401 - of its fields
    house.desk.settle(Settled(node=house.store.node(), **what))


def test_an_incident_of_a_node_that_is_gone_is_called_about_once_more(house: House) -> None:
    report = a_report(at=NOW - 60.0)
    incident, call = algorithm.tick(algorithm.opened(report, NOW), LADDER, NOW)
    assert call is not None
    theirs = msgspec.structs.replace(incident, token=2)
    note = Act(id="n1", incident=incident.id, does="note", by="eva", at=NOW)
    sent = Sent(call=call.id, contact="first", number=1, level=2, confirmed=NOW)
    bundle = Bundle(incident=theirs, reports=(report,), acts=(note,), notices=(sent,))
    settle(house, bundles=(bundle,))
    (owed,) = house.owed()
    assert (owed.call, owed.number) == (call.id, 1)
    assert house.store.reports(incident.id) == [report]
    assert house.store.acts(incident.id) == [note]
    house.desk.confirmed(owed)
    settle(house, bundles=(bundle,))  # it is known by now
    assert house.owed() == []
    again = msgspec.structs.replace(bundle, incident=msgspec.structs.replace(theirs, token=4))
    settle(house, bundles=(again,))
    assert [one.call for one in house.owed()] == [call.id]


def test_what_another_node_goes_on_with_is_yielded_once_all_of_it_is_carried(
    house: House,
) -> None:
    house.take(a_report())
    id = house.only().id
    gone = Yielded(id=id, holder="two")
    settle(house, yielded=(gone,))
    assert house.only().holder == ""
    (bundle,) = house.store.bundles(9)
    settle(house, numbers=bundle.numbers, yielded=(gone, Yielded(id="x", holder="two")))
    assert house.only().holder == "two"
    assert house.owed() == []
    house.outside.now += 3600.0
    assert house.desk.tick() == float("inf")
    house.close()
    house.open()
    assert house.desk.tick() == float("inf")


def test_what_people_did_elsewhere_is_done_once_and_kept_in_any_case(house: House) -> None:
    house.take(a_report())
    id = house.only().id
    done = Act(id="x1", incident=id, does="acknowledge", by="eva", at=NOW)
    settle(house, acts=(done, msgspec.structs.replace(done, id="x2", incident="nobody")))
    assert house.only().state is State.ACKNOWLEDGED
    house.desk.act(an_act(house, "resolve"))
    (bundle,) = house.store.bundles(9)
    settle(house, numbers=bundle.numbers)
    settle(house, acts=(done, msgspec.structs.replace(done, id="x3")))
    assert house.only().state is State.RESOLVED
    (bundle,) = house.store.bundles(9)  # it is said again that they are taken
    assert {one.id for one in bundle.acts} == {"x1", "x3"}


def test_what_was_done_elsewhere_is_kept_and_silences_nothing_graver_that_came_here(
    house: House,
) -> None:
    house.take(a_report())
    id = house.only().id
    done = algorithm.informed(
        Act(id="x1", incident=id, does="acknowledge", by="eva", at=NOW), house.only()
    )
    house.take(a_report("r2", level=3))
    before = house.owed()
    settle(house, acts=(done,))
    assert (house.only().state, house.only().level) == (State.OPEN, 3)
    assert house.owed() == before
    assert house.store.acts(id) == [done]
    # Who does something here knows of all that is here.
    house.desk.act(an_act(house, "acknowledge"))
    assert house.only().state is State.ACKNOWLEDGED
    assert [one.level for one in house.store.acts(id)] == [2, 3]
    # It was said to be over elsewhere, where nobody had heard of the second report.
    over = msgspec.structs.replace(done, id="x2", does="resolve")
    settle(house, acts=(over,))
    assert house.only().state is State.REOPENED
    house.desk.tick()
    assert [one.level for one in house.owed()] == [3]


def test_what_came_to_two_nodes_is_one_incident(house: House) -> None:
    other = Other(id="w", person="ada", level=2, is_open=True)
    settle(house, others=(other,), whole=True)
    house.take(a_report())
    part = house.only()
    assert part.part_of == "w"
    assert house.owed() == []
    house.desk.adopt(POLICY)
    house.desk.tick()
    assert house.owed() == []  # new contacts do not hurry it
    # The whole comes here, and takes the part up.
    whole = msgspec.structs.replace(algorithm.opened(a_report("r0"), NOW), token=2)
    settle(house, bundles=(Bundle(incident=whole, reports=(a_report("r0"),)),))
    settle(house, reports=(a_report(), a_report("r2")))
    assert house.store.incident_of("r1") == whole.id
    found = house.store.incident(whole.id)
    assert found is not None
    assert found.reports >= 2
    moved = msgspec.structs.replace(part, token=5)
    settle(house, bundles=(Bundle(incident=moved, reports=(a_report(),)),))
    assert house.store.incident_of("r1") == part.id


def test_who_answers_by_the_id_of_the_whole_answers_here(house: House) -> None:
    settle(house, others=(Other(id="w", person="ada", level=1, is_open=True),))
    house.take(a_report())
    act = Act(id="a1", incident="w", does="acknowledge", by="ben", at=NOW)
    assert house.desk.act(act).state is State.ACKNOWLEDGED
    assert [one.incident for one in house.store.all_acts()] == [house.only().id]


def test_a_drill_is_kept_as_what_somebody_has_done(house: House) -> None:
    drill = a_report("d1", person="drill d1 of eva", source="drill", evidence=b"")
    house.desk.report(drill)
    (act,) = house.store.all_acts()
    assert (act.does, act.by, act.text) == ("drill", "eva", "level 2")
    house.desk.report(a_report("d2", person="drill d1 of eva", source="drill"))
    assert len(house.store.all_acts()) == 2


def test_all_that_alarms_is_shown_again(house: House) -> None:
    house.take(a_report())
    (bundle,) = house.store.bundles(9)
    settle(house, numbers=bundle.numbers)
    assert house.store.uncarried() == 0
    house.desk.show_all()
    assert house.store.uncarried() == 1
    house.desk.count()
    assert house.counted(UNCARRIED) == [1.0]


CARE = subscriber("care", "/crisis", "word")


def told_too(house: House, policy: EscalationBound = POLICY) -> None:
    house.desk.adopt(policy, subscribers=(CARE,))


def to_care(house: House) -> list[tuple[str, int]]:
    return [(one.call, one.number) for one in house.store.owed(CARE.name, float("inf"), 9)]


def test_a_subscriber_is_told_by_each_call_beside_whom_it_is_for(house: House) -> None:
    told_too(house)
    house.take(a_report())
    (first,) = house.owed()
    assert to_care(house) == [(first.call, 1)]
    house.outside.now += 120.0
    house.desk.tick()
    assert [number for _, number in to_care(house)] == [2]
    house.desk.act(an_act(house, "acknowledge"))
    assert to_care(house) == []


def test_nobody_is_reached_by_a_subscriber_alone(house: House) -> None:
    told_too(house)
    house.take(a_report())
    (owed,) = house.store.owed(CARE.name, float("inf"), 9)
    house.desk.failed(owed, "it is down")
    assert house.only().calls == 1
    house.desk.confirmed(owed)
    assert house.only().state is State.OPEN
    assert house.counted(NOTICES, "safety.* care", "confirmed") == [1.0]
    (to_people,) = house.owed()
    house.desk.failed(to_people, "it is down")
    assert house.only().calls == 2  # the next rung at once, though the subscriber has confirmed


def test_where_the_policy_names_nobody_a_subscriber_is_told_and_that_is_an_alert(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, policy=EscalationBound())
    told_too(house, EscalationBound())
    house.take(a_report())
    assert len(to_care(house)) == 1
    assert [one for one in house.outside.troubles if one[0] == "unreached"] != []
    before = house.only()
    told_too(house, EscalationBound())
    house.desk.tick()
    assert house.only() == before


def test_who_subscribes_late_is_told_of_the_last_call_once_however_often_it_is_adopted(
    house: House,
) -> None:
    house.take(a_report())
    (owed,) = house.owed()
    house.desk.confirmed(owed)
    told_too(house)
    house.desk.tick()
    assert to_care(house) == [(owed.call, 1)]
    (mine,) = house.store.owed(CARE.name, float("inf"), 9)
    house.desk.confirmed(mine)
    house.close()
    house.open()
    told_too(house)
    house.desk.tick()
    assert to_care(house) == []
    assert house.only().calls == 1


def test_a_subscriber_that_leaves_is_owed_nothing_and_no_call_is_made_for_it(house: House) -> None:
    told_too(house)
    house.take(a_report())
    house.desk.adopt(POLICY)
    house.desk.tick()
    assert to_care(house) == []
    assert house.only().calls == 1


def nobody_known(id: str, conversation: str, **more: Any) -> Report:  # noqa: ANN401 - a_report's
    made = a_report(id, person="network/1", identity="unknown", **more)
    return msgspec.structs.replace(made, conversation=conversation)


def test_two_people_behind_one_address_have_an_incident_each(house: House) -> None:
    house.take(nobody_known("r1", "a"), nobody_known("r2", "b"), nobody_known("r3", "a"))
    found = {one.person: one.reports for one in house.store.incidents(9, all=True)}
    assert found == {"network/1/a": 2, "network/1/b": 1}
    assert len(house.owed()) == 2
    house.desk.act(Act(id="a", incident=house.owed()[0].incident, does="resolve", by="b", at=NOW))
    assert len(house.owed()) == 1  # who answers for one has not seen the other


def test_of_one_network_so_many_are_told_apart_and_all_others_are_one(house: House) -> None:
    house.take(*(nobody_known(f"r{n}", f"c{n}") for n in range(MOST_APART + 5)))
    found = {one.person: one.reports for one in house.store.incidents(99, all=True)}
    assert len(found) == MOST_APART + 1
    assert found["network/1"] == 5
    house.take(nobody_known("again", "c0"))
    assert house.store.open_of("network/1/c0", drill=False) is not None
    other = msgspec.structs.replace(nobody_known("other", "c"), person="network/10")
    house.take(other, nobody_known("plain", ""))
    assert house.store.open_of("network/10/c", drill=False) is not None


def lapsed(id: str, *, level: int = 1) -> Report:
    return a_report(id, identity="unverified", level=level)


def test_who_has_proved_nothing_opens_one_incident_an_hour_across_restarts(house: House) -> None:
    house.take(lapsed("r1"))
    house.desk.act(an_act(house, "resolve"))
    house.close()
    house.open()
    house.outside.now += 3599.0
    house.take(lapsed("r2"))
    one = house.only()
    assert (one.reports, one.texts, one.state) == (2, 2, State.RESOLVED)
    assert house.owed() == []
    house.outside.now += 1.0
    house.take(lapsed("r3"))
    assert len(house.store.incidents(9, all=True)) == 2


def test_who_has_proved_nothing_is_called_about_again_if_it_is_graver(house: House) -> None:
    house.take(lapsed("r1"))
    house.desk.act(an_act(house, "resolve"))
    house.take(lapsed("r2", level=3))
    assert (house.only().state, house.only().level) == (State.REOPENED, 2)
    assert len(house.owed()) == 1


def test_who_has_proved_nothing_is_called_about_here_though_another_node_had_them(
    house: House,
) -> None:
    house.take(lapsed("r1"))
    (bundle,) = house.store.bundles(9)
    gone = Yielded(id=house.only().id, holder="two")
    settle(house, numbers=bundle.numbers, yielded=(gone,))
    house.take(lapsed("r2", level=3))
    (incident,) = house.store.alarming()
    assert (incident.level, incident.holder) == (2, "")
    assert len(house.owed()) == 1


def test_who_has_proved_who_they_are_opens_another_at_once(house: House) -> None:
    house.take(a_report())
    house.desk.act(an_act(house, "resolve"))
    house.take(a_report("r2"))
    assert len(house.store.incidents(9, all=True)) == 2


def test_a_report_of_a_part_is_folded_by_whose_the_part_is(house: House) -> None:
    report = nobody_known("r1", "a")
    settle(house, others=(Other(id="w", person="network/1/a", level=2, is_open=True),))
    house.take(report)
    first = msgspec.structs.replace(nobody_known("r0", "a"), person="network/1/a")
    whole = msgspec.structs.replace(algorithm.opened(first, NOW), token=2)
    settle(house, bundles=(Bundle(incident=whole, reports=(first,)),))
    settle(house, reports=(report,))
    assert house.store.incident_of("r1") == whole.id


def test_what_an_incident_is_a_part_of_is_as_all_nodes_know_it(house: House) -> None:
    settle(house, others=(Other(id="w", person="ada", level=2, is_open=True),))
    house.take(a_report())
    (bundle,) = house.store.bundles(9)
    for whole in ("w", ""):
        settle(house, yielded=(Yielded(id=house.only().id, holder="", part_of=whole),))
        assert (house.only().part_of, house.only().holder) == (whole, "")
        assert list(house.store.alarming()) == [house.only()]
    assert [one.numbers for one in house.store.bundles(9)] == [bundle.numbers]


def returned(house: House, level: int) -> Incident:
    """Have another node answer and go, after something has come here that it knew nothing of."""
    first = a_report()
    house.take(first)
    id = house.only().id
    theirs = msgspec.structs.replace(
        house.only(), state=State.ACKNOWLEDGED, due=0.0, acknowledged=NOW, token=3
    )
    house.take(a_report("r2", level=level))
    settle(house, bundles=(Bundle(incident=theirs, reports=(first,)),))
    assert house.only().id == id
    return house.only()


def test_what_is_graver_here_is_called_about_though_another_node_was_answered(
    house: House,
) -> None:
    made = returned(house, 3)
    assert (made.level, made.state, made.reports, made.token) == (3, State.REOPENED, 2, 3)
    assert [owed.level for owed in house.owed()] == [3]
    assert len(house.store.reports(made.id)) == 2
    settle(house, reports=(a_report("r2", level=3),))
    assert house.only().reports == 2  # it is said again that it is taken


def test_what_is_not_graver_is_looked_after_by_who_has_just_answered_elsewhere(
    house: House,
) -> None:
    made = returned(house, 2)
    assert (made.level, made.state, made.reports) == (2, State.ACKNOWLEDGED, 2)
    assert house.owed() == []


def test_who_has_answered_here_has_seen_what_came_here(house: House) -> None:
    house.take(a_report(), a_report("r2", level=3))
    theirs = msgspec.structs.replace(house.only(), level=2, state=State.ACKNOWLEDGED, token=3)
    house.desk.act(an_act(house, "acknowledge"))
    settle(house, bundles=(Bundle(incident=theirs, reports=(a_report(),)),))
    assert house.only().state is State.ACKNOWLEDGED
    assert house.owed() == []


@pytest.mark.parametrize("is_over", [True, False])
def test_what_came_here_quietly_alarms_if_all_was_over_elsewhere_and_not_if_it_was_here(
    house: House, *, is_over: bool
) -> None:
    house.take(a_report())
    over = msgspec.structs.replace(
        house.only(), state=State.RESOLVED, acknowledged=NOW, resolved=NOW, due=0.0, token=3
    )
    if not is_over:
        house.desk.act(an_act(house, "acknowledge"))
    house.take(a_report("r2"))
    if is_over:
        house.desk.act(an_act(house, "resolve"))
    assert house.owed() == []
    settle(house, bundles=(Bundle(incident=over, reports=(a_report(),)),))
    assert house.only().state is (State.RESOLVED if is_over else State.REOPENED)
    assert bool(house.owed()) is not is_over


def test_what_came_here_alarms_though_all_was_over_elsewhere(house: House) -> None:
    house.take(a_report(), a_report("r2"))
    over = msgspec.structs.replace(
        house.only(), state=State.RESOLVED, acknowledged=NOW, resolved=NOW, due=0.0, token=3
    )
    settle(house, bundles=(Bundle(incident=over, reports=(a_report(),)),))
    assert (house.only().state, house.only().resolved) == (State.REOPENED, 0.0)
    assert len(house.owed()) == 1
    over = msgspec.structs.replace(over, token=5)
    settle(house, bundles=(Bundle(incident=over, reports=(a_report(), a_report("r2"))),))
    assert house.only().state is State.RESOLVED
    assert house.owed() == []


def test_what_cannot_be_taken_of_other_nodes_holds_up_nothing_and_has_people_called_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.take(a_report("r0", person="eve"))
    (carried,) = house.store.bundles(9)
    eve = house.only().id
    add, add_act, incident_of = house.store.add, house.store.add_act, house.store.incident

    def spoilt(report: Report, incident: str) -> None:
        add(report, incident)
        if report.person == "spoilt":
            raise ValueError

    def no_act(act: Act) -> None:
        if act.by == "spoilt":
            raise ValueError
        add_act(act)

    def unread(id: str) -> Incident | None:
        if id == "spoilt":
            raise ValueError
        return incident_of(id)

    monkeypatch.setattr(house.store, "add", spoilt)
    monkeypatch.setattr(house.store, "add_act", no_act)
    monkeypatch.setattr(house.store, "incident", unread)
    note = Act(id="n1", incident=eve, does="note", by="spoilt", at=NOW)
    reports = (a_report("r1", person="spoilt"), a_report("r2", person="bob"))
    theirs = [algorithm.opened(one, NOW) for one in reports]
    bundles = (
        Bundle(incident=theirs[0], reports=reports[:1]),
        Bundle(incident=theirs[1], reports=reports[1:]),
    )
    for _ in range(2):
        settle(
            house,
            bundles=bundles,
            reports=(a_report("r3", person="spoilt"), a_report("r4", person="cy")),
            acts=(note, msgspec.structs.replace(note, id="n2", by="ben")),
            numbers=carried.numbers,
            yielded=(Yielded(id="spoilt", holder="two"), Yielded(id=eve, holder="two")),
        )
    alarming = {one.person: one.reports for one in house.desk._alarming.values()}
    assert alarming == {UNREADABLE: 3, "bob": 1, "cy": 1, "eve": 1}
    assert {one.person for one in house.store.alarming()} == set(alarming)
    assert [one.id for one in house.store.acts(eve)] == ["n2"]
    assert not set(carried.numbers) & {n for one in house.store.bundles(9) for n in one.numbers}
    assert [name for name, _ in house.outside.events].count("incident_not_taken") == 4
    assert [kind for kind, _, over in house.outside.troubles if not over] == ["parked"] * 3


def test_a_row_that_is_there_already_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(a_report())
    house.store._db.execute("INSERT INTO acts (id, incident, body) VALUES ('r2', 'i', x'c1')")
    index = "CREATE UNIQUE INDEX one_at ON reports (at) WHERE id < 's' AND id > 'r'"
    house.store._db.execute(index)
    house.take(a_report("r2"), a_report("r3", at=NOW + 1.0, person="bob"))
    assert house.store.parked() == 1
    assert {"ada", "bob", "unreadable-records"} == set(people(house))
    assert ("record_parked", "IntegrityError") in [
        (name, fields.get("cause")) for name, fields in house.outside.events
    ]


def people(house: House) -> list[str]:
    return [one.person for one in house.store.incidents(9, all=True)]


def test_what_is_set_aside_is_told_of_by_name_and_an_alert(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(a_report())
    id = house.only().id
    house.store._db.execute("UPDATE reports SET body = x'c1'")
    house.store.bundles(9)
    house.desk.tick()
    house.desk.tick()
    told = [fields for name, fields in house.outside.events if name == "incident_set_aside"]
    assert told == [{"of": "report r1", "error": "DecodeError"}]
    assert ("parked", "report r1", False) in house.outside.troubles
    (bundle,) = house.store.bundles(9)
    house.desk.settle(Settled(node="n", refused=bundle.numbers, why="ValueError"))
    assert house.store.is_carried(id)


def test_what_is_over_for_long_is_deleted_and_told_by_numbers_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(a_report(), a_report("r2", person="bob"))
    bob = house.store.open_of("bob", drill=False)
    assert bob is not None
    act = Act(id="a", incident=bob.id, does="resolve", by="ben", at=NOW, text="words")
    house.desk.act(act)
    for bundle in house.store.bundles(9):
        house.store.carried(bundle.numbers)
    assert not house.desk.forget_over()
    house.outside.now += KEEP + 1.0
    assert house.desk.forget_over()
    assert people(house) == ["ada"]
    name, fields = house.outside.events[-1]
    assert (name, fields["incidents"], fields["acts"]) == ("incidents_forgotten", 1, 1)
    assert not house.desk.forget_over()


def test_of_whom_nothing_is_kept_an_incident_is_not_opened_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(a_report())
    id = house.only().id
    house.keys.erase("ada")
    house.desk.act(Act(id="a1", incident=id, does="resolve", by="ben", at=NOW))
    assert house.only().person == "erased"
    again = Act(id="a2", incident=id, does="reopen", by="ben", at=NOW)
    with pytest.raises(algorithm.Impossible, match="nothing is kept"):
        house.desk.act(again)


def test_nothing_is_done_about_what_cannot_be_read_now(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.take(a_report())
    id = house.only().id
    house.desk.act(an_act(house, "resolve", text="over"))
    newer = Ring([bytes(range(1, 33))])
    house.store.seal = a_seal(KeyStore(tmp_path, newer), ring=newer)
    acts: tuple[Does, ...] = ("note", "reopen", "read_evidence")
    for does in acts:
        with pytest.raises(Impossible, match="not at hand"):
            house.desk.act(an_act(house, does, f"a-{does}"))
    house.store.seal = a_seal(house.keys)
    found = house.store.incident(id)
    assert found is not None
    assert (found.person, [one.does for one in house.store.acts(id)]) == ("ada", ["resolve"])


def test_what_is_lost_at_all_nodes_has_people_called_once(house: House) -> None:
    for _ in range(2):
        house.desk.hear_spoilt("incident lost")
    assert people(house) == [UNREADABLE]
    assert house.only().reports == 1
