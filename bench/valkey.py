"""What a command to Valkey costs the process that sends it: ours beside redis-py.

One server (the embedded Valkey's binary) on a unix socket, values of 100 bytes, uvloop, one client
with one connection (redis-py takes one for each command under way).  CPU is user + system time of
the client's process over the commands; clients take turns, and the median of the rounds counts.
`python bench/valkey.py [--rounds N] [--write]`
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import machine
import report
import uvloop
from process import BenchError

from tta_gateway.node.engine import find
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.script import Script
from tta_gateway.support.valkey.topology import Address, Login, single

Command: TypeAlias = Callable[[], Awaitable[object]]

COUNT: Final = 20_000
AT_ONCE: Final = 64
TAKE: Final = """
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {n, redis.call('PTTL', KEYS[1])}
"""
CASES: Final = (("GET", 1), ("GET", AT_ONCE), ("EVALSHA", 1), ("EVALSHA", AT_ONCE))


@contextlib.contextmanager
def running() -> Iterator[tuple[Path, int]]:
    """Run a server; yield its socket, and its process."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        path = Path(folder) / "s"
        command = [find().path, "--port", "0", "--unixsocket", str(path), "--save", ""]
        process = subprocess.Popen([*command, "--logfile", f"{folder}/log", "--dir", folder])  # noqa: S603
        try:
            end = time.perf_counter() + 10.0
            while not path.exists():
                if time.perf_counter() > end:
                    raise BenchError("the server does not start")
                time.sleep(0.01)
            yield path, process.pid
        finally:
            process.kill()
            process.wait()


@contextlib.asynccontextmanager
async def ours(path: Path) -> AsyncIterator[dict[str, Command]]:
    """Yield the commands of support/valkey."""

    def quiet(*_: object, **__: object) -> None:
        pass

    way = Way(Login(), tls=None, name="bench", chance=random.random, died=quiet)
    client = Valkey(
        single(Address(unix=str(path))), way=way, name="bench", tell=quiet, stale=quiet, timeout=5.0
    )
    await client.ready(5.0)
    await client.command(b"SET", b"key", b"v" * 100)
    script = Script(TAKE)
    yield {
        "GET": lambda: client.command(b"GET", b"key"),
        "EVALSHA": lambda: client.eval(script, [b"n"], [1, 60000]),
    }
    client.close()


@contextlib.asynccontextmanager
async def redis_py(path: Path) -> AsyncIterator[dict[str, Command]]:
    """Yield the commands of redis-py, with hiredis as its parser."""
    from redis.asyncio import Redis

    client = Redis(unix_socket_path=str(path), protocol=3)
    script = client.register_script(TAKE)
    await client.set("key", b"v" * 100)
    yield {
        "GET": lambda: client.get("key"),
        "EVALSHA": lambda: script(keys=["n"], args=[1, 60000]),
    }
    await client.aclose()


CLIENTS: Final = {"support/valkey": ours, "redis-py": redis_py}


async def measure(command: Command, at_once: int) -> tuple[float, float]:
    """Return microseconds of CPU a command, and commands a second."""

    async def some() -> None:
        for _ in range(COUNT // at_once):
            await command()

    for _ in range(100):
        await command()
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    done = COUNT // at_once * at_once
    return spent / done * 1e6, done / took


async def rounds(path: Path, count: int) -> dict[tuple[str, str, int], list[tuple[float, float]]]:
    """Measure every client in turn, so many times."""
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    for number in range(count):
        for name, client in CLIENTS.items():
            async with client(path) as commands:
                for verb, at_once in CASES:
                    one = await measure(commands[verb], at_once)
                    found.setdefault((name, verb, at_once), []).append(one)
        report.note(f"round {number + 1} of {count}")
    return found


def table(found: dict[tuple[str, str, int], list[tuple[float, float]]]) -> str:
    """Return one line a client and case."""
    rows = []
    for (name, verb, at_once), runs in found.items():
        cpus, rates = [run[0] for run in runs], [run[1] for run in runs]
        reach = f"{statistics.median(cpus):.1f} ({min(cpus):.1f}-{max(cpus):.1f})"
        rows.append((name, verb, str(at_once), reach, f"{statistics.median(rates):,.0f}"))
    head = ("client", "command", "under way", "µs CPU a command", "commands/s")
    return report.table(head, rows=rows)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="put the result into RESULTS.md")
    arguments = parser.parse_args()
    try:
        with running() as (path, _):
            found = uvloop.run(rounds(path, arguments.rounds))
    except (BenchError, ModuleNotFoundError) as error:
        sys.exit(f"{error}: make bench installs what it needs")
    facts = [*machine.description(Path(tempfile.gettempdir())), ("server", str(find()))]
    drawn = table(found)
    report.say(drawn)
    if arguments.write:
        intro = (__doc__ or "").partition("\n\n")[2].partition("`python")[0]
        body = f"## What a command to Valkey costs\n\n{intro}\n{report.facts(facts)}\n\n{drawn}"
        report.save("valkey", body)


if __name__ == "__main__":
    main()
