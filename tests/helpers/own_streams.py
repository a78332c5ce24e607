"""Who answers requests in a service's place, in tests: keeps what it hears, or answers whole."""

from collections.abc import Callable

from tta_gateway.kernel.message import Response
from tta_gateway.kernel.stream import Stream


class Telling:
    """Hears how one answer fares; `fails` when it hears of this."""

    def __init__(self, stream: Stream, body: bytes, *, fails: str = "") -> None:
        """Keep the stream."""
        self.stream = stream
        self.body = body
        self.heard: list[object] = []
        self.fails = fails
        self.first: Callable[[Stream], None] = lambda _: None

    def opened(self) -> None:
        """Take note."""
        self._hears("opened")
        self.first(self.stream)

    def may_write(self, *, may: bool) -> None:
        """Take note."""
        self._hears(f"may write {may}")

    def leave(self) -> None:
        """End."""
        self._hears("leave")
        self.stream.send(b"bye")
        self.stream.end()

    def closed(self) -> None:
        """Take note."""
        self._hears("closed")

    def _hears(self, what: str) -> None:
        self.heard.append(what)
        if what == self.fails:
            raise ValueError("a fault of whoever answers")


class Tellers:
    """The service: a `Telling` for each request."""

    def __init__(self, whole: Response | None = None, *, fails: str = "") -> None:
        """Answer with what is `whole`, or else in parts."""
        self.made: list[Telling] = []
        self.whole = whole
        self.fails = fails
        self.first: Callable[[Stream], None] = lambda _: None
        """is done when the head of an answer has left"""

    def asked(self, stream: Stream, body: bytes) -> None:
        """Begin an answer."""
        self.made.append(Telling(stream, body, fails=self.fails))
        self.last.first = self.first
        if self.fails == "asked":
            raise ValueError("a fault of the service")
        if self.whole is not None:
            stream.answer(self.whole)
        else:
            stream.begin(Response(200, [(b"x-a", b"b")], None), self.last)

    @property
    def last(self) -> Telling:
        """The one that was made last."""
        return self.made[-1]
