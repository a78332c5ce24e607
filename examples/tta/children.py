"""Child processes: started together, watched together, stopped together and by their id."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from select import select
from types import TracebackType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 60  # seconds for a child to say that it is ready
GRACE: Final = 10  # seconds for a child to stop


class ChildDied(Exception):
    """A child stopped, and nobody had asked it to."""


class Child:
    """One process: a Python module, in a process group of its own so that Ctrl-C spares it."""

    def __init__(
        self, name: str, *arguments: str, environment: Mapping[str, str], log: Path | None = None
    ) -> None:
        """Start `python -m <arguments>`; what it prints goes to the log, or is read from here."""
        self.name = name
        output = log.open("w") if log else subprocess.PIPE
        self.process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            text=True,
            process_group=0,
        )

    def first_line(self) -> str:
        """Return the first line that the child prints, or raise if it stops or says nothing."""
        output = self.process.stdout
        assert output  # a child with a log is not asked
        readable, _, _ = select([output], [], [], PATIENCE)
        if not readable:
            raise ChildDied(f"{self.name} was not ready after {PATIENCE} s")
        line = output.readline()
        if not line:
            raise ChildDied(self.obituary())
        return line.strip()

    def has_died(self) -> bool:
        """Return whether the process has stopped."""
        return self.process.poll() is not None

    def obituary(self) -> str:
        """Return who stopped and how, once it has."""
        return f"{self.name} stopped with status {self.process.wait()}"

    def stop(self) -> None:
        """Stop the process: kindly, then not."""
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Children(AbstractContextManager["Children"]):
    """All that was started here; leaving the context stops it, the last first."""

    def __init__(self) -> None:
        """Begin with none."""
        self._all: list[Child] = []

    def start(
        self, name: str, *arguments: str, environment: Mapping[str, str], log: Path | None = None
    ) -> Child:
        """Start one more."""
        child = Child(name, *arguments, environment=environment, log=log)
        self._all.append(child)
        return child

    def wait(self) -> str:
        """Wait until one of them stops, and return which and how."""
        watched = {os.pidfd_open(child.process.pid): child for child in self._all}
        dead, _, _ = select(watched, [], [])
        return watched[dead[0]].obituary()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ask all to stop, then wait for each."""
        for child in reversed(self._all):
            child.process.terminate()
        for child in reversed(self._all):
            child.stop()
