"""The disk: the calls of the file system that a journal makes."""

import os
from pathlib import Path

import pytest

from tta_gateway.support.journal.disk import SystemDisk, lock


def test_a_file_is_made_once_and_written_where_it_is_said(tmp_path: Path) -> None:
    disk, path = SystemDisk(), tmp_path / "file"
    fd = disk.create(str(path))
    disk.write(fd, b"two", 4)
    disk.write(fd, b"one", 0)
    disk.sync(fd)
    disk.sync_folder(str(tmp_path))
    os.close(fd)
    assert path.read_bytes() == b"one\0two"
    with pytest.raises(FileExistsError):
        disk.create(str(path))


def test_a_file_is_locked_for_one_at_a_time(tmp_path: Path) -> None:
    first = SystemDisk().create(str(tmp_path / "file"))
    second = os.open(tmp_path / "file", os.O_RDWR)
    assert lock(first)
    assert not lock(second)
    os.close(first)
    assert lock(second)
    os.close(second)
