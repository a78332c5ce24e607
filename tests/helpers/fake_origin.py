"""An origin without a socket: a piece of the gateway that asks, and keeps what it is told."""

from collections.abc import Callable
from typing import TypeAlias

from tta_gateway.kernel.exchange import Exchange, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, Response
from tta_gateway.kernel.plan import Runner

Said: TypeAlias = str | bytes


class FakeTunnel:
    """The client's end of a tunnel."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self.written: list[bytes] = []
        self.ended = False
        self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        """Keep bytes."""
        self.written.append(data)

    def write_eof(self) -> None:
        """Note the end."""
        self.ended = True

    def pause_reading(self) -> None:
        """Note that nothing is read."""
        self.reading = False

    def resume_reading(self) -> None:
        """Note that it goes on."""
        self.reading = True

    def abort(self) -> None:
        """Note the break."""
        self.aborted = True


class FakeOrigin:
    """Keeps `said`, everything in order: statuses as text, the body as bytes, `end` and `abort`.

    It does what an origin owes the pipeline: it finishes the exchange behind its answer, and gives
    up the attempt when it leaves.
    """

    def __init__(self, runner: Runner) -> None:
        """Wait for `ask`."""
        self._runner = runner
        self.exchange: Exchange | None = None
        self.said: list[Said] = []
        self.head: Response | None = None
        self.trailers: Fields = []
        self.interim: list[int] = []
        self.flushes = 0
        self.uploading = True
        self.tunnel: FakeTunnel | None = None
        self.upstream: Tunnel | None = None
        self.each_data: Callable[[], None] = _nothing

    @property
    def body(self) -> bytes:
        """Return what has come of the body."""
        return b"".join(piece for piece in self.said if isinstance(piece, bytes))

    @property
    def status(self) -> int | None:
        """Return the answer's status, None while there is no head."""
        return self.head.status if self.head is not None else None

    @property
    def code(self) -> str | None:
        """Return the code of the problem that was answered, if it was one."""
        problem = self.head.problem if self.head is not None else None
        return problem.code if problem is not None else None

    @property
    def aborted(self) -> bool:
        """Tell whether the answer was broken off."""
        return "abort" in self.said

    def leave(self) -> None:
        """Be gone, as a client that closes its connection."""
        exchange = self.exchange
        assert exchange is not None  # the test has given it one
        exchange.aborted = True
        if exchange.attempt is not None:
            exchange.attempt.cancel()
        self._runner.finish(exchange)
        exchange.attempt = None

    # What an origin is told

    def send_interim(self, response: Response) -> None:
        """Keep a 1xx answer."""
        self.interim.append(response.status)
        self.said.append(str(response.status))

    def send_head(self, response: Response) -> None:
        """Keep the head, and the body that it brings."""
        self.head = response
        self.said.append(str(response.status))
        if response.body is not None:
            if response.body:
                self.said.append(response.body)
            self.send_end()

    def send_data(self, data: bytes) -> None:
        """Keep a part of the body."""
        self.said.append(data)
        self.each_data()

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Keep the end, and finish."""
        self.said.append("end")
        self.trailers = trailers
        exchange = self.exchange
        if exchange is not None:
            self._runner.finish(exchange)
            exchange.attempt = None

    def abort(self) -> None:
        """Keep the break, and leave."""
        self.said.append("abort")
        self.leave()

    def flush(self) -> None:
        """Count."""
        self.flushes += 1

    def dismiss(self, code: int, reason: bytes) -> None:
        """Keep why, and leave."""
        self.said.append(f"{code} {reason.decode()}")
        self.leave()

    def open_tunnel(self, other: Tunnel) -> FakeTunnel:
        """Become one end of a tunnel."""
        self.said.append("tunnel")
        self.upstream = other
        self.tunnel = FakeTunnel()
        return self.tunnel

    def pause_upload(self) -> None:
        """Note that the body is not read."""
        self.uploading = False

    def resume_upload(self) -> None:
        """Note that it is read again."""
        self.uploading = True


def _nothing() -> None:
    """Do nothing."""
