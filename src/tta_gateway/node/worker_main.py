"""A worker: `python -m tta_gateway.node.worker_main SNAPSHOT_FD CHANNEL_FD PARENT SEGMENT FD…`.

It gets from the supervisor the compiled snapshot (and newer ones over the channel), the file in
which all count with the number of its part, the sockets of the logs and of what it tells control,
and its listening sockets.  It
serves until SIGTERM or SIGUSR2, then finishes what is under way; only if the supervisor has said
that none follows it, it also answers who waits to be accepted.  It imports nothing heavy
(architecture §6).
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import uvloop

from tta_gateway.node import last_words
from tta_gateway.node.covering import Covering
from tta_gateway.node.doors import BACKLOG, Door, Doors, Watchman
from tta_gateway.node.last_call import last_call
from tta_gateway.node.life import settle, tell
from tta_gateway.node.room import limit
from tta_gateway.node.updates import Updates
from tta_gateway.snapshot.parts import decode_parts
from tta_gateway.support.bus import Notes
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import Log
from tta_gateway.support.log_socket import LineSender
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.support.tasks import spawn
from tta_gateway.support.uncollected import Uncollected
from tta_gateway.support.usage import Usage
from tta_gateway.wire.web_socket import RESTARTED

with Uncollected():
    from tta_gateway.node.assemble_worker import Worker

_YOUNG, _MIDDLE, _NEVER_FULL = 5_000, 20, 1_000_000  # thresholds of the collector
_TO_END = (signal.SIGTERM, signal.SIGUSR2, signal.SIGQUIT)
_ORPHANED = 0.7  # seconds for what is under way then: the next gateway wants the addresses
_PUT_DOWN = 3.0  # seconds for what clients come back for to stand in the store
_CUT = 1.0  # second, for connections that have been cut to be gone and logged


def main() -> None:
    """Serve."""
    last_words.install()
    numbers = [int(text) for text in sys.argv[1:]]
    snapshot_fd, channel_fd, parent, index, metrics_fd, logs_fd, notes_fd, *listeners = numbers
    settle(parent, signal.SIGQUIT)
    with os.fdopen(snapshot_fd, "rb") as file:
        data = file.read()
    segment = Segment(metrics_fd, index)
    segment.owner = os.getpid()
    sockets = [socket.socket(fileno=fd) for fd in listeners]
    channel = socket.socket(fileno=channel_fd)
    logs = _sending(socket.socket(fileno=logs_fd))
    notes = Notes(socket.socket(fileno=notes_fd))
    uvloop.run(_serve(data, sockets, channel, segment=segment, logs=logs, notes=notes))


def _sending(sock: socket.socket) -> Callable[[str], Log]:
    """Return what gives a log by its path: who writes it is at the other end, no disk is touched.

    That it can be written has been tried before it was accepted (node/log_path.py).
    """
    sock.setblocking(False)
    return lambda path: LineSender(sock, "" if path == "-" else path)


async def _serve(
    data: bytes,
    sockets: list[socket.socket],
    channel: socket.socket,
    *,
    segment: Segment,
    logs: Callable[[str], Log],
    notes: Notes,
) -> None:
    loop = asyncio.get_running_loop()
    registry = Registry(segment)
    worker = _worker(data, registry=registry, logs=logs)
    worker.telling.way = notes
    farewell = Farewell(loop)
    for number in _TO_END:
        loop.add_signal_handler(number, farewell.ask, number)
    ways_in = [partial(worker.protocol, index) for index in range(len(sockets))]
    doors = Doors(loop, sockets, [*ways_in])
    await doors.open()
    usage = Usage(registry, "worker")
    worker.sweeper.each_tick += [_watchman(worker, doors).tick, usage.tick, segment.beat]
    worker.sweeper.start()
    segment.beat()  # from now on nobody takes it for one that is no worker (node/living.py)
    worker.hangups.start()
    worker.limiting.open(loop, Path(worker.snapshot.state_dir))
    worker.admitting.open(Path(worker.snapshot.state_dir), worker.log)
    worker.tethering.meet(Path(worker.snapshot.state_dir), worker.log)
    _keep_reports(worker, segment.number)
    await worker.drilling.open(Path(worker.snapshot.state_dir), segment.number, sockets)
    _calm_collector(worker)
    covering = Covering(partial(_serve_at, loop, ways_in), worker.log)
    updates = Updates(worker, channel, worker.parts, orphaned=signal.SIGQUIT, other=covering.take)
    loop.add_reader(channel.fileno(), updates.hear)
    tell(channel, b"ready %d" % worker.snapshot.version)
    await farewell.asked
    updates.hear_all()  # and on: who leaves asks no endpoint that drains meanwhile, and says so
    if not updates.is_last:
        tell(channel, b"leaving %d" % worker.snapshot.version)
    covering.close()
    await _drain(worker, doors, farewell, is_last=updates.is_last)


def _keep_reports(worker: Worker, number: int) -> None:
    """Open the journal; a worker that cannot keep what people in need write does not serve."""
    try:
        worker.keep_records(number)
    except OSError as error:
        sys.exit(f"cannot start: {error}")


def _worker(data: bytes, *, registry: Registry, logs: Callable[[str], Log]) -> Worker:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    parts, most = decode_parts(data), limit()
    try:
        return Worker(parts, loop=loop, clock=clock, registry=registry, logs=logs, descriptors=most)
    except OSError as error:
        sys.exit(f"cannot start: {error}")


class Farewell:
    """Whether this worker has been asked to end, and how long it may take.

    SIGTERM and SIGUSR2 give it the grace of the configuration.  SIGQUIT, at whatever time, says
    that there is no supervisor any more: the next gateway wants the addresses.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin without being asked."""
        self.asked: asyncio.Future[int] = loop.create_future()
        self.hurries: Callable[[], None] = lambda: None
        """is called when there is less time than was thought"""
        self.is_orphan = False
        self._loop = loop
        self._timeout: asyncio.Timeout | None = None

    def ask(self, number: int) -> None:
        """Take a signal; of those that give a grace the first stands."""
        if not self.asked.done():
            self.asked.set_result(number)
        if number == signal.SIGQUIT:
            self.is_orphan = True
            self.hurries()
            self._hurry(self._loop.time() + _ORPHANED)

    def _hurry(self, when: float) -> None:
        """Wait no longer than until then."""
        if self._timeout is not None and (self._timeout.when() or when) > when:
            self._timeout.reschedule(when)

    async def emptied(self, worker: Worker, patience: float) -> bool:
        """Wait until no client is left; False if time is up."""
        with contextlib.suppress(TimeoutError):
            patience = min(patience, _ORPHANED) if self.is_orphan else patience
            async with asyncio.timeout(patience) as self._timeout:
                try:
                    await worker.guests.emptied()
                finally:
                    self._timeout = None
                return True
        return False


def _calm_collector(worker: Worker) -> None:
    """Leave what is here for good alone, and collect the rest in full only now and then, timed.

    Exchanges leave no cycles behind, so that young collections find little.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER_FULL)
    worker.collector.start()


