"""The shared memory of one worker, as two processes see it: two mappings of one file."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.segment import BEAT_AT, OWNER_AT, SIZE, Segment

ROOM = 6 * 2**20  # cells
DIRECTORY = 16 * 2**20  # bytes


@pytest.fixture
def fd() -> Iterator[int]:
    made = os.memfd_create("segments")
    os.ftruncate(made, 2 * SIZE)
    yield made
    os.close(made)


def test_a_new_segment_holds_nothing_and_is_nobody_s() -> None:
    segment = Segment()
    assert (list(segment.records()), segment.lost, segment.owner) == ([], 0, 0)


def test_a_record_is_found_with_the_place_of_its_cells() -> None:
    segment = Segment()
    places = [segment.add(b"a", 3), segment.add(b"", 1), segment.add(b"longer", 2)]
    assert places == [0, 3, 4]
    assert list(segment.records()) == [(b"a", 0), (b"", 3), (b"longer", 4)]


def test_what_was_added_between_two_moments_is_found() -> None:
    segment = Segment()
    moments = [segment.used]
    for name in (b"a", b"b", b"c"):
        segment.add(name, 1)
        moments.append(segment.used)
    assert list(segment.records(moments[1])) == [(b"b", 1), (b"c", 2)]
    assert list(segment.records(moments[1], moments[2])) == [(b"b", 1)]
    assert list(segment.records(moments[3])) == []


def test_who_maps_the_same_part_sees_what_is_written(fd: int) -> None:
    writer, reader = Segment(fd, 1), Segment(fd, 1)
    place = writer.add(b"a", 1)
    assert place is not None
    writer.cells[place] = 7.0
    assert (list(reader.records()), reader.cells[place]) == ([(b"a", 0)], 7.0)


def test_another_part_is_another_segment(fd: int) -> None:
    Segment(fd, 0).add(b"a", 1)
    assert list(Segment(fd, 1).records()) == []


def test_who_comes_later_goes_on_behind_what_is_there(fd: int) -> None:
    first = Segment(fd)
    first.add(b"a", 3)
    first.close()
    second = Segment(fd)
    assert (second.add(b"b", 1), list(second.records())) == (3, [(b"a", 0), (b"b", 3)])


def test_its_owner_stands_where_another_process_can_reset_it(fd: int) -> None:
    segment = Segment(fd, 1)
    segment.owner = 4711
    assert int.from_bytes(os.pread(fd, 8, SIZE + OWNER_AT), "little") == 4711
    os.pwrite(fd, bytes(8), SIZE + OWNER_AT)
    assert segment.owner == 0


def test_its_beats_stand_where_another_process_can_read_them(fd: int) -> None:
    segment = Segment(fd, 1)
    seen = []
    for _ in range(3):
        segment.beat()
        seen.append(int.from_bytes(os.pread(fd, 8, SIZE + BEAT_AT), "little"))
    assert seen == [1, 2, 3]


def test_a_beat_touches_nothing_else(fd: int) -> None:
    segment = Segment(fd)
    segment.owner = 4711
    place = segment.add(b"a", 1)
    segment.beat()
    assert (segment.owner, segment.lost, list(segment.records())) == (4711, 0, [(b"a", place)])


def test_a_part_that_the_file_has_not_is_an_error(fd: int) -> None:
    with pytest.raises((OSError, ValueError)):
        Segment(fd, 2)


def test_no_more_cells_are_given_than_there_are() -> None:
    segment = Segment()
    assert segment.add(b"all", ROOM) == 0
    assert (segment.add(b"one more", 1), segment.lost) == (None, 1)


def test_what_found_no_cells_is_no_record() -> None:
    segment = Segment()
    segment.add(b"too many", ROOM + 1)
    assert (list(segment.records()), segment.add(b"a", 1)) == ([], 0)


def test_a_full_directory_takes_no_record_and_says_so() -> None:
    segment = Segment()
    segment.add(bytes(DIRECTORY - 100), 1)
    assert (segment.add(bytes(100), 1), segment.lost) == (None, 1)


def test_what_is_written_in_the_last_places_is_kept_apart_from_the_cells() -> None:
    segment = Segment()
    segment.add(b"\xff" * (DIRECTORY - 64 - 12), 1)
    assert (segment.lost, segment.cells[0], segment.cells[ROOM - 1]) == (0, 0.0, 0.0)


def test_a_closed_segment_holds_no_memory() -> None:
    segment = Segment()
    segment.close()
    with pytest.raises(ValueError, match="released"):
        segment.cells[0] = 1.0


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 50))))
def test_whatever_is_added_is_found_again_and_no_cell_is_given_twice(
    wanted: list[tuple[bytes, int]],
) -> None:
    segment = Segment()
    places = [segment.add(record, cells) for record, cells in wanted]
    assert list(segment.records()) == list(
        zip([record for record, _ in wanted], places, strict=True)
    )
    begins = [sum(cells for _, cells in wanted[:number]) for number in range(len(wanted))]
    assert places == begins
    segment.close()
