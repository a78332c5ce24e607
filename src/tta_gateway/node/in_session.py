"""In session: the workers of a node tell each other who has a therapeutic session open with them.

What has changed is told five times a second, so that whoever is in a session is known at all
workers before they can have clicked.  A datagram may be lost, and a worker may have come later:
all is told again every ten seconds, at once to who has just come, and where one was not taken.
Whoever has gone has nothing open: its socket goes with it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.features.admission.session import Sessions
from tta_gateway.node.neighbours import Neighbours

LASTS: Final = 35.0  # seconds that a neighbour's word counts: three times it may be lost
_AGAIN: Final = 10.0  # seconds between two times that all is told
_LOOKS: Final = 1.0  # seconds between two looks at who is there
_TOGETHER: Final = 1000  # marks of a datagram, each 18 bytes: half a millisecond to take
_AT_ONCE: Final = 3  # datagrams of changes in a tick, as many of what is told again
_FADE: Final = 500  # of each neighbour, in a tick

Datagram = tuple[int, list[bytes], list[bytes]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Datagram).decode


class InSession:
    """Tells the neighbours, and hears them."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        number: int,
        clock: Callable[[], float],
        folder: str = "sessions",
    ) -> None:
        """Begin alone; `number` is that of this process, `clock` is monotonic, in seconds.

        `folder` is where neighbours find each other who tell of the same.
        """
        self._sessions = sessions
        self._number = number
        self._clock = clock
        self.neighbours = Neighbours(self.hear, number=number, folder=folder)
        self._again: list[bytes] = []  # what is still to be told of all
        self._told = clock()  # when that began last
        self._looked = clock()

    def open(self, loop: asyncio.AbstractEventLoop, state: Path) -> None:
        """Begin to tell and to hear; OSError if there is no way to the neighbours."""
        loop.add_reader(self.neighbours.open(state), self.neighbours.hear)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be there no more."""
        if self.neighbours.descriptor >= 0:
            loop.remove_reader(self.neighbours.descriptor)
        self.neighbours.close()

    def hear(self, datagram: bytes) -> None:
        """Take what a neighbour tells; one of another version may say what nobody understands."""
        try:
            by, begun, ended = _decode(datagram)
        except msgspec.DecodeError:
            return
        self._sessions.elsewhere.hear(by, begun, ended, self._clock() + LASTS)

    def tick(self) -> None:
        """Do what is due."""
        now = self._clock()
        if now - self._looked >= _LOOKS:
            self._looked = now
            self._look()
        self._sessions.elsewhere.fade(now, _FADE)
        changes = self._sessions.changes(_AT_ONCE * _TOGETHER)
        if not self.neighbours.others:
            return
        if now - self._told >= _AGAIN:
            self._tell_all()
        self._tell(changes)
        self._go_on()
        if self.neighbours.lost and not self._again:  # or those at the end would never be told
            self.neighbours.lost = 0
            self._told = min(self._told, now - _AGAIN + _LOOKS)

    def _look(self) -> None:
        """Look who is there: who has gone has nothing open, and who has come hears of all."""
        before = self.neighbours.others
        for gone in self.neighbours.look():
            self._sessions.elsewhere.forget(gone)
        if not frozenset(self.neighbours.others) <= frozenset(before):
            self._tell_all()

    def _tell_all(self) -> None:
        self._told = self._clock()
        self._again = self._sessions.marks()

    def _tell(self, changes: dict[bytes, bool]) -> None:
        marks = list(changes)
        for at in range(0, len(marks), _TOGETHER):
            some = marks[at : at + _TOGETHER]
            begun = [one for one in some if changes[one]]
            self._send(begun, [one for one in some if not changes[one]])

    def _go_on(self) -> None:
        """Tell a part of what is told again, as far as it is still so."""
        for _ in range(_AT_ONCE):
            some, self._again = self._again[:_TOGETHER], self._again[_TOGETHER:]
            begun = [one for one in some if self._sessions.has(one)]
            if begun:
                self._send(begun, [])

    def _send(self, begun: list[bytes], ended: list[bytes]) -> None:
        self.neighbours.tell(_encode((self._number, begun, ended)))
