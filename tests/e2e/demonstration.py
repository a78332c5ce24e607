"""The demonstration, started as `make run` starts it but on free ports, and ended."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from tests.helpers.slow import children

ROOT: Final = Path(__file__).parents[2]
START: Final = 120.0
STOP: Final = 30.0
READY: Final = "ready: "
COMMAND: Final = (sys.executable, "-m", "examples.tta.run")
FREE: Final = ("--port", "0", "--admin-port", "0", "--probe-port", "0")


@dataclass(slots=True)
class Demonstration:
    """The gateway and the services behind it, as processes."""

    process: subprocess.Popen[str]
    folder: Path
    """Where it keeps its state; what it says to standard error is in `errors` there."""
    printed: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return self.printed[0].removeprefix(READY)

    @property
    def port(self) -> int:
        """The gateway's port."""
        return urlsplit(self.url).port or 80

    @property
    def errors(self) -> str:
        """What it has said to standard error."""
        return (self.folder / "errors").read_text()

    @property
    def gateway_log(self) -> str:
        """What the gateway has printed so far: the lines of its access log are there."""
        return (self.folder / "state" / "gateway.log").read_text()

    def service(self, *words: str) -> int:
        """The process whose command line holds all of these words."""
        (found,) = [
            pid
            for pid in children(self.process.pid)
            if {*words} <= {*Path(f"/proc/{pid}/cmdline").read_text().split("\0")}
        ]
        return found


@contextlib.contextmanager
def demonstration(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Demonstration]:
    """Start all of it, and stop it afterwards."""
    demo = _start(folder, options, {**os.environ, **(environment or {})})
    try:
        _wait_until_ready(demo)
        yield demo
    finally:
        _stop(demo.process)


def _start(folder: Path, options: tuple[str, ...], environ: Mapping[str, str]) -> Demonstration:
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [*COMMAND, *(options or FREE), "--state", str(folder / "state")],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    return Demonstration(process, folder)


def _wait_until_ready(demo: Demonstration) -> None:
    """Take what is printed, up to the last of the commands; it comes at one go."""
    assert demo.process.stdout  # asked for in _start
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(demo.process.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + START
    last = "models/available"
    while not demo.printed or last not in demo.printed[-1]:
        line = lines.get(timeout=max(deadline - time.monotonic(), 0.001))
        if line is None:
            raise RuntimeError(f"the demonstration did not start: {demo.errors}")
        demo.printed.append(line)


def _read(output: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    with output:
        for line in output:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask it to end, and everything that it has started with it."""
    if process.poll() is not None:
        return
    started = children(process.pid)
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        for pid in (*started, process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP)
