"""Paths of unix sockets, however long."""

from pathlib import Path

import pytest

from tests.helpers.descriptors import open_now
from tta_gateway.support.socket_path import short


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / ("a" * 100) / ("b" * 100)
    made.mkdir(parents=True)
    return made


def test_a_path_that_fits_is_taken_as_it_is() -> None:
    with short("./var/control.sock") as path:
        assert path == "./var/control.sock"


def test_a_path_that_does_not_is_reached_by_another(folder: Path) -> None:
    (folder / "one").write_text("here")
    with short(str(folder / "one")) as path:
        assert len(path) <= 107
        assert Path(path).read_text() == "here"


def test_characters_count_as_bytes(tmp_path: Path) -> None:
    (tmp_path / ("ä" * 60)).write_text("here")
    with short(str(tmp_path / ("ä" * 60))) as path:
        assert path.startswith("/proc/self/fd/")


def test_nothing_is_left_open(folder: Path) -> None:
    before = open_now()
    with short(str(folder / "one")):
        assert open_now() == before + 1
    assert open_now() == before


def test_a_folder_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError), short(str(folder / "none" / "one")):
        """Not reached."""
