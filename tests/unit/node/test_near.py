"""Unix sockets of which the path would be too long."""

import os
import stat
from pathlib import Path

import pytest

from tests.helpers.descriptors import open_now
from tta_gateway.node.near import connected, listening

PATIENCE = 5.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    return folder / "some.sock"


def test_a_path_far_longer_than_a_socket_s_own_is_no_matter(path: Path) -> None:
    assert len(os.fsencode(path)) > 2 * 107
    with listening(path) as server, connected(path, PATIENCE) as client:
        served, _ = server.accept()
        with served:
            client.sendall(b"hello")
            assert served.recv(64) == b"hello"


def test_it_is_for_its_owner_alone(path: Path) -> None:
    with listening(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_files_of_others_are_made_as_before(path: Path) -> None:
    before = os.umask(0o027)
    try:
        listening(path).close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_what_stood_there_is_gone(path: Path) -> None:
    listening(path).close()
    with listening(path) as server, connected(path, PATIENCE):
        server.accept()[0].close()


def test_what_is_no_socket_stays_and_is_named(path: Path) -> None:
    path.write_text("of value")
    with pytest.raises(FileExistsError, match="is there already and is no socket") as error:
        listening(path)
    assert (error.value.filename, path.read_text()) == (str(path), "of value")


def test_a_link_stays_too(path: Path) -> None:
    listening(path.with_name("other.sock")).close()
    path.symlink_to("other.sock")
    with pytest.raises(FileExistsError):
        listening(path)
    assert path.is_symlink()


def test_nobody_listens_where_one_has_died(path: Path) -> None:
    listening(path).close()
    with pytest.raises(ConnectionRefusedError):
        connected(path, PATIENCE)


def test_nobody_listens_where_nothing_is(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connected(path, PATIENCE)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        listening(tmp_path / "nowhere" / "some.sock")


def test_who_does_not_answer_is_waited_for_only_so_long(path: Path) -> None:
    with listening(path), connected(path, 0.001) as client, pytest.raises(TimeoutError):
        client.recv(1)


def test_nothing_but_the_socket_stays_open(path: Path) -> None:
    before = open_now()
    with listening(path):
        assert open_now() == before + 1
        connected(path, PATIENCE).close()
    with pytest.raises(ConnectionRefusedError):
        connected(path, PATIENCE)
    with pytest.raises(FileNotFoundError):
        listening(path.parent / "nowhere" / "some.sock")
    assert open_now() == before
