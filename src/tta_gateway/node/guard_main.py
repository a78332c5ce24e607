"""The guard: `python -m tta_gateway.node.guard_main SNAPSHOT_FD CHANNEL_FD PARENT SEGMENT FD…`.

It reads the journals of the workers and escalates until a human has acknowledged
(features/escalation).  The descriptors are those of a worker without listeners: the file in which
all count, the socket of the logs, and that on which it tells control what happens.  It depends on
nothing else of the node, and imports little, so that nothing else can delay an alert.
"""

import asyncio
import os
import signal
import socket
import sys
from typing import Final

from tta_gateway.node import last_words
from tta_gateway.node.assemble_guard import Guard
from tta_gateway.node.life import settle, tell
from tta_gateway.node.updates import Updates
from tta_gateway.snapshot.parts import decode_parts
from tta_gateway.support.bus import Notes
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log_socket import LineSender
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.support.usage import Usage

_SILENCE: Final = 15.0  # seconds without a turn of the loop: something hangs


def main() -> None:
    """Stay until asked to end."""
    last_words.install()
    numbers = [int(text) for text in sys.argv[1:]]
    snapshot_fd, channel_fd, parent, index, metrics_fd, logs_fd, notes_fd = numbers
    settle(parent, signal.SIGTERM)
    with os.fdopen(snapshot_fd, "rb") as file:
        data = file.read()
    segment = Segment(metrics_fd, index)
    segment.owner = os.getpid()
    logs = socket.socket(fileno=logs_fd)
    logs.setblocking(False)
    asyncio.run(
        _serve(
            data,
            socket.socket(fileno=channel_fd),
            counts=Registry(segment),
            lines=LineSender(logs, ""),
            notes=Notes(socket.socket(fileno=notes_fd)),
        )
    )


async def _serve(
    data: bytes, channel: socket.socket, *, counts: Registry, lines: LineSender, notes: Notes
) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    guard = Guard(decode_parts(data), clock=SystemClock(), lines=lines, notes=notes, counts=counts)
    usage = Usage(counts, "guard")
    guard.each_second += [usage.tick, _still_alive]
    updates = Updates(guard, channel, guard.parts, orphaned=signal.SIGTERM)
    loop.add_reader(channel.fileno(), updates.hear)
    await guard.begin()
    tell(channel, b"ready %d" % guard.version)
    await over.wait()
    guard.close()


def _still_alive() -> None:
    """Have the kernel end this process if it does not say this again: another follows."""
    signal.setitimer(signal.ITIMER_REAL, _SILENCE)


if __name__ == "__main__":
    main()
