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
