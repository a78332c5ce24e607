"""The upload: a request's body on its way upstream, held until somebody takes it.

It bridges two paces.  Until a sink is attached, pieces wait (at most `HIGH_WATER`, then the client
is not read any further); afterwards they pass straight through.  While the whole of it is small
enough it is also kept, so that the request can be sent again.
"""

from typing import Final, Protocol

from tta_gateway.kernel.message import NO_FIELDS, Fields

HIGH_WATER: Final = 64 * 1024


class UploadSink(Protocol):
    """Where the body goes: the connection to an upstream."""

    def send_body(self, data: bytes) -> None:
        """Take a part of the body."""

    def end_body(self, trailers: Fields) -> None:
        """Take the end of the body."""


class UploadHearer(Protocol):
    """Who hears what a body says, whoever it is sent to and however often."""

    def heard(self, data: bytes) -> None:
        """Hear a part of the body, before anybody is sent it."""

    def heard_all(self) -> None:
        """Hear that this was all of it."""


class UploadSource(Protocol):
    """Where the body comes from: the client's side of the exchange; told twice is told once."""

    def pause_upload(self) -> None:
        """Stop reading the body."""

    def resume_upload(self) -> None:
        """Go on reading the body."""


class Upload:
    """A request's body.  `received` bytes have come of it; `over` when all have.

    `taken` says that somebody has been sent what came.
    """

    __slots__ = (
        "_hearer",
        "_kept",
        "_paused",
        "_sink",
        "_source",
        "_waiting",
        "keep",
        "limit",
        "over",
        "received",
        "taken",
        "trailers",
    )

    def __init__(self, source: UploadSource, *, limit: int, keep: int) -> None:
        """Expect a body of at most `limit` bytes; keep up to `keep` for another try."""
        self._source = source
        self._sink: UploadSink | None = None
        self._waiting: list[bytes] = []
        self._kept: list[bytes] | None = []
        self._hearer: UploadHearer | None = None
        self._paused = False
        self.limit = limit
        self.keep = keep
        self.received = 0
        self.over = False
        self.taken = False
        self.trailers: Fields = NO_FIELDS

    @property
    def replayable(self) -> bool:
        """Tell whether all of it is here and can be sent again."""
        return self.over and self._kept is not None and self.received <= self.keep

    @property
    def is_paused(self) -> bool:
        """Tell whether the client waits: what takes the body cannot keep up."""
        return self._paused

    def feed(self, data: bytes) -> bool:
        """Take a part of the body; False says that it is larger than it may be."""
        self.received += len(data)
        if self._hearer is not None:
            self._hearer.heard(data)  # what is too large is refused, and has been said
        if self.received > self.limit:
            self._kept = None
            return False
        if self._sink is None:
            # Nothing of it is let go while nobody takes it: another try needs its beginning.
            (self._waiting if self._kept is None else self._kept).append(data)
            if self.received > HIGH_WATER and not self._paused:
                self.pause()
            return True
        if self._kept is not None:
            if self.received <= self.keep:
                self._kept.append(data)
            else:
                self._kept = None
        self._sink.send_body(data)
        return True

    def end(self, trailers: Fields = NO_FIELDS) -> None:
        """Take the end of the body."""
        self.over = True
        self.trailers = trailers
        if self._hearer is not None:
            self._hearer.heard_all()
        if self._sink is not None:
            self._sink.end_body(trailers)

    def listen(self, hearer: UploadHearer) -> None:
        """Have somebody hear what has come so far, and what comes from now on.

        To be asked before anybody is sent what is not kept: nothing else would have the beginning.
        """
        self._hearer = hearer
        for piece in self._kept if self._kept is not None else self._waiting:
            hearer.heard(piece)
        if self.over:
            hearer.heard_all()

    def attach(self, sink: UploadSink) -> None:
        """Send to this sink what has come so far, and what comes from now on."""
        pieces = self._kept if self._kept is not None else self._waiting
        self._sink = sink
        self.taken = True
        self._waiting = []
        if self.received > self.keep:
            self._kept = None
        paused, self._paused = self._paused, False
        if pieces:
            sink.send_body(b"".join(pieces))
        if self.over:
            sink.end_body(self.trailers)
        if paused and not self._paused:  # the sink may have said meanwhile that it cannot keep up
            self._source.resume_upload()

    def detach(self) -> None:
        """Send no more: the try has failed, or the answer came before the body's end."""
        self._sink = None

    def pause(self) -> None:
        """Let the client wait: what takes the body cannot keep up."""
        self._paused = True
        self._source.pause_upload()

    def resume(self) -> None:
        """Let the client go on."""
        if self._paused:
            self._paused = False
            self._source.resume_upload()
