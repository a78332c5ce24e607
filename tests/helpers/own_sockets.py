"""Who hears sockets of the gateway's own in tests: sends back what it hears, and keeps it."""

from collections.abc import Callable

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.socket import Hearer, Socket, SocketTerms


class Echo:
    """Hears one socket.  `before` is called with each message, before it goes back."""

    def __init__(self) -> None:
        """Begin before the socket is open."""
        self.socket: Socket | None = None
        self.heard: list[object] = []
        self.before: Callable[[bytes], None] = lambda _: None
        self.fails: str = ""

    @property
    def open(self) -> Socket:
        """The socket, which is open or has been."""
        assert self.socket is not None
        return self.socket

    def opened(self, socket: Socket) -> None:
        """Keep the socket."""
        self.socket = socket
        self._takes("opened", socket.protocol)

    def message(self, payload: bytes, *, is_text: bool) -> None:
        """Send it back."""
        self._takes("text" if is_text else "binary", payload)
        self.before(payload)
        self.open.send(payload, is_text=is_text)

    def late(self, payload: bytes, *, is_text: bool) -> None:
        """Take note."""
        self._takes("late text" if is_text else "late binary", payload)

    def may_write(self, *, may: bool) -> None:
        """Take note."""
        self._takes("may write", may)

    def due(self, now: float) -> None:
        """Take note."""
        self._takes("due", now)

    def closed(self, code: int) -> None:
        """Take note."""
        self._takes("closed", code)

    def _takes(self, *what: object) -> None:
        self.heard.append(what)
        if self.fails == what[0]:
            raise ValueError("a fault of whoever hears")


class Echoes:
    """The service: an `Echo` for each socket."""

    def __init__(self, terms: SocketTerms | None = None, *, fails: str = "") -> None:
        """Offer these terms; each `fails` when it hears of this."""
        self.terms = SocketTerms() if terms is None else terms
        self.made: list[Echo] = []
        self.exchanges: list[Exchange] = []
        self.fails = fails

    def hearer(self, exchange: Exchange) -> Hearer:
        """Return who hears the next socket."""
        self.exchanges.append(exchange)
        if self.fails == "hearer":
            raise ValueError("a fault of the service")
        echo = Echo()
        echo.fails = self.fails
        self.made.append(echo)
        return echo

    @property
    def last(self) -> Echo:
        """The one that hears the socket that was opened last."""
        return self.made[-1]
