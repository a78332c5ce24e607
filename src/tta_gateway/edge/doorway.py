"""The doorway: what comes between a connection and its first request, where a listener asks for it.

First the header of the PROXY protocol, then the handshake of TLS, both within one time.  Until they
are over the connection counts as a guest like any other, by the address that is known so far.  A
client that speaks plain HTTP where TLS is spoken is told so.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.edge.entrance import Entrance, network_of
from tta_gateway.edge.handshakes import Handshakes
from tta_gateway.edge.sweeper import NEVER
from tta_gateway.edge.tls import MOST_UNREAD, Tls
from tta_gateway.kernel.peer import Shown
from tta_gateway.kernel.problem import TLS_REQUIRED
from tta_gateway.wire.proxy_protocol import NotProxiedError, read

Counted = Callable[[str], None]

_HANDSHAKE: Final = 22  # the type of a record that begins one (RFC 8446 5.1)
_PREFIX: Final = 5  # bytes before what a record holds
_LAST_CALL: Final = 5.0  # seconds that a connection has for the rest, once the gateway is to stop
DONE: Final = "done"
FAILED: Final = "failed"
LATE: Final = "late"
IN_THE_CLEAR: Final = "in_the_clear"
NOT_PROXIED: Final = "not_proxied"
GAVE_WAY: Final = "gave_way"
OUTCOMES: Final = (DONE, FAILED, LATE, IN_THE_CLEAR, NOT_PROXIED, GAVE_WAY)


class Doorway:
    """One connection before its first request: an `asyncio.Protocol` by its methods alone."""

    __slots__ = (
        "_address",
        "_counted",
        "_data",
        "_entrance",
        "_handshakes",
        "_inner",
        "_named",
        "_over",
        "_paused",
        "_proxied",
        "_stranger",
        "_tls",
        "_transport",
        "_unnamed",
        "deadline",
    )

    def __init__(self, entrance: Entrance, handshakes: Handshakes, counted: Counted) -> None:
        """Wait for a socket; `counted` hears how each connection gets through."""
        self._entrance = entrance
        self._handshakes = handshakes
        self._counted = counted
        self._transport: asyncio.Transport = _NO_TRANSPORT
        self._named: tuple[str, int] | None = None
        self._unnamed = False
        self._address = ""  # what it counts as
        self._stranger = ""  # the address that answers for what this does
        self._proxied = entrance.proxy_protocol  # whose header is still to come
        self._data = b""
        self._tls: Tls | None = None
        self._inner: ClientConnection | None = None  # what is to be above TLS
        self._paused = False
        self._over = False
        self.deadline = NEVER

    # What the socket tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections or this one may not say who it is."""
        entrance = self._entrance
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        address = name[0] if isinstance(name, tuple) else ""
        trusted = entrance.is_proxy(address)
        self.deadline = entrance.sweeper.now + entrance.timeouts.handshake
        entrance.sweeper.watch(self)
        if self._proxied and entrance.has_proxies and not trusted:
            self._fail(NOT_PROXIED)
            return
        if trusted or self._proxied:
            self._count_as("")
        elif self._is_met(address):
            self._count_as(network_of(address))

    def _is_met(self, address: str) -> bool:
        """Tell whether somebody of this address may come in; else it is over."""
        if self._entrance.ward.meets(address):
            self._stranger = address
            return True
        self.abort()
        return False

    def _count_as(self, address: str) -> None:
        """Be a guest of this address; one too many is told so later, unless there are crowds."""
        guests = self._entrance.guests
        self._address = address
        now = self._entrance.sweeper.now
        if not guests.admit(self, address, now=now) and not guests.turn_away(self, now=now):
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Take what comes first."""
        if self._over:
            return
        if self._tls is not None:
            if not self._tls.feed(data):
                self._fail(FAILED)
            elif not self._paused:
                self._handshakes.heard(self)
            return
        self._data += data
        if self._proxied and not self._read_header():
            return
        if not self._entrance.is_encrypted:
            self._enter_plain()
        elif self._data:
            self._begin_tls()

    def _read_header(self) -> bool:
        """Read the header of the PROXY protocol; False while it is not whole, or if it is none."""
        try:
            source = read(self._data)
        except NotProxiedError:
            self._fail(NOT_PROXIED)
            return False
        if source is None:
            return False
        self._proxied = False
        self._data = self._data[source.length :]
        self._unnamed = not source.address and not source.local
        if source.address:
            self._named = (source.address, source.port)
            self._entrance.guests.step_out(self, self._address)
            trusted = self._entrance.is_proxy(source.address)
            if trusted:
                self._count_as("")
            elif self._is_met(source.address):
                self._count_as(network_of(source.address))
        return not self._over

    def _begin_tls(self) -> None:
        data = self._data
        if data[0] != _HANDSHAKE:
            if 65 <= data[0] <= 90:  # a capital letter: the method of a request
                self._counted(IN_THE_CLEAR)
                self._enter(self._connection(in_the_clear=True))
            else:
                self._fail(FAILED)
            return
        if not self._has_hello():
            return
        self._data = b""
        context = self._entrance.context
        assert context is not None  # is_encrypted
        connection = self._connection()
        self._inner = connection
        self._tls = tls = Tls(context, self._transport, inner=connection)
        if not tls.feed(data):
            self._fail(FAILED)
        elif not self._handshakes.ask(self, self._address):
            self._paused = True
            self._transport.pause_reading()

    def _has_hello(self) -> bool:
        """Tell whether the first record is whole: one that does not end takes nobody's place."""
        size = _PREFIX + int.from_bytes(self._data[3:_PREFIX], "big")
        if size > MOST_UNREAD:
            self._fail(FAILED)
            return False
        return len(self._data) >= max(size, _PREFIX)

    def eof_received(self) -> bool:
        """Let it go: nobody has asked for anything."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Make room."""
        self._leave()
        self._entrance.guests.leave(self, self._address)

    def pause_writing(self) -> None:
        """Let it be: the peer's time runs."""

    def resume_writing(self) -> None:
        """Let it be."""

    def on_deadline(self, now: float) -> None:  # noqa: ARG002 - the sweeper's signature
        """End what takes too long."""
        self._fail(LATE)

    # What the handshakes tell

    def step(self) -> None:
        """Go on with the handshake."""
        tls = self._tls
        if tls is None or self._over or self._transport.is_closing():
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        try:
            done = tls.shake()
        except ssl.SSLError:
            self._fail(FAILED, behind_alert=True)
            return
        if done:
            self._counted(DONE)
            self._leave()
            self._entrance.guests.step_out(self, self._address)
            self._see(tls)
            tls.open()
            self._entrance.guests.look_round()

    def _see(self, tls: Tls) -> None:
        """Keep what a service has shown of itself, where it is asked for that."""
        trust, inner = self._entrance.trust, self._inner
        if trust is not None and inner is not None:
            inner.shown = Shown(tls.chain(), trust)

    def make_room(self) -> None:
        """End: the peer is silent, and others wait for the place."""
        self._fail(GAVE_WAY)

    # What the guests' host asks

    def idle_since(self) -> float:
        """Return NEVER: the time for what comes before a request is short as it is."""
        return NEVER

    def give_way(self) -> None:
        """End now."""
        self.abort()

    def drain(self) -> None:
        """Get through, and then be told behind the first answer; but not for ever."""
        self.deadline = min(self.deadline, self._entrance.sweeper.now + _LAST_CALL)

    def is_in_need(self) -> bool:
        """Say no: nothing has been said yet."""
        return False

    def comes_back(self) -> bool:
        """Say no: it has asked for nothing yet."""
        return False

    def abort(self) -> None:
        """End now."""
        self._leave()
        self._transport.abort()

    # How it goes on

    def _enter_plain(self) -> None:
        self._counted(DONE)
        self._enter(self._connection())

    def _connection(self, *, in_the_clear: bool = False) -> ClientConnection:
        connection = ClientConnection(self._entrance)
        connection.named = self._named
        connection.unnamed = self._unnamed
        if in_the_clear:
            connection.refusal = TLS_REQUIRED
        return connection

    def _enter(self, connection: ClientConnection) -> None:
        """Leave the socket to a client's connection."""
        self._leave()
        self._entrance.guests.step_out(self, self._address)
        data, self._data = self._data, b""
        self._transport.set_protocol(cast("asyncio.Protocol", connection))
        connection.connection_made(self._transport)
        self._entrance.guests.look_round()
        if data:
            connection.data_received(data)

    def _fail(self, outcome: str, *, behind_alert: bool = False) -> None:
        """End, and count why."""
        if self._over:
            return
        self._counted(outcome)
        if outcome in (LATE, FAILED):
            self._entrance.ward.slow(self._stranger)
        self._leave()
        if behind_alert:
            self._transport.close()  # behind what the peer is told
        else:
            self._transport.abort()

    def _leave(self) -> None:
        """Wait for nothing any more."""
        if not self._over:
            self._over = True
            self._entrance.sweeper.forget(self)
            self._handshakes.leave(self, self._address)

    def __repr__(self) -> str:
        """Say what it waits for."""
        waits = "PROXY header" if self._proxied else "handshake"
        return f"<doorway {self._address}, waits for {waits}>"


_NO_TRANSPORT: Final = asyncio.Transport()
