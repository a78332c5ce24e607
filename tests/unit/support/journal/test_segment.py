"""Segments: how they are made, named and sealed."""

import errno
import os
from pathlib import Path

import pytest

from tests.helpers.journals import NOW, RING, FailingDisk
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.journal.disk import lock
from tta_gateway.support.journal.frames import Frame, frame_at
from tta_gateway.support.journal.segment import (
    SIZE,
    Segment,
    clear_unfinished,
    header_of,
    make,
    names_in,
    path_of,
    slots_in,
    take_blank,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0").mkdir()
    return tmp_path


def made(folder: Path) -> Segment:
    return make(folder, 0, keys=RING, disk=FailingDisk(), now=0.0)


def test_segments_are_numbered_in_their_order(folder: Path) -> None:
    names = [made(folder).name for _ in range(12)]
    assert names == [f"0/{n}" for n in range(1, 13)]
    assert names_in(folder, 0) == names
    assert slots_in(folder) == [0]


def test_a_segment_has_its_size_from_the_beginning_and_is_its_owners_alone(folder: Path) -> None:
    path = path_of(folder, made(folder).name)
    assert path.stat().st_size == SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 >= SIZE  # no hole: a full disk finds room here


def test_what_is_written_is_in_nobodys_clear(folder: Path) -> None:
    segment = made(folder)
    segment.append([(NOW, b"kanarie")])
    assert b"kanarie" not in path_of(folder, segment.name).read_bytes()


def test_a_record_is_opened_where_it_stands_and_nowhere_else(folder: Path) -> None:
    segment = made(folder)
    begin = segment.used
    segment.append([(NOW, b"one")])
    whole = path_of(folder, segment.name).read_bytes()
    header = header_of(whole, segment.name, RING)
    frame = frame_at(whole, begin)
    assert frame is not None
    assert header.cipher.open(frame).payload == b"one"
    with pytest.raises(NotSealed):
        header.cipher.open(Frame(begin + 1, frame.end + 1, frame.data))
    with pytest.raises(NotSealed):
        header_of(whole, "0/2", RING)


def test_a_record_that_is_too_short_for_its_time_is_none(folder: Path) -> None:
    segment = made(folder)
    whole = path_of(folder, segment.name).read_bytes()
    cipher = header_of(whole, segment.name, RING).cipher
    with pytest.raises(NotSealed):
        cipher.open(Frame(0, 12, b""))


def test_a_header_of_another_key_opens_nothing(folder: Path) -> None:
    whole = path_of(folder, made(folder).name).read_bytes()
    with pytest.raises(NotSealed):
        header_of(whole, "0/1", Ring([b"\7" * 32]))
    with pytest.raises(NotSealed):
        header_of(b"", "0/1", RING)


def test_a_blank_segment_is_taken_over_once_its_writer_is_gone(folder: Path) -> None:
    disk = FailingDisk()
    segment = made(folder)
    assert take_blank(folder, "0/1", keys=RING, disk=disk) is None
    segment.close()
    taken = take_blank(folder, "0/1", keys=RING, disk=disk)
    assert taken is not None
    taken.append([(NOW, b"one")])
    taken.close()
    assert take_blank(folder, "0/1", keys=RING, disk=disk) is None
    assert take_blank(folder, "0/7", keys=RING, disk=disk) is None


def test_what_cannot_be_written_gets_no_name(folder: Path) -> None:
    disk = FailingDisk()
    disk.failing["sync"] = errno.ENOSPC
    with pytest.raises(OSError, match="fails in this test"):
        make(folder, 0, keys=RING, disk=disk, now=0.0)
    assert list((folder / "0").iterdir()) == []


def test_another_writers_unfinished_segment_is_left_alone(folder: Path) -> None:
    path = folder / "0" / "0000000000000001.aa.new"
    fd = FailingDisk().create(str(path))
    assert lock(fd)
    clear_unfinished(folder, 0)
    assert path.exists()
    os.close(fd)
    clear_unfinished(folder, 0)
    assert not path.exists()


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert slots_in(tmp_path / "none") == []
    assert names_in(tmp_path, 3) == []


def test_closing_cuts_off_what_was_not_used(folder: Path) -> None:
    segment = made(folder)
    segment.append([(NOW, b"one")])
    used = segment.used
    segment.close()
    assert path_of(folder, segment.name).stat().st_size == used


def test_numbers_go_by_the_clock_and_only_up(folder: Path) -> None:
    keys, disk = RING, FailingDisk()
    names = [make(folder, 0, keys=keys, disk=disk, now=now).name for now in (5.0, 5.0, 1.0, 6.0)]
    assert names == ["0/5001", "0/5002", "0/5003", "0/6001"]
