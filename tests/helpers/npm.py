"""Packages of npm, where Node is there: installed below `.venv`, once for each lock."""

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


def node_modules(here: Path, what: str) -> Path:
    """Return the folder in which the lock in `here` is installed; skip where Node is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(f"node and npm are not on this machine: npm's {what} cannot run")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"v(\d+)", said)
    if match is None or int(match[1]) < _LEAST:
        pytest.skip(f"Node is {said.strip()}, and npm's {what} needs {_LEAST}")
    kept = Path(sys.prefix) / here.name
    kept.mkdir(exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        _install(here, kept, npm)
    return kept


def _install(here: Path, kept: Path, npm: str) -> None:
    wanted, stamp = (here / "package-lock.json").read_text(), kept / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    for name in ("package.json", "package-lock.json"):
        (kept / name).write_text((here / name).read_text())
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command, cwd=kept, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    stamp.write_text(wanted)
