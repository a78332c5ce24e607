"""Processes of a benchmark: each starts on its core in a session of its own and is ended by pid."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn, TypeAlias

import cpu

Daemon: TypeAlias = subprocess.Popen[bytes]

SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
STOP_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.05
OUTPUT: Final = "output.log"


class BenchError(Exception):
    """Something that a measurement needs is not there or did not happen; the text says what."""


def run(main: Callable[[], int]) -> NoReturn:
    """Run a benchmark as a program: what is missing is said in a line, not in a traceback."""
    try:
        code = main()
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


@contextmanager
def everything_ended() -> Iterator[ExitStack]:
    """Give a stack for what must be undone; it is, on Ctrl-C, SIGTERM and SIGHUP too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with ExitStack() as stack:
        try:
            yield stack
        finally:
            # A second Ctrl-C must not leave half of the products behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def two_cores() -> tuple[int, int]:
    """Return the core of the product, and the core of the upstream and the load."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("the product needs a core of its own: two cores at least")
    return cores[0], cores[1]


def find_program(name: str) -> str:
    """Return the path of a system program."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise BenchError(f"{name} is not installed")
    return path


def free_ports(count: int) -> list[int]:
    """Ask the system for ports of the loopback that nobody uses."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def start(
    command: Sequence[str], *, core: int | str, folder: Path, environment: Mapping[str, str]
) -> Daemon:
    """Start a daemon that runs, children included, on one core only; its output goes to a file.

    As text, `core` may be a list of them: `0,1`.
    """
    pinned = [find_program("taskset"), "--cpu-list", str(core), *command]
    clean = {"PATH": SEARCH_PATH, "HOME": str(folder), "LANG": "C.UTF-8", **environment}
    with (folder / OUTPUT).open("wb") as output:
        return subprocess.Popen(  # noqa: S603  the commands are our own table
            pinned,
            cwd=folder,
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(daemon: Daemon) -> None:
    """End a daemon and all that it has started: asked first, killed after a while."""
    members = cpu.tree(daemon.pid)
    daemon.terminate()
    if wait_until(lambda: _is_over(daemon, members), seconds=STOP_SECONDS):
        return
    for member in members:
        if cpu.is_alive(member):
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
    daemon.wait(STOP_SECONDS)


def wait_until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until it holds; False if it does not in time."""
    until = time.perf_counter() + seconds
    while not holds():
        if time.perf_counter() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True


def await_ready(
    daemon: Daemon, is_ready: Callable[[], bool], *, folder: Path, seconds: float
) -> None:
    """Wait until the daemon is ready; a fault if it ends before or does not get there in time."""
    if wait_until(lambda: daemon.poll() is not None or is_ready(), seconds=seconds):
        if daemon.returncode is None:
            return
        raise BenchError(f"ended with {daemon.returncode}: {_last_words(folder)}")
    raise BenchError(f"not ready in {seconds:.0f} s: {_last_words(folder)}")


def wait_until_idle(daemon: Daemon, *, seconds: float) -> bool:
    """Wait until the tree has done next to nothing for half a second: start-up is really over."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        before = cpu.cpu_seconds(daemon.pid)
        time.sleep(0.5)
        if cpu.cpu_seconds(daemon.pid) - before <= 0.03:
            return True
    return False


def output_of(command: Sequence[str], *, seconds: float = 15.0) -> str:
    """Run a command to its end and return all that it said, whatever its exit code."""
    try:
        ended = subprocess.run(  # noqa: S603  the commands are our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{Path(command[0]).name}: {error}") from error
    return ended.stdout.decode(errors="replace")


def _is_over(daemon: Daemon, members: Sequence[cpu.Stat]) -> bool:
    return daemon.poll() is not None and not any(cpu.is_alive(member) for member in members)


def _last_words(folder: Path) -> str:
    lines = (folder / OUTPUT).read_text(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:200] if said else "it said nothing"


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
