"""A worker: `python -m tta_gateway.node.worker_main SNAPSHOT_FD CHANNEL_FD LISTENER_FD…`.

It gets the compiled snapshot and its listening sockets from the supervisor, and newer snapshots
over the channel; serves until SIGTERM (the node stops) or SIGUSR2 (a successor takes its place),
then finishes what is under way.  It imports nothing heavy (architecture §6).
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
from functools import partial

import uvloop

from tta_gateway.node.assemble_worker import Worker
from tta_gateway.node.last_call import last_call
from tta_gateway.node.updates import Updates
from tta_gateway.snapshot.encode import decode
from tta_gateway.support.clock import SystemClock
from tta_gateway.wire.web_socket import GOING_AWAY, RESTARTED

_PR_SET_PDEATHSIG = 1
_BACKLOG = 4096
_YOUNG, _MIDDLE, _NEVER_FULL = 5_000, 20, 1_000_000  # thresholds of the collector
_CUT = 1.0  # second, for connections that have been cut to be gone and logged


def main() -> None:
    """Serve."""
    snapshot_fd, channel_fd, *listeners = (int(text) for text in sys.argv[1:])
    _die_with_parent()
    with os.fdopen(snapshot_fd, "rb") as file:
        data = file.read()
    sockets = [socket.socket(fileno=fd) for fd in listeners]
    uvloop.run(_serve(data, sockets, socket.socket(fileno=channel_fd)))


async def _serve(data: bytes, sockets: list[socket.socket], channel: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    try:
        worker = Worker(decode(data), loop=loop, clock=SystemClock())
    except OSError as error:
        sys.exit(f"cannot start: {error}")
    stop: asyncio.Future[int] = loop.create_future()  # why: the code that WebSockets are told
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop, GOING_AWAY)
    loop.add_signal_handler(signal.SIGUSR2, _stop, stop, RESTARTED)
    loop.add_signal_handler(signal.SIGUSR1, worker.reopen_logs)
    servers = [
        await loop.create_server(partial(worker.protocol, index), sock=sock, backlog=_BACKLOG)
        for index, sock in enumerate(sockets)
    ]
    worker.sweeper.start()
    worker.hangups.start()
    _calm_collector(worker)
    updates = Updates(worker, channel)
    loop.add_reader(channel.fileno(), updates.hear)
    channel.send(b"ready %d" % worker.snapshot.version)
    code = await stop
    loop.remove_reader(channel.fileno())
    await _drain(worker, servers, sockets, code=code)


def _stop(stop: asyncio.Future[int], code: int) -> None:
    """Begin to stop; whoever asks again changes nothing."""
    if not stop.done():
        stop.set_result(code)


def _calm_collector(worker: Worker) -> None:
    """Leave what is here for good alone, and collect the rest in full only now and then, timed.

    Exchanges leave no cycles behind, so that young collections find little.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER_FULL)
    worker.collector.start()


async def _drain(
    worker: Worker, servers: list[asyncio.Server], sockets: list[socket.socket], *, code: int
) -> None:
    """Take no more connections; let what is under way end, within the grace.

    What waits to be accepted is the successor's; where there is none, it is taken and answered.
    """
    worker.guests.drain(code)
    if code == GOING_AWAY:
        await last_call(sockets)
    for server in servers:
        server.close()
    if not await _emptied(worker, worker.snapshot.client_timeouts.drain):
        worker.guests.cut()
        await _emptied(worker, _CUT)
    worker.sweeper.stop()
    worker.hangups.stop()
    for file in worker.files:
        file.close()


async def _emptied(worker: Worker, patience: float) -> bool:
    """Wait until no client is left; False if time is up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await worker.guests.emptied()
            return True
    return False


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the supervisor ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
