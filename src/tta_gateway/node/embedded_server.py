"""An embedded server: how it is started, and what an operator is told of it.  Decides, never acts.

`state` keeps everything: an append-only file, and no room means no write.  `cache` keeps what fits:
what has not been used for longest goes first, and nothing reaches the disk.  Both answer on a unix
socket alone, which only this user may open.
"""

import os
from enum import Enum
from pathlib import Path
from typing import Final

from tta_gateway.node.engine import Engine
from tta_gateway.node.slot import Slot, State
from tta_gateway.snapshot.model import EmbeddedServer

FOLDER: Final = "valkey"  # in state_dir
HANGS: Final = 10.0  # seconds without a sign of life
ASK: Final = 1.0  # seconds between two signs that are asked for
ASK_AT_START: Final = 0.02
WAITS: Final = 0.05  # seconds between two tries at a folder that another server still holds
LONGEST_WAIT: Final = 60.0  # a predecessor drains for half of it
_LONGEST_LOG: Final = 1 << 20


def arguments(server: EmbeddedServer) -> list[str]:
    """Return the arguments for a server that is started in its folder."""
    options = {
        "--port": "0",
        "--unixsocket": socket_of(server),
        "--unixsocketperm": "600",
        "--daemonize": "no",
        "--logfile": "",
        "--save": "",
        "--maxmemory": str(server.max_memory),
        **(_STATE if server.name == "state" else _CACHE),
    }
    if server.name == "state":
        options["--appendfsync"] = "always" if server.durable else "everysec"
    return [part for pair in options.items() for part in pair]


_STATE: Final = {
    "--maxmemory-policy": "noeviction",
    "--appendonly": "yes",
    "--appenddirname": "state",
    "--aof-load-truncated": "yes",  # what a kill has torn off was never acknowledged
    "--auto-aof-rewrite-min-size": "16mb",
}
_CACHE: Final = {"--maxmemory-policy": "allkeys-lru", "--appendonly": "no"}


def socket_of(server: EmbeddedServer) -> str:
    """Return the name of a server's socket in the folder."""
    return f"{server.name}.sock"


def is_long(log: Path) -> bool:
    """Tell whether a log has grown enough to begin another."""
    try:
        return os.stat(log).st_size > _LONGEST_LOG  # noqa: PTH116 - it may not be there
    except OSError:
        return False


def is_durable(server: EmbeddedServer, engine: Engine) -> bool:
    """Tell whether a write can be known to be on the disk before it is acknowledged."""
    return server.durable or engine.waits_for_disk


class Answer(Enum):
    """What a server says when it is asked for a sign of life."""

    NONE = "none"
    LOADING = "loading"
    GOOD = "good"


def read(said: bytes) -> Answer:
    """Return what an answer to PING means."""
    if said.startswith(b"+PONG"):
        return Answer.GOOD
    return Answer.LOADING if said.startswith(b"-") else Answer.NONE


class Life:
    """What is known of one server; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        """Begin without a server, due at once."""
        self.slot = Slot(0)
        self.waiting_since = 0.0  # for the folder; 0: not
        self.told = False  # that it waits too long
        self.loading = False
        self._heard = 0.0
        self._asked = 0.0

    def start(self, now: float) -> None:
        """Take note that a server has been started."""
        self.slot.start(now)
        self.waiting_since = 0.0
        self.told = self.loading = False
        self._heard = self._asked = now

    def wait(self, now: float) -> bool:
        """Take note that another server holds the folder; tell when that begins."""
        begins = self.waiting_since == 0.0
        if begins:
            self.waiting_since = now
        self.slot.due = now + WAITS
        return begins

    def waits_too_long(self, now: float) -> bool:
        """Tell, once, that the folder should have been free long ago."""
        too_long = not self.told and self.waiting_since and now - self.waiting_since > LONGEST_WAIT
        self.told = self.told or bool(too_long)
        return bool(too_long)

    def next_question(self) -> float:
        """Return when to ask for a sign of life."""
        return self._asked + (ASK if self.slot.state is State.SERVING else ASK_AT_START)

    def ask(self, now: float) -> None:
        """Take note that it has been asked."""
        self._asked = now

    def hear(self, answer: Answer, now: float) -> bool:
        """Take a sign of life; tell when the server serves from now on."""
        if answer is Answer.NONE:
            return False
        self._heard = now
        self.loading = answer is Answer.LOADING
        begins = answer is Answer.GOOD and self.slot.state is State.STARTING
        if begins:
            self.slot.serve()
        return begins

    def hangs(self, now: float) -> bool:
        """Tell, once in a while, that a server that runs gives no sign of life."""
        runs = self.slot.state in (State.STARTING, State.SERVING)
        hangs = runs and now - self._heard > HANGS
        if hangs:
            self._heard = now
        return hangs

    @property
    def word(self) -> str:
        """Return how it is, for `/readyz`."""
        if self.slot.state is State.EMPTY:
            return "waiting" if self.waiting_since else "down"
        return "loading" if self.loading else self.slot.state.value
