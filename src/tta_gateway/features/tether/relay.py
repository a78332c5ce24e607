"""Tethers of another worker: what two workers say to each other about one client.

The worker that a client has come to asks the others whose its tether is.  Who has it takes the
client as if it had come there itself, over a line between the two, in frames.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from tta_gateway.features.tether.parcel import Parcel
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.socket import Socket

TEXT: Final = 1
BINARY: Final = 2
PING: Final = 3
PONG: Final = 4
CLOSE: Final = 5
WENT: Final = 6
TAKEN: Final = 7
UNKNOWN: Final = 8
ASK: Final = 9
_RESTART: Final = 1012
_LOST: Final = 1006
_GONE: Final = b"the worker has gone: connect again"


class Ask(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Who has come, with what, and to which tether they want to come back.

    `shown` is the token of a first message, `proved` the one by which policies know them.
    """

    token: str
    key: tuple[str, str, str] | None
    principal: Principal | None
    route: str
    received: int
    target: bytes
    fields: list[tuple[bytes, bytes]]
    shown: bytes
    proved: bytes = b""


class Line(Protocol):
    """A line to another worker; `hear` is called with each frame, `lost` once behind the last."""

    hear: Callable[[int, int, bytes], None]
    lost: Callable[[], None]
    full: Callable[[bool], None]
    """is called with whether the other side does not keep up"""

    def send(self, kind: int, number: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""

    def pause(self) -> None:
        """Hear nothing for a while."""

    def resume(self) -> None:
        """Hear again."""

    def end(self) -> None:
        """End it, behind what has been sent; nothing is heard any more."""


class Elsewhere(Protocol):
    """The other workers of the node."""

    def seek(self, ask: Ask, told: Callable[[Line | None], None]) -> bool:
        """Ask them; `told` hears later over which line it goes on.  False: nobody is there."""
        ...


class Nobody:
    """The others of a worker that is alone."""

    def seek(self, ask: Ask, told: Callable[[Line | None], None]) -> bool:  # noqa: ARG002 - a port
        """Ask nobody."""
        return False


class Afar(Protocol):
    """The workers of other nodes, to which tethers are handed over by way of the store."""

    @property
    def is_there(self) -> bool:
        """Tell whether the store that nodes share can be asked."""
        ...

    def seek(self, ask: Ask, told: Callable[[Parcel | None], None]) -> bool:
        """Have it handed over; `told` hears later what has come.  False: nobody can be asked."""
        ...

    def holds(self, token: str, key: tuple[str, str, str] | None) -> None:
        """Have others know that this worker has a tether, for as long as it does not `forget`."""

    def forget(self, token: str) -> None:
        """Say so no longer."""

    def put_down(self, parcel: Parcel, told: Callable[[bool], None]) -> None:
        """Have it be there for who comes; `told` hears whether that was possible."""


class NobodyAfar:
    """The others of a node that shares no store."""

    is_there = False

    def seek(self, ask: Ask, told: Callable[[Parcel | None], None]) -> bool:  # noqa: ARG002 - a port
        """Ask nobody."""
        return False

    def holds(self, token: str, key: tuple[str, str, str] | None) -> None:
        """Tell nobody."""

    def forget(self, token: str) -> None:
        """Tell nobody."""

    def put_down(self, parcel: Parcel, told: Callable[[bool], None]) -> None:  # noqa: ARG002 - likewise
        """Put it nowhere."""
        told(False)


class Relayed:
    """A client whose tether another worker has; its side at the worker that it has come to."""

    def __init__(self, line: Line, socket: Socket) -> None:
        """Pass on what is heard over the line, and what the socket says."""
        self._line: Final = line
        self._socket: Final = socket
        line.hear, line.lost, line.full = self._hear, self._lost, self._full
        line.resume()

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Pass on what the client says."""
        self._line.send(TEXT if is_text else BINARY, 0, payload)

    def ponged(self, payload: bytes) -> None:
        """Pass on a sign of life."""
        self._line.send(PONG, 0, payload)

    def may_write(self, *, may: bool) -> None:
        """Hear no more while the client does not keep up: the line fills, and that is noticed."""
        if may:
            self._line.resume()
        else:
            self._line.pause()

    def went(self, code: int) -> None:
        """Pass on that the client has gone."""
        self._line.send(WENT, code)
        self._line.end()

    def _hear(self, kind: int, number: int, payload: bytes) -> None:
        socket = self._socket
        if kind in (TEXT, BINARY):
            socket.send(payload, is_text=kind == TEXT)
        elif kind == PING:
            socket.ping(payload)
        elif kind == CLOSE:
            self._line.end()
            socket.close(number, payload)

    def _lost(self) -> None:
        self._socket.close(_RESTART, _GONE)

    def _full(self, is_full: bool) -> None:
        if is_full:
            self._socket.pause()
        else:
            self._socket.resume()


class Kept(Protocol):
    """The tether that a client has come back to, at the worker that has it."""

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Take a message of the client."""

    def ponged(self, payload: bytes) -> None:
        """Take a sign of life."""

    def may_write(self, *, may: bool) -> None:
        """Take note that the client does not keep up, or does again."""

    def went(self, code: int) -> None:
        """Take that the client has gone."""


class Remote:
    """A client at another worker, as its tether knows it."""

    def __init__(self, line: Line) -> None:
        """Be reached by this line; `serve` says whose it is."""
        self._line: Final = line
        self._kept: Kept | None = None

    def serve(self, kept: Kept) -> None:
        """Have this tether hear it from now on."""
        self._kept = kept
        line = self._line
        line.hear, line.lost, line.full = self._hear, self._lost, self._full

    # What the tether says

    def send(self, payload: bytes, *, is_text: bool) -> None:
        """Send a message."""
        self._line.send(TEXT if is_text else BINARY, 0, payload)

    def ping(self, payload: bytes = b"") -> None:
        """Ask for a sign of life."""
        self._line.send(PING, 0, payload)

    def close(self, code: int, reason: bytes) -> None:
        """End it; nothing is heard any more."""
        self._kept = None
        self._line.send(CLOSE, code, reason)
        self._line.end()

    def pause(self) -> None:
        """Hear nothing for a while: the line fills, and that is noticed."""
        self._line.pause()

    def resume(self) -> None:
        """Hear again."""
        self._line.resume()

    # What the line says

    def _hear(self, kind: int, number: int, payload: bytes) -> None:
        kept = self._kept
        if kept is None:
            return
        if kind in (TEXT, BINARY):
            kept.message(payload, is_text=kind == TEXT)
        elif kind == PONG:
            kept.ponged(payload)
        elif kind == WENT:
            self._kept = None
            kept.went(number)
            self._line.end()

    def _lost(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.went(_LOST)

    def _full(self, is_full: bool) -> None:
        if self._kept is not None:
            self._kept.may_write(may=not is_full)
