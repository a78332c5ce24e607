"""Letters: the table, and what must hold of a box whatever happens."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_gateway.features.realtime.inbox import (
    DEAD_FOR,
    FIRST,
    KNOWN,
    LARGEST,
    LONGEST,
    MOST,
    MOST_DEAD,
    PAGE,
    TABLE,
    Box,
    Event,
    Letter,
    Outcome,
    Page,
    State,
    channel_of,
    pause,
    user_of,
)
from tta_gateway.features.realtime.publication import Publication

HOUR = 3600 * 1000


def letter(id: str, expires: int = HOUR) -> Letter:
    return Letter(id, Publication(id.encode()), expires)


def test_what_is_acknowledged_is_over_and_what_is_dead_can_be_acknowledged_yet() -> None:
    assert {state for state, _ in TABLE} == set(State) - {State.ACKNOWLEDGED}
    assert TABLE[State.DEAD, Event.ACKNOWLEDGED] is State.ACKNOWLEDGED
    for state, event in itertools.product(State, Event):
        after = TABLE.get((state, event))
        assert after is not State.WAITING or state is State.WAITING
        if event is Event.ACKNOWLEDGED and state is not State.ACKNOWLEDGED:
            assert after is State.ACKNOWLEDGED


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = [pause(tries) for tries in range(100)]
    assert pauses[:5] == [FIRST, FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


def test_a_letter_is_sent_again_until_it_is_acknowledged() -> None:
    box = Box()
    assert box.next_due() == -1
    assert box.post(letter("a"), 0, reaches=True) is Outcome.NEW
    assert box.post(letter("a"), 0, reaches=True) is Outcome.REPEATED
    times = []
    for _ in range(4):
        due = box.next_due()
        assert box.redeliver(due - 1) == []
        assert [one.data for one in box.redeliver(due)] == [b"a"]
        times.append(due)
    assert times == [FIRST, 3 * FIRST, 7 * FIRST, 15 * FIRST]
    assert box.acknowledge("a", 16 * FIRST)
    assert box.acknowledge("a", 16 * FIRST)  # once more: the first answer was lost
    assert not box.acknowledge("b", 0)
    assert box.redeliver(HOUR) == []
    assert box.post(letter("a"), HOUR + KNOWN - 1, reaches=True) is Outcome.REPEATED


def test_whoever_was_away_gets_all_in_order_when_he_comes() -> None:
    box = Box()
    for number in range(5):
        box.post(letter(str(number)), 0, reaches=False)
    box.redeliver(FIRST)
    assert box.acknowledge("2", FIRST)
    for _ in range(2):
        page = box.drain(FIRST)
        assert [one.data for one in page.letters] == [b"0", b"1", b"3", b"4"]
        assert page.after == -1


def test_many_letters_or_large_ones_are_given_and_sent_again_a_part_at_a_time() -> None:
    box = Box()
    for number in range(PAGE + 3):
        box.post(letter(f"{number:03}"), 0, reaches=False)
    page = box.drain(1)
    assert (len(page.letters), page.letters[0].data) == (PAGE, b"000")
    box.acknowledge(f"{PAGE}", 1)
    last = box.drain(1, page.after)
    assert [one.data for one in last.letters] == [b"101", b"102"]
    assert last.after == -1
    assert len(box.redeliver(FIRST + 1)) == PAGE
    assert box.next_due() == FIRST + 1
    assert len(box.redeliver(FIRST + 1)) == 2
    large = Box()
    for number in range(3):
        one = Letter(f"{number}", Publication(b"x" * (LARGEST + 1)), HOUR)
        large.post(one, 0, reaches=False)
    page = large.drain(1)
    assert (len(page.letters), page.after) == (1, 1)


def test_what_nobody_acknowledges_in_time_is_dead_and_may_be_acknowledged_late() -> None:
    box = Box()
    box.post(letter("a", 10), 0, reaches=True)
    box.post(letter("b", 10), 0, reaches=False)
    assert box.post(letter("late", 5), 5, reaches=True) is Outcome.EXPIRED
    assert box.drain(10) == Page([], -1)
    assert {id: (one.why, one.at) for id, one in box.graves.items()} == {
        "late": ("expired", 5),
        "a": ("expired", 10),
        "b": ("expired", 10),
    }
    assert box.post(letter("a"), 10, reaches=True) is Outcome.REPEATED
    assert box.acknowledge("a", 11)
    assert box.forget("b")
    assert not box.forget("b")
    assert list(box.graves) == ["late"]
    box.expire(5 + DEAD_FOR)
    assert box.graves == {}


def test_beyond_so_many_letters_they_are_dead_at_once_and_so_many_dead_are_kept() -> None:
    box = Box()
    for number in range(MOST):
        assert box.post(letter(str(number)), 0, reaches=False) is Outcome.NEW
    for number in range(MOST_DEAD + 1):
        assert box.post(letter(f"x{number}"), 0, reaches=True) is Outcome.CROWDED
    assert len(box.kept) == MOST
    assert len(box.graves) == MOST_DEAD
    assert "x0" not in box.graves
    assert {one.why for one in box.graves.values()} == {"crowded"}


def test_no_client_may_name_the_channel_of_an_inbox() -> None:
    assert channel_of("ann") == "!inbox:ann"
    assert user_of("!inbox:ann") == "ann"
    assert user_of("inbox:ann") == user_of("!inbox:") == ""


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(0, 9), st.integers(0, 200_000), st.booleans()),
        st.tuples(st.just("drain"), st.just(0), st.just(0), st.just(True)),
        st.tuples(st.just("ack"), st.integers(0, 9), st.just(0), st.just(True)),
        st.tuples(st.just("redeliver"), st.just(0), st.just(0), st.booleans()),
        st.tuples(st.just("pass"), st.integers(0, 40_000), st.just(0), st.just(True)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_no_letter_is_lost_in_silence_and_none_comes_after_its_receipt(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    box, now = Box(), 0
    posted: dict[str, int] = {}
    acknowledged: set[str] = set()
    for name, number, more, reaches in steps:
        given: list[Publication] = []
        if name == "post":
            if box.post(letter(str(number), now + more), now, reaches=reaches) in (
                Outcome.NEW,
                Outcome.EXPIRED,
            ):
                posted[str(number)] = now + more
        elif name == "drain":
            given = [*box.drain(now).letters]
            alive = {id for id, till in posted.items() if till > now} - acknowledged
            assert {one.data.decode() for one in given} == alive
        elif name == "ack":
            assert box.acknowledge(str(number), now) is (str(number) in posted)
            acknowledged |= {str(number)} & set(posted)
        elif name == "redeliver":
            given = box.redeliver(now)
            assert box.next_due() == -1 or now < box.next_due() <= now + LONGEST
        else:
            now += number
        assert not acknowledged & {one.data.decode() for one in given}
    box.expire(now)
    everything = set(box.kept) | set(box.done) | set(box.graves)
    assert everything == set(posted)
    assert set(box.done) == acknowledged
    assert all(one.state in (State.WAITING, State.SENT) for one in box.kept.values())


def test_a_table_without_an_entry_says_what_cannot_be() -> None:
    with pytest.raises(KeyError):
        TABLE[State.ACKNOWLEDGED, Event.REACHED]
