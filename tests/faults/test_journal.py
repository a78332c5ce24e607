"""Journals of processes that are killed, and on full disks: what was acknowledged is there."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.journal_process import number_of
from tests.helpers.journals import RING, Stage
from tests.helpers.soak import TIMES
from tta_gateway.support.journal.reader import Reader, Trouble
from tta_gateway.support.journal.segment import SIZE

pytestmark = pytest.mark.e2e

SEEDS: Final = 8 * TIMES
LIVES: Final = 3
"""processes of a slot that are killed one after the other"""
_ON_A_SMALL_DISK: Final = """
mount -o loop "$1" "$2" 2>/dev/null || mount -t tmpfs -o size=14m none "$2" || exit 77
shift 2
exec "$@"
"""


def begin(folder: Path, *numbers: int, under: Sequence[str] = ()) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*under, sys.executable, "-m", "tests.helpers.journal_process", str(folder)]
        + [str(one) for one in numbers],
        stdout=subprocess.PIPE,
        text=True,
    )


def kept_of(lines: str) -> set[int]:
    words = [line.split() for line in lines.splitlines() if line]
    return {int(one[1]) for one in words if one[0] == "kept" and len(one) == 2}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_was_acknowledged_before_a_kill_is_read_and_nothing_else(
    tmp_path: Path, seed: int
) -> None:
    """Three processes of one slot, each killed at a random instant while a reader takes over.

    Red without `self._disk.write(…)` in support/journal/segment.py, append.
    """
    chance = random.Random(seed)
    folder, size = tmp_path / "journal", chance.choice([10, 500, 20_000])
    stage, taken, kept = Stage(folder), list[int](), set[int]()
    for life in range(LIVES):
        process = begin(folder, 0, life * 1_000_000, 0, size)
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        until = time.monotonic() + chance.uniform(0.02, 0.4)
        while time.monotonic() < until:
            taken += [number_of(one, size) for one in stage.take()]
            stage.reader.forget(stage.marks)
        os.kill(process.pid, signal.SIGKILL)
        # A line that was cut off in the middle was not heard by anybody.
        lines = process.stdout.read()
        kept |= kept_of(lines[: lines.rfind("\n") + 1])
        process.wait()
        process.stdout.close()
    taken += [number_of(one, size) for one in stage.take()]
    stage.reader.forget(stage.marks)
    assert kept
    assert kept <= set(taken)
    assert len(taken) == len(set(taken))
    for life in range(LIVES):
        of_life = [one for one in taken if one // 1_000_000 == life]
        assert set(of_life) == set(range(life * 1_000_000, life * 1_000_000 + len(of_life)))
    assert {one.kind for one in stage.troubles} <= {"torn"}
    assert len(stage.files()) <= 2  # what nobody needs any more is gone


def test_a_full_disk_takes_what_is_urgent_as_long_as_there_is_reserve(tmp_path: Path) -> None:
    """A file system of a few megabytes: two segments fit, a third does not.

    Red without `data.ljust(SIZE, …)` in support/journal/segment.py, _write_header.
    """
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    image.touch()
    if make := shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/sbin:/usr/sbin"):
        os.truncate(image, 14 * 2**20)
        subprocess.run([make, "-q", "-m0", image], check=True)
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    under = ["unshare", *user, "--mount", "sh", "-c", _ON_A_SMALL_DISK, "sh", image, disk]
    size, count = 100_000, 200
    script = f"{sys.executable} -m tests.helpers.journal_process {disk}/journal 0 0 {count} {size}"
    read = f"{sys.executable} -m tests.faults.test_journal {disk}/journal {size}"
    done = subprocess.run(
        [*map(str, under), "sh", "-c", f"{script} && {read}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (1, 77) and not done.stdout:
        pytest.skip(f"nothing may be mounted here: {done.stderr[-200:]}")
    kept = kept_of(done.stdout)
    room = 2 * (SIZE // size)
    assert len(kept) >= room - 4
    assert f"refused {count - 1}\n" in done.stdout
    assert "trouble journal_no_reserve: No space left on device" in done.stdout
    (found,) = [line for line in done.stdout.splitlines() if line.startswith("read")]
    assert kept == set(map(int, found.split()[1:]))


def test_processes_that_die_young_do_not_fill_the_disk(tmp_path: Path) -> None:
    """Twenty that are killed as soon as they begin: the reserve goes from one to the next.

    Red without `take_blank(…)` in support/journal/slot.py, open.
    """
    folder = tmp_path / "journal"
    for life in range(20):
        process = begin(folder, 0, life * 1_000_000, 0, 10)
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
    files = [one for one in folder.rglob("*") if one.is_file()]
    assert sum(one.stat().st_size for one in files) <= 4 * SIZE


def _read(folder: Path, size: int) -> None:
    """What the test of a full disk does where that disk is mounted."""
    troubles: list[Trouble] = []
    reader = Reader(folder, RING, trouble=troubles.append)
    found = [number_of(one.payload, size) for one in reader.read({}, 10_000)]
    sys.stdout.write(f"read {' '.join(map(str, found))}\n")


if __name__ == "__main__":
    _read(Path(sys.argv[1]), int(sys.argv[2]))
