"""The thread that writes the logs of all processes of a node.

A thread of its own, so that a slow disk delays neither a worker, whose socket only fills, nor the
probe.  Nobody else opens these files.
"""

import socket
import threading
from typing import Final

from tta_gateway.node.signals import without_signals
from tta_gateway.support import log_socket
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log_socket import LineWriter
from tta_gateway.support.metrics import Child
from tta_gateway.support.redaction.field import line

_LONGEST: Final = 2.0  # seconds, for what is still to be written at the end


class LogThread:
    """Writes until it is stopped."""

    def __init__(
        self, reader: socket.socket, sender: socket.socket, *, stamp: Stamp, dropped: Child
    ) -> None:
        """Begin to write what comes; `dropped` counts what could not be written."""
        self.reader = reader
        self.sender = sender
        self._stamp = stamp
        self._dropped = dropped
        self._writer = LineWriter(reader, failed=self._failed)
        self.start()

    def start(self) -> None:
        """Write what comes from now on."""
        self._thread = threading.Thread(target=self._write, name="logs", daemon=True)
        with without_signals():
            self._thread.start()

    def _failed(self, path: str, error: OSError) -> bytes:
        why: dict[str, object] = {"path": path, "error": error.strerror}
        return line(self._stamp.text(), "log_not_opened", why, str)

    def _write(self) -> None:
        while self._writer.write_next():
            self._dropped.add(self._writer.take_dropped())

    def reopen(self) -> None:
        """Go on in new files where the old ones have been moved away."""
        log_socket.reopen(self.sender)

    def stop(self) -> None:
        """Write what has come before this, and no more; a disk that hangs is not waited for."""
        log_socket.stop(self.sender)
        self._thread.join(_LONGEST)
