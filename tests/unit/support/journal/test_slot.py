"""A slot of a journal: what it does when the disk does not."""

import errno
from pathlib import Path

import pytest

from tests.helpers.journals import RING, Stage, damage, entries
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.journal.segment import SIZE, names_in, path_of, wrapped_by
from tta_gateway.support.journal.slot import LARGEST_PAYLOAD, cut

BOTH = Ring([b"n" * 32, bytes(range(32))])
BIG = bytes(100_000)
FILLS = SIZE // len(BIG)  # so many of them go into a segment


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "journal")


def test_what_is_written_can_be_read(stage: Stage) -> None:
    slot = stage.slot()
    assert slot.write(entries(b"one", b"two")) == [True, True]
    assert stage.take() == [b"one", b"two"]


def test_there_is_a_segment_in_reserve_from_the_beginning(stage: Stage) -> None:
    stage.slot()
    assert len(stage.files()) == 2


def test_one_sync_is_enough_for_what_comes_together(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.calls.clear()
    slot.write(entries(*(b"%d" % n for n in range(50))))
    assert stage.disk.calls == ["write", "sync"]


def test_nothing_of_a_segment_whose_sync_failed_is_acknowledged_there(stage: Stage) -> None:
    slot = stage.slot()
    slot.write(entries(b"before"))
    stage.disk.failing["sync"] = errno.EIO
    assert slot.write(entries(b"lost")) == [False]
    assert slot.given_up == 2  # the reserve has failed as well
    stage.disk.failing.clear()
    assert slot.write(entries(b"after")) == [True]
    assert stage.take()[0] == b"before"
    assert len(stage.marks) == 3


def test_what_failed_once_is_written_again_in_the_next_segment(stage: Stage) -> None:
    slot = stage.slot()

    class Once:
        left = 1

    sync = stage.disk.sync

    def failing(fd: int) -> None:
        if Once.left:
            Once.left = 0
            raise OSError(errno.EIO, "fails once")
        sync(fd)

    stage.disk.sync = failing  # type: ignore[method-assign]
    assert slot.write(entries(b"kept")) == [True]
    assert slot.given_up == 1
    assert b"kept" in stage.take()
    assert stage.told == ["journal_not_synced"]


def test_a_segment_that_failed_is_never_written_in_again(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.failing["sync"] = errno.EIO
    slot.write(entries(b"x"))
    stage.disk.failing.clear()
    sizes = {name: path_of(stage.folder, name).read_bytes() for name in ("0/1", "0/2")}
    slot.write(entries(b"y"))
    assert sizes == {name: path_of(stage.folder, name).read_bytes() for name in sizes}


def test_a_full_disk_still_takes_what_is_urgent_until_the_reserve_is_used(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.fill()
    assert slot.write(entries(*[BIG] * (2 * FILLS))) == [True] * (2 * FILLS)
    assert slot.write(entries(b"one more", BIG)) == [True, False]
    assert "journal_full" in stage.told


def test_a_full_disk_leaves_the_last_segment_to_what_is_urgent(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.fill()
    assert slot.write(entries(*[BIG] * FILLS, urgent=False)) == [True] * FILLS
    assert slot.write(entries(BIG, urgent=False)) == [False]
    assert slot.write(entries(BIG)) == [True]
    assert slot.write(entries(b"small", urgent=False)) == [False]


def test_once_there_is_room_again_everything_is_taken(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.fill()
    slot.write(entries(*[BIG] * (2 * FILLS)))
    stage.disk.failing.clear()
    stage.clock.advance(2.0)
    assert slot.write(entries(BIG, urgent=False)) == [True]
    assert len(stage.take()) == 2 * FILLS + 1


def test_a_reserve_that_could_not_be_made_is_not_tried_with_every_record(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.fill()
    slot.write(entries(*[BIG] * (FILLS + 1)))
    slot.restock()
    stage.disk.calls.clear()
    slot.restock()
    assert stage.disk.calls == []


def test_a_disk_that_is_full_from_the_beginning_takes_nothing_and_says_so(stage: Stage) -> None:
    stage.disk.fill()
    slot = stage.slot()
    assert slot.write(entries(b"x")) == [False]
    assert "journal_no_reserve" in stage.told


def test_a_segment_that_could_not_be_finished_leaves_nothing(stage: Stage) -> None:
    stage.disk.failing["write"] = errno.ENOSPC
    stage.slot()
    assert [one.name for one in (stage.folder / "0").iterdir()] == []


def test_what_is_larger_than_a_record_is_refused_and_nothing_else(stage: Stage) -> None:
    slot = stage.slot()
    assert slot.write(entries(b"a", bytes(LARGEST_PAYLOAD + 1), b"b")) == [True, False, True]
    assert stage.take() == [b"a", b"b"]


def test_the_next_writer_goes_on_with_the_reserve_even_on_a_full_disk(stage: Stage) -> None:
    first = stage.slot()
    first.write(entries(b"one"))
    first.close()
    stage.disk.fill()
    second = stage.slot()
    assert second.write(entries(b"two")) == [True]
    assert stage.take() == [b"one", b"two"]


def test_two_writers_of_one_slot_have_segments_of_their_own(stage: Stage) -> None:
    first, second = stage.slot(), stage.slot()
    assert first.write(entries(b"a")) == [True]
    assert second.write(entries(b"b")) == [True]
    assert first.write(entries(b"c")) == [True]
    assert sorted(stage.take()) == [b"a", b"b", b"c"]
    assert len(stage.files()) == 4


def test_a_torn_end_is_cut_off_by_the_next_writer(stage: Stage) -> None:
    first = stage.slot()
    first.write(entries(b"whole"))
    stage.disk.writes_before = 20
    stage.disk.failing["write"] = errno.EIO
    first.write(entries(b"torn, and not acknowledged"))
    stage.disk.failing.clear()
    stage.disk.writes_before = None
    path = path_of(stage.folder, "0/1")
    assert path.stat().st_size == SIZE
    stage.slot()
    assert path.stat().st_size < 300
    assert "journal_torn" in stage.told
    assert stage.take() == [b"whole"]


def test_a_segment_that_another_writes_in_is_not_cut(stage: Stage) -> None:
    stage.slot().write(entries(b"one"))
    path = path_of(stage.folder, "0/1")
    assert cut(path, "0/1", stage.keys) == 0
    assert path.stat().st_size == SIZE


def test_what_a_writer_died_making_is_taken_away(stage: Stage) -> None:
    left = stage.folder / "0" / "0000000000000009.abcd.new"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    stage.slot()
    assert not left.exists()


def test_a_segment_with_a_damaged_header_is_left_alone(stage: Stage) -> None:
    first = stage.slot()
    first.write(entries(b"one"))
    first.close()
    path = path_of(stage.folder, "0/1")
    damage(path, 20)
    before = path.read_bytes()
    stage.slot()
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"no folder")
    stage = Stage(tmp_path / "journal")
    with pytest.raises(NotADirectoryError):
        stage.slot()
    assert names_in(tmp_path / "none", 0) == []


def test_a_number_is_never_had_again_so_that_no_old_mark_counts(stage: Stage) -> None:
    first = stage.slot()
    first.write(entries(b"one"))
    first.close()
    stage.take()
    stage.reader.forget(stage.marks)
    (stage.folder / stage.files()[0]).unlink()  # even if nothing is left
    stage.clock.advance(0.01)
    stage.slot().write(entries(b"two"))
    assert stage.take() == [b"two"]


def test_folders_are_their_owners_alone(stage: Stage) -> None:
    stage.slot()
    folders = (stage.folder, stage.folder / "0")
    assert [one.stat().st_mode & 0o777 for one in folders] == [0o700, 0o700]


def test_another_key_has_what_an_older_one_has_sealed_left(stage: Stage) -> None:
    slot = stage.slot()
    slot.write(entries(b"one"))
    slot.keys = BOTH
    slot.restock()
    slot.write(entries(b"two"))
    assert stage.reader.keys is RING
    stage.reader.keys = BOTH
    assert stage.take() == [b"one", b"two"]
    stage.reader.forget(stage.marks)
    assert set(wrapped_by(stage.folder)) == {BOTH.newest}
    assert len(stage.files()) == 2


def test_a_full_disk_leaves_what_an_older_key_has_sealed_in_use(stage: Stage) -> None:
    slot = stage.slot()
    stage.disk.fill()
    slot.keys = BOTH
    slot.restock()
    assert slot.write(entries(b"one")) == [True]
    assert set(wrapped_by(stage.folder)) == {RING.newest}
    stage.disk.failing.clear()
    stage.clock.advance(2.0)
    slot.restock()
    slot.write(entries(b"two"))
    assert BOTH.newest in wrapped_by(stage.folder)
