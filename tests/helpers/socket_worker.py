"""A whole worker, in this process and on real sockets, with routes to sockets of its own."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from tests.helpers.builders import Bound, a_route, an_endpoint
from tests.helpers.own_sockets import Echoes
from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.safety.bound import Mode, RouteSafety
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.own import socket
from tta_gateway.kernel.policy import BoundPolicy, Policy
from tta_gateway.kernel.route import EndpointLimits, Route, Service, Sockets
from tta_gateway.kernel.said import Said
from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.node.assemble_worker import Worker
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import parted
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry

_LOOKED_INTO: Final = {
    "/seen": Sockets(),
    "/both": Sockets(deflate="both"),
    "/chat": Sockets(profile="chat"),
    "/heard": Sockets(profile="chat"),
}
_HEARD: Final = "/heard"


class SocketWorker:
    """A worker that listens; its log and that of accesses are one file."""

    def __init__(self, worker: Worker, port: int, log: Path) -> None:
        """Keep what tests look at."""
        self.worker = worker
        self.port = port
        self._log = log

    def url(self, path: str = "/") -> str:
        """Return where a route's sockets are opened."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def accesses(self) -> list[dict[str, Any]]:
        """Return the lines of the access log."""
        for log in self.worker.logs:
            log.flush()
        lines = map(msgspec.json.decode, self._log.read_bytes().splitlines())
        return [line for line in lines if "status" in line]


class Seeing(Worker):
    """A worker one of whose policies looks at every message of clients, and lets it through.

    On the route whose sockets are deflated on both sides, at every message of the service too.
    """

    def _policies_of(self, snapshot: Snapshot) -> list[Policy]:
        return [*super()._policies_of(snapshot), _Looks()]


class _Looks(Bound):
    def for_route(self, route: Route | None) -> BoundPolicy:
        both_ways = route is not None and route.sockets.deflate == "both"
        return Bound(on_message=_look, hears_replies=both_ways)


def _look(_: Exchange, __: Said) -> None:
    """Let it pass."""


def _safety(path: str) -> dict[str, msgspec.Raw]:
    """Return what a route says of safety: nobody listens but at one."""
    mode: Mode = "scan" if path == _HEARD else "off"
    return {"safety": msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode)))}


def _services(port: int) -> tuple[Service, ...]:
    """Return the one behind the worker, which takes as many sockets as tests open."""
    many = EndpointLimits(connections=10_000, in_flight=10_000)
    return (Service(name="up", endpoints=(an_endpoint(port),), limits=many),)


@contextlib.asynccontextmanager
async def socket_worker(
    folder: Path, services: dict[str, Echoes], *, upstream: int = 0
) -> AsyncIterator[SocketWorker]:
    """Run one; each service's path is its name.

    Where a port of an `upstream` is given, `/seen`, `/both`, `/chat` and `/heard` lead there, and
    messages are looked at: those of clients, those of both sides, which are deflated there, those
    of both sides in the platform's form, and the same where people at risk are listened to.
    """
    log, loop = folder / "log", asyncio.get_running_loop()
    accesses = msgspec.msgpack.encode(AccessLogBound(path=str(log)))
    snapshot = Snapshot(
        version=1,
        state_dir=str(folder),
        listeners=(Listener(host="127.0.0.1"),),
        services=_services(upstream) if upstream else (),
        routes=(
            *(
                msgspec.structs.replace(socket(f"/{name}", name), origins=("https://app.tta.test",))
                for name in services
            ),
            *(
                a_route(path, service="up", sockets=sockets, features=_safety(path))
                for path, sockets in (_LOOKED_INTO if upstream else {}).items()
            ),
        ),
        connections=ConnectionLimits(per_address=10_000),
        features={"access_log": msgspec.Raw(accesses)},
    )
    worker = (Seeing if upstream else Worker)(
        parted(snapshot),
        loop=loop,
        clock=SystemClock(),
        registry=Registry(),
        logs=lambda path: LineFile(path or os.devnull),
    )
    for name, service in services.items():
        worker.sockets.serve(name, service)
    worker.sweeper.start()
    worker.hangups.start()
    listener = await loop.create_server(lambda: worker.protocol(0), "127.0.0.1", 0)
    port = cast("int", listener.sockets[0].getsockname()[1])
    try:
        yield SocketWorker(worker, port, log)
    finally:
        listener.close()
        worker.guests.cut()
        await asyncio.sleep(0.05)  # sockets end in turns of their own
        worker.sweeper.stop()
        worker.hangups.stop()
        for one in worker.logs:
            one.close()