async def _serve_at(
    loop: asyncio.AbstractEventLoop, ways_in: Sequence[Door], index: int, sock: socket.socket
) -> asyncio.Server:
    return await loop.create_server(ways_in[index], sock=sock, backlog=BACKLOG)


def _watchman(worker: Worker, doors: Doors) -> Watchman:
    def open_again() -> None:
        spawn(doors.open_again(), name="doors", died=worker.died)

    clock = worker.clock.monotonic
    return Watchman(doors, worker.guests, clock=clock, log=worker.log, spawn=open_again)


async def _drain(worker: Worker, doors: Doors, farewell: Farewell, *, is_last: bool) -> None:
    """Take no more connections; let what is under way end, within the grace.

    What waits to be accepted is the successor's; where none follows (`is_last`), it is taken and
    answered.  Who holds a WebSocket is told in the first half of the grace, not all at once: they
    come back at once, to the other workers or nodes.
    """
    grace = worker.snapshot.client_timeouts.drain
    farewell.hurries = worker.guests.hurry
    worker.guests.drain(RESTARTED, seconds=0.0 if farewell.is_orphan else grace / 2)
    if is_last:
        await last_call(doors.sockets)
    doors.close()
    await asyncio.sleep(0)  # who has just been let in becomes a guest with the loop's next turn
    if not await farewell.emptied(worker, grace):
        worker.guests.cut()
        await farewell.emptied(worker, _CUT)
    await worker.tethering.leave(0.0 if farewell.is_orphan else _PUT_DOWN)
    worker.sweeper.stop()
    worker.hangups.stop()
    worker.limiting.close()
    worker.real_time.close()
    worker.drilling.close()
    worker.tethering.close()
    worker.admitting.close()
    await worker.listener.sum_up()
    worker.reporting.close()
    worker.error_keeping.close()
    worker.valkeys.close()
    for log in worker.logs:
        log.close()


if __name__ == "__main__":
    main()
