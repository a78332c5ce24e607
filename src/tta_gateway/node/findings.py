"""Findings: what control has found out of the world, on its way to the supervisor.

The supervisor gives it to every worker and keeps it, so that workers that start while there is no
control know it too.  What could not be sent is sent with the next look, and then only the newest.
Where the supervisor could not read what it was sent (`AGAIN`), all of it is sent once more; what a
control sends that dies then is read all the same (node/companion.py).
"""

import os
import socket
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tta_gateway.node.child import give
from tta_gateway.snapshot.parts import LIVE, Live, encoded

AGAIN: Final = b"again"
"""Says to control that what it has found out did not arrive."""
_encode = msgspec.msgpack.Encoder().encode


class Findings:
    """The live sections, as control knows them."""

    def __init__(self, channel: socket.socket, known: Mapping[str, msgspec.Raw]) -> None:
        """Go on with what a control before this one has found out."""
        self._channel = channel
        self._known = {name: bytes(raw) for name, raw in known.items()}
        self._owed: set[str] = set()
        self._gone: set[str] = set()  # names of what was known, and is not any more

    @property
    def known(self) -> Mapping[str, bytes]:
        """Return all that is known."""
        return self._known

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Say what is so from now on; None: nothing is known of it any more."""
        raw = None if finding is None else _encode(finding)
        if raw == self._known.get(name):
            return  # it has been told
        if raw is None:
            del self._known[name]
            self._gone.add(name)
        else:
            self._known[name] = raw
            self._gone.discard(name)
        self._owed.add(name)
        self.flush()

    def flush(self) -> None:
        """Send what has not been sent yet, if it is taken."""
        if not self._owed:
            return
        sections = {one: msgspec.Raw(self._known[one]) for one in self._owed if one in self._known}
        live = Live(sections=sections, gone=sorted(self._owed - sections.keys()))
        try:
            give(self._channel, LIVE, encoded(live))
        except OSError:
            return
        self._owed.clear()

    def hear(self, word: bytes, fds: Iterable[int]) -> bool:
        """Take a word of the supervisor; False if it is about something else."""
        if word != AGAIN:
            return False
        for fd in fds:
            os.close(fd)
        self._owed |= self._known.keys() | self._gone
        return True
