"""Packages of npm that tests run in Node: installed by a lock below `.venv`, once."""

import fcntl
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_LEAST: Final = 20
_PATIENCE: Final = 240.0


def modules(folder: Path, name: str) -> Path:
    """Return where a folder's packages are installed; skip where Node is missing or old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(f"node and npm are not on this machine: {name} cannot run")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"v(\d+)", said)
    if match is None or int(match[1]) < _LEAST:
        pytest.skip(f"Node is {said.strip()}, and {name} needs {_LEAST}")
    kept = Path(sys.prefix) / name
    kept.mkdir(exist_ok=True)
    with (kept / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # tests run side by side
        _install(folder, kept, npm)
    return kept


def _install(folder: Path, kept: Path, npm: str) -> None:
    lock, stamp = (folder / "package-lock.json").read_text(), kept / "installed"
    if stamp.exists() and stamp.read_text() == lock:
        return
    for each in ("package.json", "package-lock.json"):
        (kept / each).write_text((folder / each).read_text())
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=kept, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    stamp.write_text(lock)
