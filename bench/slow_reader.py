"""The benchmark of slow readers: `python bench/slow_reader.py` measures what each costs in memory.

Twenty clients ask for an answer of 1 GiB and take 64 KiB/s of it.  A gateway that reads on from the
service while its client does not would grow without end; the bar is 2 MiB a reader.
"""

import argparse
import asyncio
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import answer
import cpu
import machine
import process
import report
from answer import BrokenAnswerError
from process import BenchError, Daemon
from products import BENCH, PRODUCTS, TARGET, Running, chosen, launch

MIB: Final = 1 << 20
BAR: Final = 2.0
"""MiB that each reader may cost"""
USUAL: Final = (20, 60, 64 << 10, 1 << 30)
"""readers, seconds, bytes a second for each, bytes of the answer"""
PART_SECONDS: Final = 0.125
STALL_SECONDS: Final = 10.0
READY_SECONDS: Final = 40.0
IDLE_SECONDS: Final = 20.0
RECEIVE_BUFFER: Final = 64 << 10
"""of a reader's socket, so that its slowness is felt at once and not after megabytes"""

METHOD: Final = """\
Each reader takes its share of an answer of 1 GiB and no more, through a small socket buffer; the
service sends as fast as it may.  Memory is VmRSS of the product's whole process tree, taken before
the readers come (after one small answer) and at the end; the highest value between is given too.
"""


@dataclass(slots=True)
class Reader:
    """One slow client, and how far it has come."""

    connection: socket.socket
    received: int = 0
    fault: str | None = None
    """why it went without its answer"""


@dataclass(slots=True)
class Memory:
    """Resident bytes of the product's process tree, second by second."""

    at_start: int
    samples: list[int] = field(default_factory=list)

    @property
    def at_end(self) -> int:
        """The last sample."""
        return self.samples[-1]

    @property
    def highest(self) -> int:
        """The highest sample."""
        return max(self.samples)


def main() -> int:
    """Measure, print, and write the section; 0 if the readers were served."""
    options = _options()
    (product,) = chosen(options.product)
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # The peers' workers may be another user's.
        folder.chmod(0o755)
        about = [*machine.description(folder), *machine.versions((product,), load=False)]
        running = _started(options, folder=folder, stack=stack)
        memory, readers = asyncio.run(_observe(running, options=options))
        _publish(memory, readers=readers, about=about, options=options)
    return 0


def _options() -> argparse.Namespace:
    names = [product.name for product in PRODUCTS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=USUAL[0])
    parser.add_argument("--seconds", type=int, default=USUAL[1])
    parser.add_argument("--rate", type=int, default=USUAL[2], help="bytes a second for each")
    parser.add_argument("--size", type=int, default=USUAL[3], help="bytes of the answer")
    parser.add_argument(
        "--product", choices=names, default="gateway", help="a peer tries the benchmark itself"
    )
    parser.add_argument(
        "--write", action="store_true", help="write RESULTS.md even if the run is not a full one"
    )
    return parser.parse_args()


def _started(options: argparse.Namespace, *, folder: Path, stack: ExitStack) -> Running:
    own_core, other_core = process.two_cores()
    home = folder / "streamer"
    home.mkdir()
    command = [sys.executable, str(BENCH / "streamer.py")]
    streamer = process.start(command, core=other_core, folder=home, environment={})
    stack.callback(process.stop, streamer)
    port = _port_of(streamer, home=home)
    (product,) = chosen(options.product)
    running = launch(product, folder=folder, core=own_core, upstream_port=port)
    stack.callback(process.stop, running.daemon)
    process.await_ready(
        running.daemon,
        lambda: answer.answers(running.port),
        folder=running.folder,
        seconds=READY_SECONDS,
    )
    process.wait_until_idle(running.daemon, seconds=IDLE_SECONDS)
    return running


def _port_of(streamer: Daemon, *, home: Path) -> int:
    output = home / process.OUTPUT
    process.await_ready(
        streamer,
        lambda: output.read_bytes().endswith(b"\n"),
        folder=home,
        seconds=READY_SECONDS,
    )
    return int(output.read_text())


