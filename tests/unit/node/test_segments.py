"""Which parts of the shared file are whose."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.node.segments import Segments
from tta_gateway.support.segment import SIZE, Segment


@pytest.fixture
def segments() -> Iterator[Segments]:
    made = Segments()
    yield made
    os.close(made.fd)


def test_nothing_is_there_before_somebody_counts(segments: Segments) -> None:
    assert os.fstat(segments.fd).st_size == 0


def test_everybody_gets_a_part_of_his_own_and_the_file_grows(segments: Segments) -> None:
    assert [segments.take() for _ in range(3)] == [0, 1, 2]
    assert os.fstat(segments.fd).st_size == 3 * SIZE


def test_a_part_that_was_left_is_the_next_to_be_taken(segments: Segments) -> None:
    for _ in range(3):
        segments.take()
    segments.leave(1)
    assert [segments.take(), segments.take()] == [1, 3]


def test_a_part_that_was_left_is_nobody_s_and_keeps_what_was_counted(segments: Segments) -> None:
    number = segments.take()
    segment = Segment(segments.fd, number)
    segment.owner = 4711
    segment.cells[0] = 7.0
    segments.leave(number)
    assert (segment.owner, segment.cells[0]) == (0, 7.0)


def test_others_keep_their_parts_when_one_leaves(segments: Segments) -> None:
    for number in (segments.take(), segments.take()):
        Segment(segments.fd, number).owner = 4711
    segments.leave(0)
    assert Segment(segments.fd, 1).owner == 4711


@pytest.mark.parametrize("number", [-1, 0, 7])
def test_who_counts_in_none_may_leave_too(segments: Segments, number: int) -> None:
    segments.leave(number)
    assert segments.take() == 0


def test_who_goes_on_with_the_file_keeps_what_is_taken(segments: Segments) -> None:
    for _ in range(3):
        segments.take()
    after = Segments(segments.fd)
    after.keep(1)
    assert [after.take() for _ in range(3)] == [0, 2, 3]


def test_no_child_gets_the_file_unasked(segments: Segments) -> None:
    assert not os.get_inheritable(segments.fd)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_nobody_ever_gets_a_part_that_another_has(moves: list[int]) -> None:
    segments = Segments()
    taken: list[int] = []
    for move in moves:
        if move < len(taken):
            segments.leave(taken.pop(move))
        number = segments.take()
        assert number not in taken
        taken.append(number)
    assert os.fstat(segments.fd).st_size == len(taken) * SIZE
    os.close(segments.fd)


def test_the_beats_of_a_process_are_read_from_its_part(segments: Segments) -> None:
    numbers = [segments.take(), segments.take()]
    segment = Segment(segments.fd, numbers[1])
    for _ in range(3):
        segment.beat()
    assert [segments.beats(number) for number in numbers] == [0, 3]


def test_beats_begin_anew_where_another_takes_the_part(segments: Segments) -> None:
    number = segments.take()
    Segment(segments.fd, number).beat()
    segments.leave(number)
    part = Segment(segments.fd, segments.take())
    assert segments.beats(number) == part.beats == 0
    part.beat()
    assert segments.beats(number) == part.beats == 1
