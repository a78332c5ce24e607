"""Starts the shipped command as an operator would, and ends it."""

import contextlib
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

import yaml

from tests.helpers.warm import Warm
from tta_gateway.support.journal.medium import is_in_memory

_READY: Final = "ready: "
_START: Final = 30.0
_STOP: Final = 15.0
_TAIL: Final = 8_000


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway."""

    process: subprocess.Popen[str]
    url: str
    port: int
    log: Path

    def stop(self) -> None:
        """Ask it to end, and kill it and its children if it does not."""
        _end(self.process)

    def tail(self) -> str:
        """The end of what it has printed."""
        return self.log.read_text(errors="replace")[-_TAIL:]


_FIRST: Final = 10_240  # of the ports that are asked for
_given: Final[set[int]] = set()


def free_port() -> int:
    """A loopback port that nobody listens on at the moment, and each time another one.

    It is none of those that the system gives to clients: one of these might have it by the time at
    which somebody listens there.
    """
    while True:
        port = random.randrange(_FIRST, _ephemeral())
        if port in _given:
            continue
        _given.add(port)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _ephemeral() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def start_gateway(
    config: Mapping[str, object], tmp_path: Path, *, under: Sequence[str] = ()
) -> Gateway:
    """Run the command on a configuration.  Return as soon as it says that it is ready.

    `under` is a command that runs the command it is given, such as `prlimit`.
    """
    # As little as there can be, unless a test is about more.
    config = {
        "workers": 1,
        "probe": "127.0.0.1:0",
        "admin": "off",
        **({"journal": {"in_memory": "allow"}} if is_in_memory(tmp_path) else {}),
        **_never_broken(config),
    }
    file, log = tmp_path / "gateway.yaml", tmp_path / "gateway.log"
    file.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    process = _spawn(file, log, under)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert process.stdout  # asked for in _spawn
    threading.Thread(target=_read, args=(process.stdout, log, lines), daemon=True).start()
    url = _wait_until_ready(lines, _START)
    if not url:
        _end(process)
        raise RuntimeError(f"the gateway did not become ready:\n{log.read_text()[-_TAIL:]}")
    return Gateway(process, url, urlsplit(url).port or 80, log)


def _never_broken(config: Mapping[str, object]) -> Mapping[str, object]:
    """The configuration without breakers, where it says nothing of them.

    Most tests have a service fail again and again: what they look at stands behind the breaker.
    """
    services = config.get("services")
    if not isinstance(services, dict):
        return config
    made = {
        name: {"breaker": "off", **one} if isinstance(one, dict) else one
        for name, one in services.items()
    }
    return {**config, "services": made}


_warm: list[Warm | None] = []


def _spawn(file: Path, log: Path, under: Sequence[str]) -> subprocess.Popen[str]:
    words = ["run", "-c", str(file)]
    with log.open("a") as errors:
        warm = None if under else _warmed()
        if warm is not None:
            return warm.begin(words, errors.fileno())
        return subprocess.Popen(
            [*under, sys.executable, "-m", "tta_gateway", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )


def _warmed() -> Warm | None:
    """What begins gateways at less cost: for whoever starts more than one, with the same Python."""
    if not _warm:
        _warm.append(None)
        return None
    if _warm[-1] is None:
        _warm.append(Warm())
    warm = _warm[-1]
    return warm if warm is not None and warm.serves else None


def _read(output: IO[str], log: Path, lines: "queue.SimpleQueue[str | None]") -> None:
    """Pass every line on and into the log; the end of the output is None."""
    with output, log.open("a") as copy:
        for line in output:
            copy.write(line)
            copy.flush()
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _wait_until_ready(lines: "queue.SimpleQueue[str | None]", seconds: float) -> str | None:
    deadline = time.monotonic() + seconds
    while (rest := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=rest)
        except queue.Empty:
            return None
        if line is None:
            return None
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()
    return None


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: nobody else is in the group
        process.wait(_STOP)
