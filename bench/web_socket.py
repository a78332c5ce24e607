"""What a WebSocket costs that a worker answers or looks into: CPU time a message, and memory.

The engine is measured on paper: frames in, messages out, and back.  Then a worker, in this process,
holds many sockets of one client process: memory for each while nothing is said, and CPU time for
each delivery when one message goes to all of them.  What the hub adds to that is not in it.  Last,
it looks into what clients and a service say to each other, both of which the other process is.
`PYTHONPATH=. python bench/web_socket.py [--sockets N] [--rounds N] [--write]`
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

import machine
import report
import uvloop
from websockets.protocol import SERVER, Protocol

from tests.helpers.own_sockets import Echoes
from tests.helpers.socket_worker import SocketWorker, socket_worker
from tta_gateway.features.safety.detector import load
from tta_gateway.features.safety.listener import SafetyListener
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.listening import Heard, Judged, Place, Speaker
from tta_gateway.node.hearing import listening
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.socket_codec import TEXT, SocketLimits, SocketReader, framed
from tta_gateway.wire.socket_deflate import agree
from tta_gateway.wire.socket_endpoint import SocketEndpoint
from tta_gateway.wire.socket_relay import SocketRelay

SIZES: Final = (40, 129, 1024, 16384)
MASK: Final = b"\x11\x80\xff\x44"
BATCH: Final = 50
"""frames that come in one piece"""
DELIVERED: Final = 150
"""bytes of a message that goes to all"""
MESSAGES: Final = 60
SLICE: Final = 100
"""sockets that are sent to in one turn of the loop"""
READ_BAR: Final = 2.0
"""µs for a short masked text"""
MEMORY_BAR: Final = 20_000
"""bytes a socket, all of the worker's side"""
RELAY_BAR: Final = 25.0
"""µs for a message that is looked into, its sockets and policies included"""
DELIVERY_BAR: Final = 1e6 / 60_000
"""µs: the hub has to do with what this leaves of it"""
TURN_BAR: Final = 2.0
"""ms"""
HEARD: Final = (129, 360, 1024, 2048)
"""bytes of what is listened to"""
_ADA: Final = Speaker(
    "home/ada", subject="ada", identity="verified", connection="c1", correlation="r1"
)
TALKING: Final = 50
"""clients that talk at once, each waiting for its answer"""
HELD: Final = 1000
"""sockets that are open, and say nothing any more"""
SAYINGS: Final = 200
"""messages of each, its answers included"""
SAID: Final = (
    b'{"type":"user_message","content":{"text":"I do not know how to go on from here."},'
    b'"timestamp":"2026-11-26T10:00:00Z"}'
)
ANSWERED: Final = (
    b'{"id":"msg_0123456789ab","role":"system","session_id":null,"content":{"event":"progress",'
    b'"stage":"analyzing","message":"One moment."},"timestamp":"2026-11-26T10:00:00Z",'
    b'"metadata":{}}'
)
LOOKED_INTO: Final = {
    "/seen": "what clients say, by one policy",
    "/chat": "what both say, in the platform's form: each answer is an event that is marked",
    "/both": "what both say, deflated on either leg",
    "/heard": "as `/chat`, and people at risk are listened to, answers judged",
}
_ASK: Final = (
    b"GET /all HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
METHOD: Final = """\
On paper: CPU time, the least of five runs, frames in pieces of 50, one thread.  The worker shares
the machine with the one process that holds the other ends and throws away what comes; memory is
what its resident size grows by, no TLS, no deflate; CPU is user + system of the worker's process.
"""


def main() -> int:
    """Measure, print, and write the section if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    options = parser.parse_args()
    rows = [[f"{size}", *(f"{one:.2f}" for one in _on_paper(size))] for size in SIZES]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        memory, delivery = runner.run(_at_a_worker(options.sockets, options.rounds))
        looked_into = runner.run(_between(options.rounds))
    read = float(rows[1][1])
    bars = [
        [f"a masked text of 129 bytes is read within {READ_BAR} µs", _verdict(read, READ_BAR)],
        [f"a socket takes at most {MEMORY_BAR:,} bytes", _verdict(memory, MEMORY_BAR)],
        [f"a delivery takes at most {DELIVERY_BAR:.1f} µs", _verdict(delivery, DELIVERY_BAR)],
        [
            f"a message of 129 bytes that is looked into takes at most {RELAY_BAR} µs (on paper)",
            _verdict(_relayed(129), RELAY_BAR),
        ],
        [
            f"a message of a chat takes at most {RELAY_BAR} µs, over real sockets",
            _verdict(looked_into["/chat"], RELAY_BAR),
        ],
    ]
    bars.append(
        [
            f"a socket that is looked into takes at most {MEMORY_BAR:,} bytes, both its legs",
            _verdict(looked_into["idle"], MEMORY_BAR),
        ]
    )
    heard = [[str(size), *(f"{one:,.1f}" for one in _heard(size))] for size in HEARD]
    bars.append(
        [
            f"a turn of the loop takes at most {TURN_BAR} ms of what is said in 64 KiB",
            _verdict(_longest_turn(), TURN_BAR),
        ]
    )
    ways = [[path, what, f"{looked_into[path]:.1f}"] for path, what in LOOKED_INTO.items()]
    with tempfile.TemporaryDirectory() as folder:
        about = machine.description(Path(folder))
    head = ["bytes of a text", "µs to read it", "by `websockets`", "µs to send it"]
    parts = ["## WebSockets of the gateway's own", report.facts(about), METHOD]
    body = "\n\n".join(
        [
            *parts,
            report.table(head, rows=rows),
            report.table(["route", "what is looked at", "µs a message"], rows=ways),
            report.table(
                ["bytes said", "µs to listen to a person", "µs to judge a service"], rows=heard
            ),
            report.table(["bar", "result"], rows=bars),
        ]
    )
    report.say(body)
    if options.write:
        report.save("web_socket", body)
    return 0


def _verdict(found: float, bar: float) -> str:
    return f"{'met' if found <= bar else 'not met'}: {found:,.2f}"


def _on_paper(size: int) -> tuple[float, float, float]:
    """Return µs to read a text, to read it by another library, and to send it."""
    payload = b"x" * size
    frames = framed(TEXT, payload, mask=MASK) * BATCH
    reader = SocketReader(is_server=True, limits=SocketLimits())
    other = Protocol(SERVER, max_size=None)
    endpoint = SocketEndpoint()

    def theirs() -> None:
        other.receive_data(frames)
        for frame in other.events_received():
            bytes(frame.data).decode()  # type: ignore[union-attr]  # all are frames

    def send() -> None:
        for _ in range(BATCH):
            endpoint.send(payload, is_text=True)
        endpoint.out.clear()

    return _least(lambda: reader.receive(frames)), _least(theirs), _least(send)


def _relayed(size: int) -> float:
    """Return µs to look into a client's text and pass it on."""
    relay = SocketRelay(
        limits=SocketLimits(), mask=lambda: os.urandom(4), of_client=lambda message: message
    )
    frames = framed(TEXT, b"x" * size, mask=MASK) * BATCH

    def pass_on() -> None:
        relay.from_client.receive(frames)
        relay.service.taken()

    return _least(pass_on)


def _heard(size: int) -> tuple[float, float]:
    """Return µs to listen to somebody who says so much, and to judge a service that does."""
    listener = _listener()
    place = Place("talks", "talker")
    data = _said(size)

    def listen() -> None:
        for _ in range(BATCH):
            listener.listen(_ADA, place, data)

    def judge() -> None:
        for _ in range(BATCH):
            listener.judge(place, "", data)

    return _least(listen), _least(judge)


def _said(size: int) -> bytes:
    """Return a message of the platform's form, of about so many bytes."""
    words = "We talked about the weather, and what else I had done that day. "
    text = (words * (size // len(words) + 1))[: max(1, size - 60)]
    return b'{"type":"user_message","content":{"text":"%b"}}' % text.encode()


def _longest_turn() -> float:
    """Return ms of the longest turn of the loop while 64 KiB are looked at, the least of five."""
    listener = _listener()
    place = Place("talks", "talker")
    data = _said(64 * 1024)

    async def turns() -> float:
        longest = 0.0
        begun = time.thread_time()
        done = False

        async def look() -> None:
            nonlocal done
            heard = listener.listen(_ADA, place, data)
            assert not isinstance(heard, Heard)
            await heard
            judged = listener.judge(place, "", data)
            assert not isinstance(judged, Judged)
            await judged
            done = True

        async with asyncio.TaskGroup() as group:
            group.create_task(look())
            while not done:
                await asyncio.sleep(0)
                longest, begun = max(longest, time.thread_time() - begun), time.thread_time()
        return longest

    return min(asyncio.run(turns()) for _ in range(5)) * 1e3


class _Shelf:
    """Keeps nothing: what is said here is nothing of note."""

    async def put(self, report: Report, text: str) -> bool:
        raise AssertionError(report, len(text))


def _listener() -> SafetyListener:
    return listening(
        load(),
        _Shelf(),
        clock=SystemClock(),
        registry=Registry(),
        told=print,
        died=print,
    )


def _least(call: Callable[[], object]) -> float:
    runs = []
    for _ in range(5):
        count, begun = 0, time.thread_time()
        while time.thread_time() - begun < 0.1:
            call()
            count += BATCH
        runs.append((time.thread_time() - begun) / count)
    return min(runs) * 1e6


async def _at_a_worker(sockets: int, rounds: int) -> tuple[float, float]:
    """Return bytes for each idle socket, and µs for each delivery."""
    echoes = Echoes()
    with tempfile.TemporaryDirectory() as folder:
        async with socket_worker(Path(folder), {"all": echoes}) as worker:
            await _hold(worker, 50, echoes, 0)  # what is made once
            before = _resident()
            ends = await _hold(worker, sockets, echoes, 50)
            memory = (_resident() - before) / sockets
            spent = [await _deliver(echoes) for _ in range(rounds)]
            ends.set()
            return memory, statistics.median(spent)


def _resident() -> int:
    """Return how much memory this process has, and none of those that it has started."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def _hold(worker: SocketWorker, count: int, echoes: Echoes, held: int) -> Event:
    """Have another process hold so many sockets until the event is set."""
    context = multiprocessing.get_context("spawn")
    ends = context.Event()
    context.Process(target=_read, args=(worker.port, count, ends), daemon=True).start()
    while len(echoes.made) < held + count:  # noqa: ASYNC110 - nobody says so
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    return ends


async def _deliver(echoes: Echoes) -> float:
    """Send messages to all; return µs of CPU for each delivery."""
    begun = time.process_time()
    for number in range(MESSAGES):
        payload = b"%0*d" % (DELIVERED, number)
        for at in range(0, len(echoes.made), SLICE):
            for echo in echoes.made[at : at + SLICE]:
                echo.open.send(payload, is_text=True)
            await asyncio.sleep(0)
    return (time.process_time() - begun) / (MESSAGES * len(echoes.made)) * 1e6


async def _between(rounds: int) -> dict[str, float]:
    """Return µs of CPU for a message that goes from one side to the other, by route."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_both_sides, args=(there,), daemon=True).start()
    loop = asyncio.get_running_loop()
    upstream = await loop.run_in_executor(None, here.recv)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        async with socket_worker(Path(folder), {}, upstream=upstream) as worker:
            for path in LOOKED_INTO:
                spent = []
                for _ in range(rounds + 1):  # the first is to get warm
                    here.send((worker.port, path, TALKING))
                    begun = time.process_time()
                    passed = await loop.run_in_executor(None, here.recv)
                    spent.append((time.process_time() - begun) / passed * 1e6)
                found[path] = statistics.median(spent[1:])
            found["idle"] = await _idle(here, worker.port)
    here.send(None)
    return found


async def _idle(here: Connection, port: int) -> float:
    """Return bytes for a socket that is looked into, both legs of it, deflated, and idle again."""
    loop = asyncio.get_running_loop()
    before = _resident()
    here.send((port, "/both", HELD))
    await loop.run_in_executor(None, here.recv)
    await asyncio.sleep(0.5)
    taken = (_resident() - before) / HELD
    here.send(None)
    await loop.run_in_executor(None, here.recv)
    return taken


def _both_sides(told: Connection) -> None:
    """Be the clients and the service; tell how many messages have gone by, both ways."""
    listener = socket.create_server(("127.0.0.1", 0))
    told.send(listener.getsockname()[1])
    while (asked := told.recv()) is not None:
        port, path, count = asked
        selector = _opened(listener, port, path, count)
        if count == TALKING:
            told.send(_talk(selector))
        else:
            told.send(count)
            told.send(told.recv())  # they are looked at
        for key in list(selector.get_map().values()):
            key.fileobj.close()


def _opened(listener: socket.socket, port: int, path: str, count: int) -> selectors.BaseSelector:
    """Open so many sockets, both ends of each; each client has said something."""
    selector = selectors.DefaultSelector()
    agreed = agree(b"permessage-deflate") if path == "/both" else None
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(_asking(path))
        service, _ = listener.accept()
        service.sendall(_switched(service.recv(1 << 16)))
        client.recv(1 << 16)
        side = SocketEndpoint(agreed=agreed, mask=lambda: MASK)
        side.send(SAID, is_text=True)
        client.sendall(side.taken())
        selector.register(client, selectors.EVENT_READ, (side, SAID))
        other = SocketEndpoint(agreed=agreed)
        selector.register(service, selectors.EVENT_READ, (other, ANSWERED))
    return selector


def _talk(selector: selectors.BaseSelector) -> int:
    """Have each client say something and wait for the answer, again and again, and all at once."""
    passed = 0
    while passed < TALKING * SAYINGS:
        for key, _ in selector.select():
            side, says = key.data
            heard = side.receive(key.fileobj.recv(1 << 16))
            passed += len(heard)
            for _ in heard:
                side.send(says, is_text=True)
            if side.out:
                key.fileobj.sendall(side.taken())
    return passed


def _asking(path: str) -> bytes:
    extension = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n" if path == "/both" else b""
    return _ASK.replace(b"/all", path.encode())[: -2 if extension else None] + extension


def _switched(asked: bytes) -> bytes:
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    if b"permessage-deflate" in asked:
        head += (
            b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
            b"client_no_context_takeover\r\n"
        )
    return head + b"\r\n"


def _read(port: int, count: int, ends: Event) -> None:
    """Open sockets, and throw away what comes."""
    selector = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(_ASK)
        selector.register(sock, selectors.EVENT_READ, sock)
    while not ends.is_set():
        for key, _ in selector.select(0.2):
            with contextlib.suppress(ConnectionError):
                key.data.recv(1 << 16)


if __name__ == "__main__":
    raise SystemExit(main())
