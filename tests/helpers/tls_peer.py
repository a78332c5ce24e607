"""The other end of a TLS connection on paper: a real TLS, over a transport that is a list."""

import contextlib
import ssl

from tests.helpers.fake_transport import FakeTransport

_PIECE = 1 << 14


class TlsPeer:
    """A client, or with `server_side` a server, that speaks through a fake transport."""

    def __init__(
        self,
        transport: FakeTransport,
        context: ssl.SSLContext,
        *,
        server_name: str | None = None,
    ) -> None:
        """Begin; without a server's name, as the server."""
        self.transport = transport
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_name is None,
            server_hostname=server_name,
        )
        self.received = b""
        self.ended = False

    def shake(self) -> bool:
        """Go on with the handshake; True when it is over."""
        self._take()
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._send()
        return True

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.tls.write(data)
        self._send()

    def records(self, data: bytes) -> bytes:
        """Return bytes as they would be sent."""
        self.tls.write(data)
        return self._outgoing.read()

    def last_record(self) -> bytes:
        """Return close_notify as it would be sent."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self._outgoing.read()

    def end(self) -> None:
        """Send close_notify."""
        self.transport.feed(self.last_record())

    def read(self) -> bytes:
        """Return all that has come, and note an orderly end."""
        self._take()
        try:
            while piece := self.tls.read(_PIECE):
                self.received += piece
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return self.received

    def _take(self) -> None:
        self._incoming.write(self.transport.take())

    def _send(self) -> None:
        if self._outgoing.pending:
            self.transport.feed(self._outgoing.read())
