"""The reader: each record once, whatever has become of the files."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.journals import NOW, RING, Stage, damage, entries
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.journal.reader import Behind, Reader, Trouble
from tta_gateway.support.journal.segment import SIZE, path_of

HEADER = 81  # bytes, before the first record
PAYLOADS = st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=10)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "journal")


def written(stage: Stage, *payloads: bytes, slot: int = 0) -> Path:
    """A segment that a writer has left."""
    writer = stage.slot(slot)
    writer.write(entries(*payloads))
    writer.close()
    return path_of(stage.folder, f"{slot}/1")


def test_nothing_is_read_of_a_folder_that_is_not_there(stage: Stage) -> None:
    assert stage.take() == []


def test_a_record_says_where_it_ends_and_when_it_was_given(stage: Stage) -> None:
    written(stage, b"one")
    (record,) = stage.take_records()
    assert (record.segment, record.at, record.payload) == ("0/1", NOW, b"one")
    assert record.end == path_of(stage.folder, "0/1").stat().st_size


def test_what_was_taken_over_does_not_come_again(stage: Stage) -> None:
    slot = stage.slot()
    slot.write(entries(b"one"))
    assert stage.take() == [b"one"]
    slot.write(entries(b"two"))
    assert stage.take() == [b"two"]
    assert stage.take() == []


def test_what_was_read_and_not_taken_over_comes_again(stage: Stage) -> None:
    written(stage, b"one")
    assert [one.payload for one in stage.reader.read({})] == [b"one"]
    assert stage.take() == [b"one"]


def test_no_more_are_read_than_are_wanted(stage: Stage) -> None:
    written(stage, b"one", b"two", b"three")
    assert [one.payload for one in stage.reader.read({}, 2)] == [b"one", b"two"]


def test_slots_are_read_each_in_its_order(stage: Stage) -> None:
    written(stage, b"a1", b"a2", slot=0)
    written(stage, b"b1", slot=10)
    written(stage, b"c1", slot=2)
    assert stage.take() == [b"a1", b"a2", b"c1", b"b1"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=PAYLOADS, data=st.data())
def test_a_writer_killed_at_any_byte_leaves_a_prefix(
    tmp_path: Path, payloads: list[bytes], data: st.DataObject
) -> None:
    stage = Stage(Path(mkdtemp(dir=tmp_path)))
    path = written(stage, *payloads)
    end = path.stat().st_size
    at = data.draw(st.integers(HEADER, end))
    whole = path.read_bytes()
    path.write_bytes(whole[:at].ljust(SIZE, b"\0"))
    taken = stage.take()
    assert taken == payloads[: len(taken)]
    ends = [HEADER + sum(len(one) + 48 for one in payloads[: n + 1]) for n in range(len(payloads))]
    assert len(taken) == sum(one <= at for one in ends)
    stage.reader.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=PAYLOADS, data=st.data())
def test_a_damaged_byte_costs_one_record_and_is_told_of(
    tmp_path: Path, payloads: list[bytes], data: st.DataObject
) -> None:
    stage = Stage(Path(mkdtemp(dir=tmp_path)))
    path = written(stage, *payloads)
    at = data.draw(st.integers(HEADER, path.stat().st_size - 1))
    damage(path, at)
    taken = stage.take()
    assert len(taken) == len(payloads) - 1
    assert any(taken == payloads[:n] + payloads[n + 1 :] for n in range(len(payloads)))
    assert {one.kind for one in stage.troubles} <= {"torn", "damaged"}
    assert stage.troubles
    stage.reader.close()


def test_damage_is_told_of_once_with_its_place(stage: Stage) -> None:
    path = written(stage, b"one", b"two", b"three")
    first, second, _ = stage.reader.read({})
    damage(path, second.end - 1)
    assert stage.take() == [b"one", b"three"]
    stage.reader.read({})
    assert stage.troubles == [Trouble("damaged", "0/1", first.end, second.end - first.end)]


def test_a_record_moved_to_another_place_is_not_believed(stage: Stage) -> None:
    path = written(stage, b"one", b"two", b"end")
    first, second, _ = stage.reader.read({})
    whole = path.read_bytes()
    size = second.end - first.end
    begin = first.end - size
    changed = whole[:begin] + whole[first.end : second.end] + whole[begin : first.end]
    path.write_bytes(changed + whole[second.end :])
    assert stage.take() == [b"end"]
    assert [one.kind for one in stage.troubles] == ["damaged", "damaged"]


def test_the_end_of_a_segment_that_is_written_in_is_only_not_there_yet(stage: Stage) -> None:
    slot = stage.slot()
    slot.write(entries(b"one"))
    (record,) = stage.take_records()
    fd = os.open(path_of(stage.folder, "0/1"), os.O_WRONLY)
    os.pwrite(fd, b"\xf5TJ\xa7\x10", record.end)  # half of what is being written
    os.close(fd)
    assert stage.take() == []
    assert stage.troubles == []


def test_damage_in_a_segment_that_is_written_in_loses_nothing_behind_it(stage: Stage) -> None:
    slot = stage.slot()
    slot.write(entries(b"one", b"two"))
    first, _ = stage.reader.read({})
    fd = os.open(path_of(stage.folder, "0/1"), os.O_WRONLY)
    os.pwrite(fd, b"?", first.end - 1)
    os.close(fd)
    assert stage.take() == [b"two"]
    assert [one.kind for one in stage.troubles] == ["damaged"]


def test_a_torn_end_of_a_dead_writer_is_told_of(stage: Stage) -> None:
    path = written(stage, b"one", b"two")
    path.write_bytes(path.read_bytes()[:-3])
    assert stage.take() == [b"one"]
    assert [one.kind for one in stage.troubles] == ["torn"]


def test_a_segment_without_its_key_is_told_of_kept_and_read_later(stage: Stage) -> None:
    written(stage, b"one")
    troubles: list[Trouble] = []
    reader = Reader(stage.folder, Ring([b"\7" * 32]), trouble=troubles.append)
    assert reader.read({}) == []
    assert reader.read({}) == []
    assert troubles[0] == Trouble("unreadable", "0/1", 0, 0)
    assert reader.forget({"0/1": 10**6}) == []
    assert path_of(stage.folder, "0/1").exists()
    reader.keys = RING
    assert [one.payload for one in reader.read({})] == [b"one"]


def test_a_segment_is_taken_away_when_all_of_it_is_taken_over(stage: Stage) -> None:
    path = written(stage, b"one", b"two")
    assert stage.reader.forget({}) == []
    stage.take()
    assert stage.reader.forget(stage.marks) == ["0/1"]
    assert not path.exists()
    assert stage.files() == ["0/0000000000000002.journal"]  # the next writer's reserve


def test_a_segment_with_something_that_is_not_taken_over_stays(stage: Stage) -> None:
    path = written(stage, b"one", b"two")
    first = stage.reader.read({})[0]
    assert stage.reader.forget({"0/1": first.end}) == []
    assert path.exists()


def test_a_segment_that_is_written_in_stays(stage: Stage) -> None:
    slot = stage.slot()
    slot.write(entries(b"one"))
    stage.take()
    assert stage.reader.forget(stage.marks) == []
    slot.write(entries(b"two"))
    assert stage.take() == [b"two"]


def test_a_torn_end_does_not_keep_a_segment(stage: Stage) -> None:
    path = written(stage, b"one", b"two")
    path.write_bytes(path.read_bytes()[:-3])
    stage.take()
    assert stage.reader.forget(stage.marks) == ["0/1"]


def test_marks_of_segments_that_are_gone_are_of_no_use(stage: Stage) -> None:
    assert stage.reader.forget({"3/7": 100}) == ["3/7"]


def test_how_much_is_behind(stage: Stage) -> None:
    assert stage.reader.behind({}) == Behind(0, None)
    slot = stage.slot()
    slot.write(entries(b"one", b"two"))
    behind = stage.reader.behind({})
    assert behind == Behind(2 * (3 + 48), NOW)
    stage.take()
    assert stage.reader.behind(stage.marks) == Behind(0, None)


def test_what_failed_and_was_written_again_is_read_in_both_places(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.failing["sync"] = errno.EIO
    slot.write(entries(b"one"))
    assert set(stage.take()) == {b"one"}  # who takes it over tells by its id


def test_files_that_are_no_segments_are_left_alone(stage: Stage) -> None:
    (stage.folder / "0").mkdir(parents=True)
    (stage.folder / "wake").write_bytes(b"")
    (stage.folder / "0" / "notes.txt").write_bytes(b"x")
    assert stage.take() == []
    assert stage.troubles == []


def test_a_file_that_is_no_slot_keeps_no_other_back(stage: Stage) -> None:
    written(stage, b"one")
    (stage.folder / "7").write_text("")
    assert stage.take() == [b"one"]
    assert stage.reader.forget(stage.marks) == ["0/1"]
    assert stage.troubles == []


def test_a_slot_that_is_not_given_is_told_of_and_the_others_are_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(stage, b"one")
    written(stage, b"two", slot=5)
    real = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.name == "5":
            raise PermissionError(errno.EACCES, "not yours")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert stage.take() == [b"one"]
    assert stage.troubles == [Trouble("unreadable", "5", 0, 0)]


def test_a_segment_that_the_disk_does_not_give_is_told_of_and_the_others_are_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(stage, b"one")
    written(stage, b"two", slot=5)
    assert stage.reader.read({}) != []
    bad, real = stage.reader._views["0/1"].fd, os.pread

    def pread(fd: int, size: int, at: int) -> bytes:
        if fd == bad:
            raise OSError(errno.EIO, "a bad sector")
        return real(fd, size, at)

    monkeypatch.setattr(os, "pread", pread)
    assert stage.take() == [b"two"]
    assert stage.reader.forget(stage.marks) == ["5/1"]
    assert stage.reader.behind({}).size == 0
    assert [(one.kind, one.segment) for one in stage.troubles] == [("unreadable", "0/1")]


def test_a_slot_that_is_never_done_does_not_starve_another(stage: Stage) -> None:
    busy = stage.slot(0)
    written(stage, b"two", slot=1)
    seen: list[bytes] = []
    for _ in range(2):
        busy.write(entries(b"one", b"one"))
        records = stage.reader.read(stage.marks, 1)
        seen += [one.payload for one in records]
        stage.marks.update({one.segment: one.end for one in records})
    assert b"two" in seen


def test_what_cannot_be_opened_is_behind_since_its_segment_was_made(stage: Stage) -> None:
    path = written(stage, b"one")
    reader = Reader(stage.folder, Ring([bytes(32)]), trouble=stage.troubles.append)
    assert reader.read({}) == []
    size = path.stat().st_size - HEADER
    assert reader.behind({}) == Behind(size, 0.001)
    assert stage.troubles[-1] == Trouble("unreadable", "0/1", HEADER, size)


def test_what_was_taken_over_is_not_behind_though_it_cannot_be_opened_any_more(
    stage: Stage,
) -> None:
    written(stage, b"one")
    stage.take()
    reader = Reader(stage.folder, Ring([bytes(32)]), trouble=stage.troubles.append)
    assert reader.read(stage.marks) == []
    assert reader.behind(stage.marks) == Behind(0, None)
