"""What a login and a refresh cost the process that does them: `python bench/logins.py`.

One client logs in again and again, then refreshes again and again, each behind the other, with
nothing else going on.  Counted is the CPU time of control alone, less what it takes when idle:
passwords are hashed in processes of their own, and the worker's part is that of any request.
"""

import argparse
import http.client
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from time import sleep as pause
from typing import Final

import cpu
import machine
import process
import report
from asking import PASSWORD, Key, control_of, started, users
from paced import monotonic
from process import BenchError
from products import UPSTREAM, launch

COUNT: Final = 2000
IDLE: Final = 5.0  # seconds
AUTH: Final = "/api/v1/auth"


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="of logins, and of refreshes")
    count = parser.parse_args().count
    core, other = process.two_cores()
    os.sched_setaffinity(0, {other})
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)
        upstream = launch(UPSTREAM, folder=folder, core=other)
        stack.callback(process.stop, upstream.daemon)
        gateway = started(Key(), folder, stack, core=core, upstream_port=upstream.port)
        users(gateway)
        pid = control_of(gateway.daemon.pid)
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        with closing(connection):
            rows = _measured(connection, pid, count)
        report.say(report.facts(machine.description(folder)))
    report.say(report.table(("of control, each", "CPU"), rows=rows))
    return 0


def _measured(
    connection: http.client.HTTPConnection, pid: int, count: int
) -> list[tuple[str, str]]:
    shown = {"username": "user1", "password": PASSWORD, "refresh_in": "body"}
    told = _asked(connection, "login", shown)

    def login(_: int) -> None:
        told.update(_asked(connection, "login", shown))

    def refresh(_: int) -> None:
        told.update(_asked(connection, "refresh", {"refresh_token": told["refresh_token"]}))

    kinds: tuple[tuple[str, Callable[[int], None]], ...] = ("login", login), ("refresh", refresh)
    return [(name, f"{_each(work, pid, count):.2f} ms") for name, work in kinds]


def _each(work: Callable[[int], None], pid: int, count: int) -> float:
    """Return the milliseconds that control takes for one, beside what it takes when idle."""
    for number in range(count // 20):
        work(number)
    idle = _used(pid, partial(pause, IDLE))
    busy = _used(pid, lambda: [work(number) for number in range(count)])
    return (busy[0] - idle[0] * busy[1] / idle[1]) * 1e3 / count


def _used(pid: int, work: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU time of a process meanwhile, and how long that was."""
    before, at = _seconds(pid), monotonic()
    work()
    return _seconds(pid) - before, monotonic() - at


def _asked(
    connection: http.client.HTTPConnection, what: str, body: dict[str, str]
) -> dict[str, str]:
    fields = {"Host": "api.platform.example", "Content-Type": "application/json"}
    connection.request("POST", f"{AUTH}/{what}", json.dumps(body), fields)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise BenchError(f"{what} was refused: {answer.status} {said.decode()}")
    told: dict[str, str] = json.loads(said)
    return told


def _seconds(pid: int) -> float:
    """Return the CPU time of one process, without those that it has begun."""
    fields = (cpu.PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / cpu.TICKS_PER_SECOND


if __name__ == "__main__":
    process.run(main)
