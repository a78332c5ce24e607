"""The file of the kept snapshot."""

import os
import stat
from pathlib import Path

import pytest

from tta_gateway.snapshot.kept import NAME, keep


def test_the_last_one_is_kept(tmp_path: Path) -> None:
    keep(b"one", tmp_path)
    keep(b"two", tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"two"


def test_nothing_else_is_left_there(tmp_path: Path) -> None:
    keep(b"one", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_it_is_its_owner_s_to_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keep(b"one", tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_what_an_interrupted_one_left_beside_it_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.new").write_bytes(b"half of a very long one")
    keep(b"one", tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"one"


def test_the_one_before_stays_if_the_next_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(b"one", tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        keep(b"two", tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"one"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keep(b"one", tmp_path / "nowhere")
