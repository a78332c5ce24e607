"""npm's `oidc-provider`, where Node is there: tests/e2e/openid/provider.js runs it."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.programs import daemon

HERE: Final = Path(__file__).parents[1] / "e2e" / "openid"
_KEPT: Final = Path(sys.prefix) / "openid"
_LEAST: Final = 20
_PATIENCE: Final = 240.0


def modules() -> Path:
    """Return the folder that it is installed in, by the lock; skip where Node is missing or old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not on this machine: npm's oidc-provider cannot run")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"v(\d+)", said)
    if match is None or int(match[1]) < _LEAST:
        pytest.skip(f"Node is {said.strip()}, and npm's oidc-provider needs {_LEAST}")
    lock = (HERE / "package-lock.json").read_text()
    stamp = _KEPT / "installed"
    if not stamp.exists() or stamp.read_text() != lock:
        _KEPT.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (_KEPT / name).write_text((HERE / name).read_text())
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=_KEPT, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        stamp.write_text(lock)
    return _KEPT


@contextlib.contextmanager
def npm_provider(told: Mapping[str, object], folder: Path, *, port: int) -> Iterator[Path]:
    """Run it; yield its log."""
    log = folder / "provider.log"
    words = json.dumps({"port": port, "modules": str(modules()), **told})
    with daemon(["node", str(HERE / "provider.js"), words], port=port, log=log):
        yield log
