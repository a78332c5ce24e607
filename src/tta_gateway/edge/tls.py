"""TLS on one connection: the protocol of the socket below, the transport of the connection above.

Our own over `ssl.MemoryBIO`, not the loop's, for what the loop's does not do: bytes before the
handshake (the PROXY protocol), handshakes that take turns, one direction that ends before the
other, and an end without close_notify that nobody takes for a whole one (RFC 8446 6.1).  It costs
a request no more: bench/tls.py.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from typing import Final, cast

from tta_gateway.edge.remains import remains_of

_RECORD: Final = 16 * 1024  # bytes of text in a record, at most (RFC 8446 5.1)
_DER: Final = 2  # _ssl.ENCODING_DER
MOST_UNREAD: Final = 64 * 1024  # bytes of a handshake that may come at once


class Tls:
    """One connection's TLS, from the handshake to the end: like a transport by its methods."""

    __slots__ = (
        "_closing",
        "_end_sent",
        "_ended",
        "_error",
        "_incoming",
        "_inner",
        "_object",
        "_outgoing",
        "_transport",
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        transport: asyncio.Transport,
        *,
        inner: object,
        server_name: str | None = None,
    ) -> None:
        """Begin on an open transport; with a server's name as its client, else as the server.

        `inner` is the protocol above.
        """
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_name is None,
            server_hostname=server_name,
        )
        self._transport = transport
        self._inner = cast("asyncio.Protocol", inner)
        self._closing = False
        self._ended = False
        self._end_sent = False
        self._error: BaseException | None = None

    # The handshake

    def feed(self, data: bytes) -> bool:
        """Take bytes of the handshake; False if there are more than any handshake has."""
        self._incoming.write(data)
        return self._incoming.pending <= MOST_UNREAD

    def shake(self) -> bool:
        """Go on with the handshake as far as what has come allows; True when it is over.

        ssl.SSLError if it has failed; what the peer is to know of that has been sent.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError:
            self._flush()
            raise
        self._flush()
        return True

    def chain(self) -> tuple[bytes, ...]:
        """Return the peer's certificates in DER, from its own to an authority, as verified."""
        tls = self._object
        verified = getattr(tls, "get_verified_chain", None)  # of Python 3.13
        if verified is not None:
            return tuple(verified())
        inner = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - before, only here
        return tuple([one.public_bytes(_DER) for one in inner.get_verified_chain() or ()])

    def open(self) -> None:
        """Begin the connection above: the socket's data comes here from now on."""
        self._transport.set_protocol(cast("asyncio.Protocol", self))
        self._inner.connection_made(cast("asyncio.Transport", self))
        if self._incoming.pending:
            self._read()

    # What the socket tells

    def data_received(self, data: bytes) -> None:
        """Take records."""
        if not self._ended:
            self._incoming.write(data)
            self._read()

    def _read(self) -> None:
        """Pass on what the records hold, in one piece."""
        pieces: list[bytes] = []
        ended = False
        try:
            ended = self._decrypt(pieces)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = True
        except ssl.SSLError as error:
            self._break(error)
            return
        self._flush()
        if pieces and not self._is_over():
            self._inner.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended:
            self._end()

    def _decrypt(self, pieces: list[bytes]) -> bool:
        """Take what has come to its end; True if that is the peer's end."""
        tls, incoming = self._object, self._incoming
        while True:
            piece = tls.read(_RECORD)
            if not piece:
                return True
            pieces.append(piece)
            if not incoming.pending and not tls.pending():
                return False  # the usual end: an exception would cost more (bench/tls.py)

    def _end(self) -> None:
        """Take the peer's close_notify."""
        self._ended = True
        if not self._is_over() and not self._inner.eof_received():
            self.close()

    def eof_received(self) -> bool:
        """Take the end of the stream: without close_notify, somebody may have cut it off."""
        if not self._ended:
            self.abort()
        return not self._is_over()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on, with the fault of TLS where there was one."""
        self._closing = True
        error = self._error
        self._inner.connection_lost(cast("Exception | None", error if error is not None else exc))

    def remains(self) -> tuple[bytes, bool]:
        """Return what came before a write failed, of records that are whole; and if the peer ended.

        Unlike a socket's, an end that close_notify tells is one (RFC 8446 6.1).
        """
        pieces: list[bytes] = []
        ended = False
        self._incoming.write(remains_of(self._transport))
        try:
            ended = self._decrypt(pieces)
        except ssl.SSLZeroReturnError:
            ended = True
        except ssl.SSLError:
            pass  # a part of a record, or nothing
        return b"".join(pieces), ended

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def _break(self, error: BaseException) -> None:
        """End what has gone wrong; the peer is told, if it still listens."""
        self._error = error
        self._closing = True
        self._flush()
        self._transport.close()

    # What the connection above asks

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if data and not self._end_sent and not self._is_over():
            self._encrypt(data)
            self._flush()

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Send pieces, in one write."""
        if self._end_sent or self._is_over():
            return
        for piece in pieces:
            if piece:
                self._encrypt(piece)
        self._flush()

    def _encrypt(self, data: bytes) -> None:
        sent = self._object.write(data)
        while sent < len(data):  # a record at a time
            sent += self._object.write(memoryview(data)[sent:])

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _say_end(self) -> None:
        """Send close_notify, once."""
        if not self._end_sent and not self._transport.is_closing():
            self._end_sent = True
            with contextlib.suppress(ssl.SSLError):
                self._object.unwrap()  # wants the peer's, for which nobody waits
            self._flush()

    def can_write_eof(self) -> bool:
        """Say that one direction can end before the other."""
        return True

    def write_eof(self) -> None:
        """Send the end of this direction."""
        if not self._end_sent and not self._is_over():
            self._say_end()
            self._transport.write_eof()

    def close(self) -> None:
        """End behind everything that waits; the peer's close_notify is not waited for."""
        if not self._closing:
            self._say_end()
            self._closing = True
            self._transport.close()

    def abort(self) -> None:
        """End now."""
        self._closing = True
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether the end has begun."""
        return self._is_over()

    def _is_over(self) -> bool:
        return self._closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Read no further."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait, in records."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Tell of the connection."""
        if name == "ssl_object":
            return self._object
        return self._transport.get_extra_info(name, default)

    def __repr__(self) -> str:
        """Say which protocol and cipher are spoken."""
        cipher = self._object.cipher()
        return f"<tls {self._object.version()} {cipher[0] if cipher else None}>"
