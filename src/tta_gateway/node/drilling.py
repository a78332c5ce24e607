"""Drilling: a worker is told of drills that will come to it as clients do, and takes each once.

It is told at a socket in the state folder: whoever may open that is the operator, or control.  The
token that they show there is what makes a request a drill (features/escalation/policy.py); the
policies, the journal and the guard take that as they take one of somebody in need.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Final

import msgspec

from tta_gateway.features.escalation.drill import SAID, Door, DrillOrder
from tta_gateway.kernel.drill import Drill
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.stream import Stream
from tta_gateway.node import line_socket
from tta_gateway.snapshot.model import Listener
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog

FOLDER: Final = "drills"
"""Where workers have their sockets, in the state folder."""
LASTS: Final = 30.0
"""Seconds in which a drill that was announced may come."""
MOST: Final = 64
"""drills that are waited for at once"""
_PRIVATE: Final = 0o700
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where others come, and we
_LOOPBACK: Final = ip_address("127.0.0.1")
_KIND: Final = (b"content-type", b"application/json")
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(DrillOrder).decode


class Drilling:
    """The drills of a worker."""

    def __init__(
        self, listeners: Callable[[], Sequence[Listener]], *, clock: Clock, log: EventLog
    ) -> None:
        """Be where these are; nobody can tell of any drill yet."""
        self._listeners = listeners
        self._sockets: Sequence[socket] = ()
        self._clock = clock
        self._log = log
        self._server: asyncio.Server | None = None
        self._path = Path()
        self._ordered: dict[bytes, tuple[DrillOrder, float]] = {}  # by the digest of their token

    async def open(self, state: Path, number: int, sockets: Sequence[socket] = ()) -> None:
        """Hear of drills at the socket of this number, which no other process has; or say why not.

        Clients come by `sockets`, one for each listener.
        """
        self._path = state / FOLDER / str(number)
        self._sockets = sockets
        try:
            self._path.parent.mkdir(mode=_PRIVATE, exist_ok=True)
            self._server = await line_socket.serve(self._path, self._answer)
        except OSError as error:
            self._log.event("drills_not_taken", error=str(error))

    def close(self) -> None:
        """Hear of none any more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None

    def take(self, token: bytes) -> Drill | None:
        """Return the drill whose token it is; it is good for one request."""
        order, until = self._ordered.pop(_digest(token), (None, 0.0))
        now = self._clock.monotonic
        if order is None or now() >= until:
            return None
        return Drill(order.id, by=order.by, level=order.level, now=now)

    def asked(self, stream: Stream, body: bytes) -> None:  # noqa: ARG002 - it has been looked at
        """Answer in the place of a service, which hears of no drill."""
        drill = stream.exchange.drill
        assert drill is not None  # the policy lets nothing else in
        stream.answer(Response(200, [_KIND], _encode({"drill": drill.id})))

    def _answer(self, line: bytes) -> bytes:
        """Take what a drill's token will be, and tell where clients come."""
        try:
            order = _decode(line)
        except msgspec.DecodeError:
            order = None
        if order is None or order.level not in SAID:
            return _encode(
                {"failed": {"step": "worker", "why": "it does not understand the drill"}}
            )
        now, key = self._clock.monotonic(), _digest(order.token.encode())
        self._ordered = {
            name: one for name, one in self._ordered.items() if one[1] > now and name != key
        }
        if not order.is_over:
            if len(self._ordered) >= MOST:
                return _encode(
                    {"failed": {"step": "worker", "why": "it waits for too many drills"}}
                )
            self._ordered[key] = order, now + LASTS
        return _encode({"doors": list(self._doors())})

    def _doors(self) -> Iterator[Door]:
        """Yield where clients come that are nobody in particular."""
        for listener, sock in zip(self._listeners(), self._sockets, strict=False):
            if not _lets_us_in(listener):
                continue
            name, tls, proxied = sock.getsockname(), listener.tls, listener.proxy_protocol
            if sock.family == AF_UNIX:
                yield Door(unix=name, tls=tls is not None, proxied=proxied)
            else:
                host = _HERE.get(name[0], name[0])
                yield Door(host=host, port=name[1], tls=tls is not None, proxied=proxied)


def _lets_us_in(listener: Listener) -> bool:
    """Tell whether people come there, and somebody on this machine may who has no certificate."""
    if listener.internal or listener.redirect_port:
        return False
    if listener.tls is not None and listener.tls.client_ca:
        return False
    proxies = listener.trusted if listener.proxy_protocol else ()
    return not proxies or any(_LOOPBACK in ip_network(one, strict=False) for one in proxies)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
