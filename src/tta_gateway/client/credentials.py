"""What a service shows of itself, and whom it believes: certificates that are renewed in place.

Certificates of services live for hours or days.  Whoever renews them writes the files anew; what is
read here is read again once the files are others, so that a service need not be started anew.
"""

import ssl
from os import PathLike
from pathlib import Path
from typing import Final, TypeAlias

File: TypeAlias = str | PathLike[str]
_PROTOCOLS: Final = ["http/1.1"]


class Credentials:
    """A certificate with its key, and the authorities that the gateway's certificate is of."""

    def __init__(
        self, certificate: File, key: File | None = None, *, ca: File | None = None
    ) -> None:
        """Keep where they stand, in PEM; without `key` the certificate's file holds it too.

        Without `ca` the authorities of this machine count.
        """
        self._certificate = certificate
        self._key = key
        self._ca = ca
        self._files = [one for one in (certificate, key, ca) if one is not None]
        self._stamps: tuple[tuple[int, int, int], ...] = ()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return how TLS is spoken, by the files as they are now; OSError if they are no good.

        While they are being written, what they held before goes on to count.
        """
        try:
            stamps = tuple(_stamp(one) for one in self._files)
            if self._context is None or stamps != self._stamps:
                self._context, self._stamps = self._read(), stamps
        except OSError:
            if self._context is None:
                raise
        return self._context

    def _read(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self._ca)
        made.set_alpn_protocols(_PROTOCOLS)
        made.load_cert_chain(self._certificate, self._key)
        return made


def _stamp(file: File) -> tuple[int, int, int]:
    """Return what tells a file apart from what takes its place."""
    found = Path(file).stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
