"""Frames: whatever a disk leaves of them, what comes back was written, and none is made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.journal.frames import (
    HEAD,
    LARGEST,
    Frame,
    end_of_last,
    frame_at,
    framed,
    is_blank,
    next_frame,
)

DATA = st.lists(st.binary(max_size=200), max_size=12)


def read(whole: bytes, at: int = 0) -> list[bytes]:
    found = []
    while (frame := next_frame(whole, at)) is not None:
        found.append(frame.data)
        at = frame.end
    return found


@given(DATA, st.data())
def test_a_stream_cut_anywhere_gives_a_prefix_of_what_was_written(
    records: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(framed, records))
    cut = data.draw(st.integers(0, len(whole)))
    found = read(whole[:cut])
    assert found == records[: len(found)]
    assert sum(HEAD + len(one) for one in found) <= cut


@given(DATA, st.data())
def test_a_cut_loses_only_the_record_that_it_goes_through(
    records: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(framed, records))
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(HEAD + len(one) for one in records[: n + 1]) for n in range(len(records))]
    assert len(read(whole[:cut])) == sum(end <= cut for end in ends)


@given(DATA, st.data())
def test_a_changed_byte_loses_one_record_and_none_behind_it(
    records: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(b"".join(map(framed, [*records, b"last"])))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found = read(bytes(whole))
    written = [*records, b"last"]
    assert len(found) == len(written) - 1
    assert any(found == written[:n] + written[n + 1 :] for n in range(len(written)))


@given(st.binary(max_size=2000))
def test_bytes_that_nobody_framed_hold_nothing(noise: bytes) -> None:
    assert next_frame(noise, 0) is None


def test_zeros_behind_the_last_record_are_room() -> None:
    whole = framed(b"one") + framed(b"two") + bytes(100)
    end = len(whole) - 100
    assert end_of_last(whole, 0) == end
    assert is_blank(whole, end)
    assert not is_blank(whole, end - 1)


def test_a_frame_says_where_it_stands() -> None:
    whole = b"\xf5??" + framed(b"one")
    assert frame_at(whole, 0) is None
    assert next_frame(whole, 0) == Frame(3, len(whole), b"one")


def test_the_end_of_the_last_is_where_one_begins_if_there_is_none() -> None:
    assert end_of_last(bytes(10), 4) == 4


def test_a_marker_without_a_frame_is_passed_over() -> None:
    broken = framed(b"broken")[:4]
    assert read(broken + framed(b"whole")) == [b"whole"]


def test_a_length_beyond_all_bounds_is_none() -> None:
    head = framed(b"")[:4] + b"\xff\xff\xff\x7f" + bytes(4)
    assert frame_at(head + bytes(100), 0) is None


def test_what_is_too_large_is_refused_before_it_is_written() -> None:
    with pytest.raises(ValueError, match="at most"):
        framed(bytes(LARGEST + 1))
