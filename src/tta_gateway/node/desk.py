"""A desk: short conversations in the supervisor's loop, a question and its answer each.

Whoever says nothing, or too much, or does not take the answer, is cut off; more than a few at a
time wait in the kernel's queue.
"""

import selectors
import socket
from collections.abc import Callable
from typing import Final

_MOST: Final = 16  # connections at a time
_LONGEST: Final = 4096  # bytes of a question
PATIENCE: Final = 2.0  # seconds for a question, and for its answer


class Desk:
    """Answers at a socket that listens."""

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        *,
        clock: Callable[[], float],
        end: bytes,
        answer: Callable[[bytes], bytes],
    ) -> None:
        """Answer there; a question is over with its `end`."""
        self.socket = sock
        sock.setblocking(False)
        self._selector = selector
        self._clock = clock
        self._end_of_question = end
        self._answer = answer
        self._asking: dict[socket.socket, tuple[float, bytes]] = {}
        self._accepting = False
        self._accept_if(room=True)

    def _accept_if(self, *, room: bool) -> None:
        """Let the loop look for new connections, or let them wait in the kernel's queue."""
        if self.socket.fileno() < 0:
            return  # it has been closed: the gateway drains
        if room and not self._accepting:
            self._selector.register(self.socket, selectors.EVENT_READ, self._accept)
        elif self._accepting and not room:
            self._selector.unregister(self.socket)
        self._accepting = room

    def _accept(self) -> None:
        try:
            client, _ = self.socket.accept()
        except OSError:
            self._accept_if(room=False)  # it has gone, or no descriptor is left: look at a tick
            return
        client.setblocking(False)
        self._accept_if(room=len(self._asking) + 1 < _MOST)
        self._asking[client] = (self._clock() + PATIENCE, b"")
        self._selector.register(client, selectors.EVENT_READ, lambda: self._read(client))

    def _read(self, client: socket.socket) -> None:
        if client not in self._asking:
            return  # all was closed in the same turn
        until, said = self._asking[client]
        try:
            data = client.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        said += data
        if self._end_of_question in said:
            self._asking[client] = (self._clock() + PATIENCE, said)
            self._send(client, self._answer(said))
        elif data and len(said) < _LONGEST:
            self._asking[client] = (until, said)
        else:
            self._end(client)

    def _send(self, client: socket.socket, data: bytes) -> None:
        """Send what the client takes now, and the rest when it takes more."""
        if client not in self._asking:
            return  # all was closed in the same turn
        try:
            rest = data[client.send(data) :]
        except BlockingIOError:
            rest = data
        except OSError:
            rest = b""  # nobody listens any more
        if not rest:
            self._end(client)
            return
        self._selector.modify(client, selectors.EVENT_WRITE, lambda: self._send(client, rest))

    def _end(self, client: socket.socket) -> None:
        del self._asking[client]
        self._selector.unregister(client)
        client.close()

    def tick(self) -> None:
        """Cut off who has not asked, or not taken the answer, in time; let others come."""
        now = self._clock()
        for client in [one for one, (until, _) in self._asking.items() if until <= now]:
            self._end(client)
        self._accept_if(room=len(self._asking) < _MOST)

    def close(self) -> None:
        """Answer no more; the socket is its owner's to close."""
        for client in list(self._asking):
            self._end(client)
        self._accept_if(room=False)
