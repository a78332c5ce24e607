"""Control: `python -m tta_gateway.node.control_main SNAPSHOT_FD CHANNEL_FD PARENT SEGMENT FD…`.

The APIs of a node: the administration at its own address (the fourth descriptor), and the gateway's
own public endpoints on a unix socket (the fifth), which only workers reach.  The first is the file
in which all processes count, the second the socket of the logs, the third that on which workers
tell what happens.  Traffic does not depend on this process.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final

import uvloop

from tta_gateway.node import last_words
from tta_gateway.node.life import settle, tell
from tta_gateway.node.long_turns import take_long_turns
from tta_gateway.node.updates import Updates
from tta_gateway.snapshot.parts import decode_parts
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log_socket import LineSender
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.support.tasks import lasting, spawn
from tta_gateway.support.uncollected import Uncollected
from tta_gateway.support.usage import Usage

# FastAPI would import all of Pydantic 1 to ask of every model whether it is one of that; where it
# is not there, which Python is told by None, FastAPI says no.
sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]
with Uncollected():
    import uvicorn

    from tta_gateway.node.assemble_control import Control

_TICK: Final = 0.2  # seconds
_QUEUE: Final = 4096  # connections of all workers that wait for the next control
_KEPT: Final = 90  # seconds: longer than workers keep idle connections, so that they end them
_GRACE: Final = 3  # seconds, for what is under way at the end


class _Server(uvicorn.Server):
    """A server that leaves signals alone: there are two of it in this process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


def main() -> None:
    """Serve."""
    last_words.install()
    numbers = [int(text) for text in sys.argv[1:]]
    snapshot_fd, channel_fd, parent, index, metrics_fd, logs_fd, notes_fd, *rest = numbers
    admin_fd, public_fd = rest
    settle(parent, signal.SIGTERM)
    take_long_turns()
    with os.fdopen(snapshot_fd, "rb") as file:
        data = file.read()
    segment = Segment(metrics_fd, index)
    segment.owner = os.getpid()
    log = LineSender(socket.socket(fileno=logs_fd), "")
    channel = socket.socket(fileno=channel_fd)
    channel.setblocking(False)
    counts = Registry(segment)
    with Uncollected():
        control = Control(
            decode_parts(data),
            metrics_fd,
            clock=SystemClock(),
            lines=log,
            channel=channel,
            counts=counts,
        )
    control.reporting.open(control.snapshot, segment.number, at_once=False)
    sockets = (socket.socket(fileno=admin_fd), socket.socket(fileno=public_fd))
    notes = socket.socket(fileno=notes_fd)
    usage = Usage(counts, "control")
    uvloop.run(_serve(control, sockets, channel, notes, usage=usage))
    gc.freeze()  # to look for cycles in what goes with the process takes a quarter of a second


async def _serve(
    control: Control,
    sockets: tuple[socket.socket, socket.socket],
    channel: socket.socket,
    notes: socket.socket,
    *,
    usage: Usage,
) -> None:
    admin, public = _server(control.apps[0]), _server(control.apps[1], kept=_KEPT)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR2, _end, admin)  # its address is wanted
    loop.add_signal_handler(signal.SIGTERM, _end, admin, public)
    updates = Updates(
        control, channel, control.parts, orphaned=signal.SIGTERM, other=control.findings.hear
    )
    loop.add_reader(channel.fileno(), updates.hear)
    loop.add_reader(notes.fileno(), control.reader_of(notes).hear)
    control.away.tell = partial(tell, channel)
    spawn(control.stores.look(control.snapshot), name="stores", died=control.died)
    _begin(control, usage)
    async with asyncio.TaskGroup() as group:
        for server, sock in zip((admin, public), sockets, strict=True):
            group.create_task(server.serve([sock]))
        while not (admin.started and public.started):  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        tell(channel, b"ready %d" % control.snapshot.version)
    await _ended(asyncio.all_tasks() - {asyncio.current_task()}, control)


def _begin(control: Control, usage: Usage) -> None:
    """Begin what is done for ever."""
    for name, work in _lasting(control, usage):
        kept = lasting(work, name=name, died=control.died, clock=SystemClock().monotonic)
        spawn(kept, name=name, died=control.died)


def _lasting(
    control: Control, usage: Usage
) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
    """Return what is done for ever, by name."""
    return (
        ("usage", partial(_count, usage, control)),
        ("health", partial(control.health.run, control.counts, control.died)),
        ("topologies", partial(control.topologies.watch, lambda: control.snapshot)),
        ("discovery", control.discovery.run),
        ("registrations", control.registrations.watch),
        ("alerts", control.alerting.run),
        ("database", control.databases.watch),
        ("issuing", control.issuance.run),
        ("issuer keys", control.fetch_keys),
        ("login providers", control.providers.run),
        ("care", control.caring.run),
        ("nodes", control.attending.run),
        ("changes", control.changing.run),
        ("erasures", control.erasing.run),
        ("store keys", control.store_keys.run),
        ("dead letters", control.mourning.run),
        ("shield", control.defending.run),
        ("bans", control.defending.banning.run),
        ("incidents", control.carrying.run),
    )


async def _ended(tasks: set[asyncio.Task[object]], control: Control) -> None:
    """End what is done for ever, and then what it works with."""
    for task in tasks:
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE):
            await asyncio.gather(*tasks, return_exceptions=True)
            await control.databases.close()
    await control.listener.sum_up()
    control.reporting.close()


def _server(app: Callable[..., object], kept: int = 5) -> _Server:
    """Return a server that keeps idle connections for so many seconds."""
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",  # it would write the text of what is raised; the apps report that
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            backlog=_QUEUE,
            timeout_keep_alive=kept,
            timeout_graceful_shutdown=_GRACE,
        )
    )


async def _count(usage: Usage, control: Control) -> None:
    while True:
        usage.tick()
        control.flush()
        control.tidy()
        await asyncio.sleep(_TICK)


def _end(*servers: uvicorn.Server) -> None:
    for server in servers:
        server.should_exit = True


if __name__ == "__main__":
    main()
