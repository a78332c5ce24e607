"""The climb: from an open socket to a service up to TLS, and then to the connection above it."""

import asyncio
import ssl
from typing import Final, cast

from tta_gateway.edge.tls import Tls


class Climb:
    """The client's handshake: an `asyncio.Protocol` by its methods alone, until it is over.

    `over` is done when the connection above has begun; it has the fault if none came about.
    """

    __slots__ = ("_context", "_inner", "_server_name", "_tls", "_transport", "over")

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        inner: object,
        server_name: str,
        over: "asyncio.Future[None]",
    ) -> None:
        """Wait for a socket."""
        self._context = context
        self._inner = inner
        self._server_name = server_name
        self._tls: Tls | None = None
        self._transport: asyncio.Transport = _NO_TRANSPORT
        self.over = over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self._transport = cast("asyncio.Transport", transport)
        self._tls = Tls(
            self._context, self._transport, inner=self._inner, server_name=self._server_name
        )
        self._step(self._tls)

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake."""
        tls = self._tls
        if tls is None or self.over.done():
            return
        if tls.feed(data):
            self._step(tls)
        else:
            self._fail(ssl.SSLError("a handshake has no end"))

    def _step(self, tls: Tls) -> None:
        try:
            done = tls.shake()
        except ssl.SSLError as error:
            self._fail(error)
            return
        if done:
            self.over.set_result(None)
            tls.open()

    def eof_received(self) -> bool:
        """Let it go."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Fail, if it is not over."""
        self._fail(ssl.SSLEOFError("the service ended the handshake"))

    def pause_writing(self) -> None:
        """Let it be: a handshake is small."""

    def resume_writing(self) -> None:
        """Let it be."""

    def give_up(self) -> None:
        """End: nobody waits any more.  Where the service was not reached, there is no socket."""
        self.over.cancel()
        if self._transport is not _NO_TRANSPORT:
            self._transport.abort()

    def _fail(self, error: Exception) -> None:
        if not self.over.done():
            self.over.set_exception(error)
        self._transport.close()


_NO_TRANSPORT: Final = asyncio.Transport()
