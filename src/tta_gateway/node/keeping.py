"""Keeping: the accepted snapshot on disk, or what registries said, written by a thread.

The state folder may be on a disk that hangs; the process that asks for it must not.  Of several
that come while one is being written only the last is written next.
"""

import threading
from pathlib import Path

from tta_gateway.node.signals import without_signals
from tta_gateway.snapshot import kept


class Keeping:
    """Writes the newest snapshot; `error` is why the last one could not be, until it is taken."""

    def __init__(self, state: Path, name: str = kept.NAME) -> None:
        """Begin with nothing to write; `name` is that of the file."""
        self._state = state
        self._name = name
        self._next: bytes | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    def keep(self, sealed: bytes) -> None:
        """Have this one written, soon."""
        with self._lock:
            self._next = sealed
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="kept", daemon=True)
                with without_signals():
                    self._thread.start()

    def _write(self) -> None:
        while (sealed := self._take()) is not None:
            try:
                kept.keep(sealed, self._state, self._name)
            except OSError as error:
                self._error = error

    def _take(self) -> bytes | None:
        with self._lock:
            sealed, self._next = self._next, None
            if sealed is None:
                self._thread = None
            return sealed

    def take_error(self) -> OSError | None:
        """Return why one could not be written, once."""
        error, self._error = self._error, None
        return error

    def wait(self, patience: float) -> None:
        """Wait until what was asked for is written, but not for long."""
        thread = self._thread
        if thread is not None:
            thread.join(patience)
