"""Incidents: each report has one, and whoever has not been answered is called again."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.incidents import LADDER, NOW, POLICY, a_report
from tta_gateway.features.escalation import algorithm
from tta_gateway.features.escalation.algorithm import (
    ACTS,
    GRACE,
    Impossible,
    acted,
    confirmed,
    contacts,
    folded,
    heard,
    informed,
    is_alarming,
    is_open,
    mark,
    noted,
    opened,
    pause,
    taken_over,
    tick,
    unreached,
)
from tta_gateway.features.escalation.bound import (
    LADDERS,
    MOST_TEXTS,
    Act,
    Does,
    Incident,
    Other,
    State,
    ladder_of,
)

DOES: list[Does] = ["acknowledge", "hand_over", "note", "resolve", "reopen", "read_evidence"]


def an_act(does: Does, at: float = NOW, *, by: str = "ben", to: str = "") -> Act:
    return Act(id="a1", incident="i", does=does, by=by, at=at, to=to)


def called(incident: Incident, now: float = NOW) -> Incident:
    moved, call = tick(incident, LADDER, now)
    assert call is not None
    return moved


def test_a_report_opens_an_incident_that_is_called_about_at_once() -> None:
    made = opened(a_report(), NOW)
    moved, call = tick(made, LADDER, NOW)
    assert (made.state, made.due, made.texts) == (State.OPEN, NOW, 1)
    assert call is not None
    assert (call.contacts, call.number, moved.due) == (("first",), 1, NOW + 120.0)


def test_without_an_answer_the_next_rung_is_called_and_behind_the_last_all_again() -> None:
    incident, seen = opened(a_report(), NOW), []
    for at in (0.0, 119.9, 120.0, 420.0, 1020.0):
        incident, call = tick(incident, LADDER, NOW + at)
        seen.append(None if call is None else (call.number, call.contacts))
    assert seen == [
        (1, ("first",)),
        None,
        (2, ("second", "first")),
        (3, ("first", "second")),
        (4, ("first", "second")),
    ]
    assert contacts(LADDER, 3) == ("first", "second")


def test_notices_have_ids_that_do_not_depend_on_when_they_are_made() -> None:
    incident = opened(a_report(), NOW)
    _, one = tick(incident, LADDER, NOW)
    _, other = tick(opened(a_report(), NOW + 5.0), LADDER, NOW + 9.0)
    _, later = tick(called(incident), LADDER, NOW + 120.0)
    assert one is not None
    assert other is not None
    assert later is not None
    assert one.id == other.id != later.id


def test_a_clock_that_is_set_back_delays_a_call_by_no_more_than_the_time_of_its_rung() -> None:
    back = NOW - 86_400.0
    waiting, call = tick(called(opened(a_report(), NOW)), LADDER, back)
    assert call is None
    assert waiting.due == back + 120.0
    fresh, call = tick(opened(a_report(), NOW), LADDER, back)
    assert call is not None
    assert fresh.due == back + 120.0


def test_a_channel_that_confirms_notifies_and_stops_no_timer() -> None:
    incident = confirmed(called(opened(a_report(), NOW)), NOW + 1.0)
    assert (incident.state, incident.notified, incident.due) == (
        State.NOTIFIED,
        NOW + 1.0,
        NOW + 120.0,
    )
    assert confirmed(incident, NOW + 2.0).notified == NOW + 1.0
    answered = acted(incident, an_act("acknowledge"))
    assert confirmed(answered, NOW + 3.0) is answered


def test_where_nobody_of_a_rung_is_reached_the_next_one_does_not_wait() -> None:
    incident = called(opened(a_report(), NOW))
    assert unreached(incident, LADDER, NOW + 1.0).due == NOW + 1.0
    last = called(unreached(incident, LADDER, NOW + 1.0), NOW + 1.0)
    assert unreached(last, LADDER, NOW + 2.0) is last
    answered = acted(incident, an_act("acknowledge"))
    assert unreached(answered, LADDER, NOW + 1.0) is answered


def test_reports_of_a_person_are_folded_and_change_no_timer_while_it_alarms() -> None:
    incident = called(opened(a_report(), NOW))
    more = folded(incident, a_report("r2", delivered=False), LADDER, NOW + 60.0)
    assert (more.reports, more.texts, more.undelivered) == (2, 2, 1)
    assert (more.due, more.calls, more.state) == (incident.due, 1, State.OPEN)


def test_what_gets_worse_is_called_about_from_the_first_rung() -> None:
    incident = confirmed(called(opened(a_report(), NOW)), NOW)
    worse = folded(incident, a_report("r2", at=NOW + 9.0, level=3), LADDER, NOW + 10.0)
    assert (worse.level, worse.state, worse.calls, worse.due) == (3, State.OPEN, 0, NOW + 10.0)
    assert (worse.began, worse.notified) == (NOW + 9.0, 0.0)
    answered = acted(incident, an_act("hand_over", to="ward 3"))
    again = folded(answered, a_report("r2", level=3), LADDER, NOW + 10.0)
    assert (again.state, again.carer) == (State.REOPENED, "ward 3")


def test_levels_never_fall() -> None:
    incident = opened(a_report(level=3), NOW)
    assert folded(incident, a_report("r2", level=1), LADDER, NOW).level == 3


def test_who_acknowledged_long_ago_is_called_again_and_who_did_just_now_is_not() -> None:
    incident = acted(called(opened(a_report(), NOW)), an_act("acknowledge", NOW + 10.0))
    soon = folded(incident, a_report("r2"), LADDER, NOW + 129.0)
    late = folded(incident, a_report("r2"), LADDER, NOW + 130.0)
    back = folded(incident, a_report("r2"), LADDER, NOW - 3600.0)
    assert soon.state is State.ACKNOWLEDGED
    assert late.state is State.REOPENED
    assert back.state is State.REOPENED  # nobody can tell how long ago that was


def test_who_is_not_proved_to_be_somebody_is_never_level_3_by_itself() -> None:
    assert opened(a_report(level=3, identity="unverified"), NOW).level == 2
    assert opened(a_report(level=3, identity="unknown"), NOW).level == 3
    assert opened(a_report(level=0), NOW).level == 1
    known = folded(opened(a_report(), NOW), a_report("r2", identity="unverified"), LADDER, NOW)
    found = folded(opened(a_report(identity="unverified"), NOW), a_report("r2"), LADDER, NOW)
    assert (known.identity, found.identity) == ("verified", "verified")


def test_no_more_texts_are_kept_than_a_few_and_all_are_counted() -> None:
    incident = opened(a_report(), NOW)
    for number in range(60):
        incident = folded(incident, a_report(f"r{number}"), LADDER, NOW)
    assert (incident.reports, incident.texts) == (61, 2 * MOST_TEXTS)
    for number in range(40):
        incident = folded(incident, a_report(f"s{number}", level=1), LADDER, NOW)
    assert incident.texts == 2 * MOST_TEXTS
    assert folded(incident, a_report("i", level=3), LADDER, NOW).texts == 2 * MOST_TEXTS + 1
    assert folded(opened(a_report(), NOW), a_report(evidence=b""), LADDER, NOW).texts == 1


def test_what_nobody_else_has_is_kept_however_much_there_is_and_takes_no_place() -> None:
    incident = opened(a_report(delivered=False), NOW)
    for number in range(200):
        incident = folded(incident, a_report(f"r{number}", delivered=False), LADDER, NOW)
    assert (incident.texts, incident.promised) == (201, 201)
    for reply in (a_report("w", delivered=False, source="reply"), a_report("d")):
        incident = folded(incident, reply, LADDER, NOW)
    assert (incident.texts, incident.promised) == (203, 201)


def test_a_report_that_amends_another_is_of_the_same_message() -> None:
    incident = opened(a_report(), NOW)
    amended = msgspec.structs.replace(a_report("r2", delivered=False), amends="r1")
    made = folded(incident, amended, LADDER, NOW)
    assert (made.reports, made.undelivered, made.texts) == (1, 1, 2)


def test_a_report_may_tell_of_many_messages() -> None:
    many = msgspec.structs.replace(a_report("r2", delivered=False), messages=7)
    assert (opened(many, NOW).reports, opened(many, NOW).undelivered) == (7, 7)
    made = folded(opened(a_report(), NOW), many, LADDER, NOW)
    assert (made.reports, made.undelivered) == (8, 7)
    assert noted(opened(a_report(), NOW), many, NOW).reports == 8


def test_an_acknowledgement_ends_the_calls_and_says_who_has_it() -> None:
    answered = acted(called(opened(a_report(), NOW)), an_act("acknowledge", NOW + 5.0))
    assert (answered.state, answered.carer, answered.due) == (State.ACKNOWLEDGED, "ben", 0.0)
    assert tick(answered, LADDER, NOW + 9e9) == (answered, None)
    again = acted(answered, an_act("acknowledge", NOW + 9.0, by="eva"))
    assert (again.state, again.acknowledged, again.carer) == (
        State.ACKNOWLEDGED,
        NOW + 9.0,
        "eva",
    )


def test_what_is_handed_over_stays_with_whom_it_was_handed_to() -> None:
    given_on = acted(opened(a_report(), NOW), an_act("hand_over", to="ward 3"))
    assert (given_on.state, given_on.carer) == (State.HANDED_OVER, "ward 3")
    assert acted(given_on, an_act("acknowledge")).carer == "ward 3"
    over = acted(given_on, an_act("resolve", NOW + 9.0))
    assert (over.state, over.resolved, over.carer) == (State.RESOLVED, NOW + 9.0, "ward 3")


def test_what_is_over_is_reopened_before_anything_else() -> None:
    over = acted(opened(a_report(), NOW), an_act("resolve", NOW + 1.0))
    assert (over.acknowledged, over.carer) == (NOW + 1.0, "ben")
    with pytest.raises(Impossible, match="resolved: re-open it first"):
        acted(over, an_act("acknowledge"))
    again = acted(over, an_act("reopen", NOW + 5.0))
    assert (again.state, again.due, again.resolved) == (State.REOPENED, NOW + 5.0, 0.0)
    assert acted(over, an_act("note")) is over


def test_further_reports_belong_to_an_incident_until_it_is_resolved() -> None:
    incident = opened(a_report(), NOW)
    over = acted(incident, an_act("resolve"))
    assert is_open(incident)
    assert is_open(acted(incident, an_act("acknowledge")))
    assert is_open(acted(incident, an_act("hand_over", to="ward 3")))
    assert not is_open(over)
    assert is_open(acted(over, an_act("reopen")))


def test_to_reopen_what_alarms_changes_nothing() -> None:
    incident = called(opened(a_report(), NOW))
    assert acted(incident, an_act("reopen")) is incident


def test_every_state_knows_what_may_happen_in_it() -> None:
    for does, table in ACTS.items():
        for state in State:
            assert (state in table) or (state, does in ("acknowledge", "hand_over")) == (
                State.RESOLVED,
                True,
            )
    assert set(algorithm.WORSE) == set(State)


def test_pauses_between_tries_grow_to_half_a_minute() -> None:
    assert [pause(tries, 1.0) for tries in (0, 1, 2, 3, 6, 50)] == [1.0, 1.0, 2.0, 4.0, 30.0, 30.0]
    assert pause(3, 0.0) == 2.0


def test_the_ladders_are_those_of_the_levels_where_nothing_is_written() -> None:
    assert [one.rungs[0].within for one in LADDERS] == [86_400.0, 900.0, 120.0]
    assert [one.within for one in LADDERS[2].rungs] == [120.0, 300.0, 600.0]
    assert POLICY.ladder(0) is POLICY.ladder(1)
    assert POLICY.ladder(9) is POLICY.ladder(3)
    assert ladder_of(5.0, contacts=("a",)).again == 5.0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.floats(-5000.0, 5000.0)),
        st.tuples(st.just("act"), st.sampled_from(DOES)),
        st.tuples(st.just("confirm"), st.none()),
        st.tuples(st.just("unreached"), st.none()),
    ),
    max_size=40,
)


def after(incident: Incident, step: tuple[str, object], now: float) -> Incident:
    """The incident after a step that is no report."""
    what, value = step
    if what == "confirm":
        return confirmed(incident, now)
    if what == "unreached":
        return unreached(incident, LADDER, now)
    if what == "act":
        with contextlib.suppress(Impossible):
            return acted(incident, an_act(value, now))  # type: ignore[arg-type]  # one of DOES
    return incident


@given(STEPS)
def test_whatever_happens_who_has_no_answer_has_a_call_to_come_and_no_report_is_lost(
    steps: list[tuple[str, object]],
) -> None:
    now, level, reports = NOW, 2, 1
    incident, _ = tick(opened(a_report(), NOW), LADDER, NOW)
    for number, (what, value) in enumerate(steps):
        before = incident.attempt
        now += value if isinstance(value, float) else 0.0
        if isinstance(value, int) and incident.state is not State.RESOLVED:
            incident = folded(incident, a_report(f"r{number}", level=value), LADDER, now)
            reports, level = reports + 1, max(level, value)
        incident, _ = tick(after(incident, (what, value), now), LADDER, now)
        assert incident.attempt >= before
        assert (incident.reports, incident.level) == (reports, level)
        waits = now < incident.due <= now + 600.0
        assert waits if is_alarming(incident) else incident.due == 0.0
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(incident), type=Incident) == incident


def test_another_node_has_a_while_to_take_up_what_it_calls_about_already() -> None:
    other = Other(id="w", person="ada", level=2, is_open=True)
    part = opened(a_report(), NOW, other)
    assert (part.part_of, part.due) == ("w", NOW + GRACE)
    assert tick(part, LADDER, NOW) == (part, None)
    moved, call = tick(part, LADDER, NOW - 3600.0)  # the clock was set back
    assert (moved.due, call) == (NOW - 3600.0 + GRACE, None)
    assert tick(part, LADDER, NOW + GRACE)[1] is not None
    graver = opened(a_report(level=3), NOW, other)
    assert (graver.part_of, graver.due) == ("w", NOW)


def test_what_is_taken_over_is_called_about_by_the_last_notice_once_more() -> None:
    incident, call = tick(opened(a_report(), NOW), LADDER, NOW)
    assert call is not None
    moved, again = tick(taken_over(incident, NOW + 60.0), LADDER, NOW + 60.0)
    assert again is not None
    assert (again.id, again.contacts, moved.attempt) == (call.id, call.contacts, 1)
    _, first = tick(taken_over(opened(a_report(), NOW), NOW), LADDER, NOW)
    assert first == call  # nobody has been called yet
    answered = acted(incident, an_act("acknowledge"))
    assert taken_over(answered, NOW) == answered


def test_who_has_answered_by_a_clock_that_is_ahead_is_not_taken_to_look_for_longer() -> None:
    answered = acted(opened(a_report(), NOW), an_act("acknowledge", NOW + 3600.0))
    assert taken_over(answered, NOW).acknowledged == NOW
    assert folded(taken_over(answered, NOW), a_report("r2"), LADDER, NOW + 120.0).due


ENDS: list[Does] = ["acknowledge", "hand_over", "resolve"]


def answered_at(incident: Incident, does: Does, at: float = NOW) -> Act:
    """What somebody does who knows of this much."""
    return informed(an_act(does, at, to="ward"), incident)


@pytest.mark.parametrize("does", ENDS)
def test_what_its_responder_could_not_know_is_called_about_as_if_it_had_come_afterwards(
    does: Does,
) -> None:
    known = called(opened(a_report(), NOW))
    act = answered_at(known, does)
    graver = called(folded(known, a_report("r2", level=3), LADDER, NOW + 1.0), NOW + 1.0)
    assert heard(graver, act, LADDER, NOW + 2.0) == graver  # it is called about already
    in_order = folded(acted(known, act), a_report("r2", level=3), LADDER, NOW + 1.0)
    assert is_alarming(in_order)
    knowing = answered_at(graver, does)
    assert not is_alarming(heard(graver, knowing, LADDER, NOW + 2.0))
    # Once it is known of, what was said before does not count any more, and changes nothing.
    looked_after = heard(graver, answered_at(graver, "acknowledge"), LADDER, NOW + 2.0)
    assert is_alarming(heard(looked_after, act, LADDER, NOW + 3.0)) == (does == "resolve")


def test_whoever_says_that_it_is_over_has_seen_all_or_it_is_not() -> None:
    known = called(opened(a_report(), NOW))
    more = folded(known, a_report("r2"), LADDER, NOW + 1.0)
    assert heard(more, answered_at(known, "resolve"), LADDER, NOW + 2.0) == more
    assert heard(more, answered_at(more, "resolve"), LADDER, NOW + 2.0).state is State.RESOLVED
    # It came quietly, for somebody looked after them: now nobody does.
    looked_after = acted(known, answered_at(known, "acknowledge"))
    quiet = folded(looked_after, a_report("r2"), LADDER, NOW + 1.0)
    again = heard(quiet, answered_at(looked_after, "resolve"), LADDER, NOW + 2.0)
    assert (again.state, again.due, again.calls) == (State.REOPENED, NOW + 2.0, 0)
    over = acted(quiet, answered_at(quiet, "resolve"))
    assert heard(over, answered_at(known, "resolve"), LADDER, NOW + 2.0) == over


def test_who_has_just_answered_looks_after_what_is_not_graver() -> None:
    known = called(opened(a_report(), NOW))
    more, act = folded(known, a_report("r2"), LADDER, NOW + 1.0), answered_at(known, "acknowledge")
    assert heard(more, act, LADDER, NOW + 2.0).state is State.ACKNOWLEDGED
    # By a clock that differs, long ago, or of what another node had: who knows when that was.
    for now in (NOW + 120.0, NOW - 120.0):
        assert heard(more, act, LADDER, now) == more
        assert heard(known, act, LADDER, now).acknowledged == min(NOW, now)
    taken = msgspec.structs.replace(more, token=2)
    assert heard(taken, act, LADDER, NOW + 2.0) == taken
    assert heard(more, msgspec.structs.replace(act, level=1), LADDER, NOW + 2.0) == more


def test_an_act_says_what_was_known_where_it_was_done() -> None:
    known = msgspec.structs.replace(opened(a_report(), NOW), token=3)
    act = informed(an_act("acknowledge"), known)
    assert (act.incident, act.level, act.seen, act.token) == (known.id, 2, known.seen, 3)
    more = folded(known, a_report("r2", level=3), LADDER, NOW)
    assert informed(act, more) == act
    assert informed(act, msgspec.structs.replace(more, id="w")).token == 0
    assert heard(more, an_act("note"), LADDER, NOW) == more


def test_who_knows_of_an_incident_that_is_over_already_can_do_no_more_about_it() -> None:
    over = acted(opened(a_report(), NOW), an_act("resolve"))
    with pytest.raises(Impossible):
        heard(over, informed(an_act("acknowledge"), over), LADDER, NOW)


@given(st.permutations(["r1", "r2", "r3"]))
def test_what_has_been_seen_is_the_same_in_any_order_and_for_the_same_reports_alone(
    ids: list[str],
) -> None:
    incident = opened(a_report(ids[0]), NOW)
    for id in ids[1:]:
        incident = folded(incident, a_report(id), LADDER, NOW)
    over = acted(opened(a_report("r1"), NOW), an_act("resolve"))
    late = noted(noted(over, a_report("r2"), NOW), a_report("r3"), NOW)
    assert incident.seen == late.seen != noted(late, a_report("r3"), NOW).seen
    assert 0 <= mark(a_report(ids[0])) < 2**63


@given(
    st.lists(st.tuples(st.floats(0.0, 200.0), st.integers(1, 3)), max_size=5),
    st.sampled_from(ENDS),
    st.floats(-5000.0, 5000.0),
)
def test_who_would_be_called_about_if_all_had_come_in_order_is_called_about_in_any(
    written: list[tuple[float, int]], does: Does, skew: float
) -> None:
    """What is done elsewhere is heard of behind all that is written.

    By another clock, if it was another node that had the incident then.
    """
    known = called(opened(a_report(), NOW))
    act = answered_at(known, does)
    in_order, here, now = acted(known, act), known, NOW
    for number, (wait, level) in enumerate(written):
        now += wait
        report = a_report(f"m{number}", level=level)
        in_order = folded(in_order, report, LADDER, now)
        here = folded(here, report, LADDER, now)
    assert is_alarming(heard(here, act, LADDER, now)) or not is_alarming(in_order)
    taken, by_another = msgspec.structs.replace(here, token=2), answered_at(known, does, NOW + skew)
    assert is_alarming(heard(taken, by_another, LADDER, now)) or not is_alarming(in_order)


def test_what_another_node_goes_on_with_is_not_called_about() -> None:
    gone = msgspec.structs.replace(opened(a_report(), NOW), holder="two")
    assert not is_alarming(gone)
    assert not is_open(gone)


def test_what_comes_after_an_incident_is_over_is_counted_and_alarms_if_it_is_graver() -> None:
    over = acted(opened(a_report(), NOW), an_act("resolve"))
    same = noted(over, a_report("r2", delivered=False), NOW + 1.0)
    assert (same.state, same.reports, same.texts) == (State.RESOLVED, 2, 2)
    assert (same.undelivered, same.promised, same.last) == (1, 1, NOW + 1.0)
    graver = noted(over, a_report("r2", level=3), NOW + 1.0)
    assert (graver.state, graver.level, graver.due) == (State.REOPENED, 3, NOW + 1.0)
