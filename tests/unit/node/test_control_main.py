"""Control as a program, in the process of the test: its signals are sent to this process."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node import control_main
from tta_gateway.node.assemble_control import Control
from tta_gateway.node.control_main import _end, _serve, _Server
from tta_gateway.node.near import listening
from tta_gateway.node.segments import Segments
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.bus import pair
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import lasting
from tta_gateway.support.usage import CPU, Usage

T = TypeVar("T")
PATIENCE = 5.0  # seconds, for a loop on a busy machine


class Lines:
    """A log that is kept."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    def flush(self) -> None:
        """Let them go out."""


class House:
    """Control with both of its addresses, and the other end of its channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = Lines()
        self.registry = Registry()
        self.segments = Segments()
        self.usage = Usage(self.registry, "control")
        self.said = b""
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        self.heard, self.told = pair()
        snapshot = Snapshot(version=3, state_dir=str(folder), listeners=(), services=(), routes=())
        self.control = Control(
            parted(snapshot),
            self.segments.fd,
            clock=FakeClock(),
            lines=cast("Any", self.lines),
            channel=self.theirs,
        )
        self.sockets = (listening(folder / "admin.sock"), listening(folder / "public.sock"))

    def while_serving(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something while it serves, then have it end; it cancels whatever else goes on."""

        async def main() -> T:
            async with asyncio.timeout(PATIENCE):
                working = asyncio.get_running_loop().create_task(self._then_end(work))
                await _serve(
                    self.control,
                    self.sockets,
                    self.theirs,
                    self.heard,
                    usage=self.usage,
                )
                return working.result()

        return asyncio.run(main())

    async def _then_end(self, work: Callable[[], Awaitable[T]]) -> T:
        while not self.said.startswith(b"ready"):  # it tells what it has found out, too
            self.said = await asyncio.get_running_loop().sock_recv(self.ours, 64)
        try:
            return await work()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    async def asked(self, name: str) -> bytes:
        """The first line of what is answered at an address."""
        reader, writer = await asyncio.open_unix_connection(str(self.folder / name))
        writer.write(b"GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line

    async def refuses(self, name: str) -> bool:
        """Whether nobody listens at an address any more."""
        try:
            await self.asked(name)
        except ConnectionRefusedError:
            return True
        except ConnectionError:
            return False  # it was closed while this one waited in its queue
        return False

    def close(self) -> None:
        for sock in (self.ours, self.theirs, self.heard, self.told, *self.sockets):
            sock.close()
        os.close(self.segments.fd)
        os.close(self.usage._fd)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2)}
    made = House(tmp_path)
    yield made
    made.close()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_says_what_it_decides_from_serves_both_addresses_and_ends(house: House) -> None:
    async def work() -> list[bytes]:
        return [await house.asked("admin.sock"), await house.asked("public.sock")]

    answers = house.while_serving(work)
    assert (house.said, answers) == (b"ready 3", [b"HTTP/1.1 404 Not Found\r\n"] * 2)
    assert house.registry.child(CPU, "control").values()[0] > 0.0  # what it uses is counted


class Faulty:
    """Raises when it is looked at first; then the test may go on."""

    def __init__(self) -> None:
        self.looks = 0
        self.again = asyncio.Event()

    async def watch(self) -> None:
        self.looks += 1
        if self.looks < 3:
            raise ZeroDivisionError
        self.again.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("registrations", "watch"),
        ("topologies", "watch"),
        ("discovery", "run"),
        ("alerting", "run"),
        ("health", "run"),
    ],
)
def test_a_fault_of_ours_ends_nothing_that_is_to_last(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str, method: str
) -> None:
    """Red where one of them is only spawned in node/control_main.py."""
    faulty = Faulty()
    monkeypatch.setattr(control_main, "lasting", partial(lasting, sleep=lambda _: asyncio.sleep(0)))
    monkeypatch.setattr(getattr(house.control, part), method, lambda *_: faulty.watch())

    async def work() -> None:
        await faulty.again.wait()

    house.while_serving(work)
    told = [msgspec.json.decode(line) for line in house.lines.lines]
    died = [one for one in told if one["event"] == "task_died"]
    assert [one["error"] for one in died] == ["ZeroDivisionError"]


def test_it_leaves_one_address_and_serves_on_at_the_other(house: House) -> None:
    async def work() -> bytes:
        os.kill(os.getpid(), signal.SIGUSR2)
        while not await house.refuses("admin.sock"):
            """Ask again."""
        return await house.asked("public.sock")

    assert house.while_serving(work) == b"HTTP/1.1 404 Not Found\r\n"


def test_servers_end_together_when_they_are_asked_to() -> None:
    servers = [SimpleNamespace(should_exit=False) for _ in range(2)]
    _end(*cast("Any", servers))
    assert [server.should_exit for server in servers] == [True, True]


def test_a_server_takes_no_signals() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with _Server.capture_signals(cast("Any", None)):
        assert signal.getsignal(signal.SIGTERM) is before
