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

from tta_gateway.node.desk import Desk
from tta_gateway.node.near import connected
from tta_gateway.node.probe import Health

SOCKET: Final = "supervisor.sock"
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
        self._table = table
        self._desk = Desk(sock, selector, clock=clock, end=b"\n", answer=self._answer)

    def _answer(self, said: bytes) -> bytes:
        return json.dumps(self._done(said)).encode() + b"\n"

    def _done(self, said: bytes) -> Health:
        try:
            word = json.loads(said)["do"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"error": 'say one line: {"do": "status"}'}
        do = self._table.get(word) if isinstance(word, str) else None
        if do is None:
            return {"error": f"there is no command `{word}`: {', '.join(sorted(self._table))}"}
        return do()

    def tick(self) -> None:
        """Cut off who is late."""
        self._desk.tick()

    def close(self) -> None:
        """Answer no more."""
        self._desk.close()
        self._desk.socket.close()


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