async def _observe(
    running: Running, *, options: argparse.Namespace
) -> tuple[Memory, Sequence[Reader]]:
    loop = asyncio.get_running_loop()
    memory = Memory(cpu.resident_bytes(running.daemon.pid))
    readers = [_reader(running.port) for _ in range(options.readers)]
    until = loop.time() + options.seconds
    async with asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(_go_slowly(reader, options=options, until=until))
        group.create_task(_watch(running, memory, until=until))
    faults = [reader.fault for reader in readers if reader.fault]
    if faults:
        raise BenchError(f"{len(faults)} readers were not served: {faults[0]}")
    return memory, readers


def _reader(port: int) -> Reader:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    connection.settimeout(STALL_SECONDS)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return Reader(connection)


async def _go_slowly(reader: Reader, *, options: argparse.Namespace, until: float) -> None:
    try:
        await _read(reader, options=options, until=until)
    except (OSError, TimeoutError, BrokenAnswerError) as error:
        reader.fault = repr(error)
    finally:
        reader.connection.close()


async def _read(reader: Reader, *, options: argparse.Namespace, until: float) -> None:
    loop = asyncio.get_running_loop()
    request = answer.request_for(f"{TARGET}?bytes={options.size}")
    await loop.sock_sendall(reader.connection, request)
    head = await _head(reader)
    status, headers = answer.head_of(head)
    if status != 200 or dict(headers).get("content-length") != str(options.size):
        raise BrokenAnswerError(f"status {status}, not {options.size} bytes")
    part = int(options.rate * PART_SECONDS)
    begun = loop.time()
    parts = 0
    while loop.time() < until and reader.received < options.size:
        parts += 1
        await _take(reader, part)
        await asyncio.sleep(begun + parts * PART_SECONDS - loop.time())


async def _head(reader: Reader) -> bytes:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        # One byte at a time: what follows the head belongs to the slow reading.
        data += await _received(reader, 1)
    return data[:-4]


async def _take(reader: Reader, count: int) -> None:
    while count > 0:
        data = await _received(reader, count)
        reader.received += len(data)
        count -= len(data)


async def _received(reader: Reader, most: int) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(STALL_SECONDS):
        data = await loop.sock_recv(reader.connection, most)
    if not data:
        raise BrokenAnswerError("the answer ended early")
    return data


async def _watch(running: Running, memory: Memory, *, until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        await asyncio.sleep(min(1.0, max(0.0, until - loop.time())))
        memory.samples.append(cpu.resident_bytes(running.daemon.pid))


def _publish(
    memory: Memory,
    *,
    readers: Sequence[Reader],
    about: list[tuple[str, str]],
    options: argparse.Namespace,
) -> None:
    each = (memory.at_end - memory.at_start) / len(readers) / MIB
    word = "met" if each < BAR else "not met"
    bar = f"each of {len(readers)} slow readers costs < {BAR:g} MiB after {options.seconds} s"
    taken = [reader.received for reader in readers]
    rows = [
        ("readers, and what each took", f"{len(readers)}, {min(taken):,}-{max(taken):,} bytes"),
        ("memory at the start", _mib(memory.at_start)),
        (f"memory after {options.seconds} s", _mib(memory.at_end)),
        ("highest between", _mib(memory.highest)),
        ("rise a reader", f"{each:.2f} MiB"),
    ]
    parts = [
        report.facts(about),
        report.table(("what", "value"), rows=rows),
        report.table(("bar", "result"), rows=[(bar, f"{word}: {each:.2f} MiB")]),
    ]
    report.say("\n\n".join(parts))
    if not (options.write or _is_full(options)):
        report.note("not a full run: RESULTS.md is left as it is")
        return
    report.save("slow-reader", "\n\n".join(["## Slow readers", METHOD.strip(), *parts]))


def _is_full(options: argparse.Namespace) -> bool:
    asked = (options.readers, options.seconds, options.rate, options.size)
    return asked == USUAL and options.product == "gateway"


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"


if __name__ == "__main__":
    process.run(main)
