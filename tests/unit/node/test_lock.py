"""One gateway a state folder."""

import os
from pathlib import Path

import pytest

from tta_gateway.node import lock


def test_a_folder_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    fd = lock.take(tmp_path / "a" / "state")
    assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700
    os.close(fd)


def test_a_folder_is_one_gateway_s_and_it_says_whose(tmp_path: Path) -> None:
    fd = lock.take(tmp_path)
    with pytest.raises(OSError, match=rf"another gateway uses this folder \(process {os.getpid()}"):
        lock.take(tmp_path)
    os.close(fd)


def test_a_folder_that_was_left_can_be_had(tmp_path: Path) -> None:
    os.close(lock.take(tmp_path))
    os.close(lock.take(tmp_path))


def test_no_child_holds_it(tmp_path: Path) -> None:
    fd = lock.take(tmp_path)
    assert not os.get_inheritable(fd)
    os.close(fd)


# A folder that was there


def mode_of(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_one_of_ours_is_shut(tmp_path: Path) -> None:
    kept = ("snapshot.key", "snapshot.kept", "admin.token", "gateway.lock", "valkey")
    for name in (*kept, "limits", "sessions"):
        (tmp_path / name).touch()
    tmp_path.chmod(0o755)
    os.close(lock.take(tmp_path))
    assert mode_of(tmp_path) == 0o700


def test_one_in_which_there_is_something_else_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "access.log").touch()
    tmp_path.chmod(0o755)
    os.close(lock.take(tmp_path))
    assert mode_of(tmp_path) == 0o755


def test_one_into_which_everybody_writes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "access.log").touch()
    tmp_path.chmod(0o777)
    with pytest.raises(
        PermissionError, match=r"everybody may write into .* \(chmod 700\)"
    ) as error:
        lock.take(tmp_path)
    assert error.value.filename == str(tmp_path)
    assert not (tmp_path / lock.NAME).exists()


def test_one_of_somebody_else_is_not_ours_to_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    tmp_path.chmod(0o770)
    os.close(lock.take(tmp_path))
    assert mode_of(tmp_path) == 0o770
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="everybody may write"):
        lock.take(tmp_path)
