"""What a folder stands on, of what the system says of mounts."""

import os
from pathlib import Path

import pytest

from tta_gateway.support.journal.medium import is_in_memory, kind_of

MOUNTS = """\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 24 0:27 / /dev/shm rw,nosuid - tmpfs tmpfs rw,inode64
32 24 0:28 / /odd rw
33 24 0:29 / /odder rw -
"""


@pytest.mark.parametrize(
    ("device", "kind"),
    [((254, 0), "ext4"), ((0, 27), "tmpfs"), ((0, 28), ""), ((0, 29), ""), ((9, 9), "")],
)
def test_a_device_has_the_type_of_its_mount(device: tuple[int, int], kind: str) -> None:
    assert kind_of(os.makedev(*device), MOUNTS) == kind


def mounted(tmp_path: Path, kind: str) -> Path:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 {os.major(device)}:{os.minor(device)} / / rw - {kind} none rw\n")
    return mounts


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    assert is_in_memory(tmp_path / "a" / "b", mounted(tmp_path, "tmpfs"))
    assert not is_in_memory(tmp_path / "a" / "b", mounted(tmp_path, "ext4"))


def test_what_cannot_be_found_out_is_no_reason_to_refuse(tmp_path: Path) -> None:
    assert not is_in_memory(tmp_path, tmp_path / "nothing")
