"""Commands: what a node does for whoever may open the socket in its state folder.

One line of JSON in, one out, then the end: `{"do": "status"}`.  The socket is the owner's alone, so
that whoever reaches it is the operator, the command line, or the control process of this node.
"""

import json
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tta_gateway.node.near import connected
from tta_gateway.node.probe import Health

SOCKET: Final = "supervisor.sock"
_MOST: Final = 16  # connections at a time
_LONGEST: Final = 4096  # bytes of a command
_PATIENCE: Final = 2.0  # seconds for a command, and for its answer
Do = Callable[[], Health]


class Commands:
    """Answers at its socket, from the supervisor's loop."""

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        *,
        clock: Callable[[], float],
        table: dict[str, Do],
    ) -> None:
        """Do what the table has a word for."""
        self._socket = sock
        self._socket.setblocking(False)
        self._selector = selector
        self._clock = clock
        self._table = table
        self._asking: dict[socket.socket, tuple[float, bytes]] = {}
        selector.register(sock, selectors.EVENT_READ, self._accept)

    @property
    def fd(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            return
        if len(self._asking) >= _MOST:
            client.close()
            return
        client.setblocking(False)
        self._asking[client] = (self._clock() + _PATIENCE, b"")
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
        if data and b"\n" not in said and len(said) < _LONGEST:
            self._asking[client] = (until, said)
            return
        if b"\n" in said:
            self._asking[client] = (self._clock() + _PATIENCE, said)
            self._send(client, json.dumps(self._answer(said)).encode() + b"\n")
        else:
            self._end(client)

    def _answer(self, said: bytes) -> Health:
        try:
            word = json.loads(said)["do"]
        except (ValueError, KeyError, TypeError):
            return {"error": 'say one line: {"do": "status"}'}
        do = self._table.get(word) if isinstance(word, str) else None
        if do is None:
            return {"error": f"there is no command `{word}`: {', '.join(sorted(self._table))}"}
        return do()

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
        """Cut off who has not asked, or not taken the answer, in time."""
        now = self._clock()
        for client in [one for one, (until, _) in self._asking.items() if until <= now]:
            self._end(client)

    def close(self) -> None:
        """Answer no more."""
        for client in list(self._asking):
            self._end(client)
        self._selector.unregister(self._socket)
        self._socket.close()


def ask(state_dir: Path, word: str, timeout: float = 5.0) -> Health:
    """Have a running node do something; OSError if none runs with this state folder."""
    with connected(state_dir / SOCKET, timeout) as sock:
        sock.sendall(json.dumps({"do": word}).encode() + b"\n")
        with sock.makefile("rb") as file:
            line = file.readline()
    if not line:
        raise OSError("the gateway said nothing: it is ending")
    if not line.endswith(b"\n"):
        raise OSError("the gateway's answer broke off: it is ending")
    told: Health = json.loads(line)
    return told
