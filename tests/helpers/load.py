"""Load that keeps count: what was sent, what was answered, and what was lost.

Every request is a POST of its own, so that a service can say what it did and how often; hundreds of
connections of several kinds are `tests/helpers/crowd.py`.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.helpers.clients import PATIENCE, Client, Cut, post_of

_ON_ONE: Final = 50  # requests, before a client connects anew


@dataclass(slots=True)
class Tally:
    """What became of every request; each has a body of its own."""

    sent: list[bytes] = field(default_factory=list)
    answered: dict[bytes, int] = field(default_factory=dict)
    """The status, of those whose answer came whole."""
    lost: list[bytes] = field(default_factory=list)
    """Those whose connection ended first."""
    refused: int = 0
    """Connections that never came about."""
    faults: list[str] = field(default_factory=list)
    """What should not be: an answer to somebody else's request."""

    @property
    def statuses(self) -> set[int]:
        """Every status that was answered."""
        return set(self.answered.values())

    def check(self) -> None:
        """Every request has been answered or is known to be lost, and nobody got another's."""
        assert self.faults == []
        assert len(self.sent) == len(self.answered) + len(self.lost)
        assert set(self.sent) == set(self.answered) | set(self.lost)


class Load:
    """Clients that post on and on to a target that echoes."""

    def __init__(self, port: int, target: bytes, *, clients: int) -> None:
        self.tally = Tally()
        self._port = port
        self._target = target
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(clients)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for the last answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def grow(self, by: int) -> None:
        """Wait until so many more have been answered."""
        goal, deadline = len(self.tally.answered) + by, time.monotonic() + PATIENCE
        while len(self.tally.answered) < goal:
            assert time.monotonic() < deadline, "the load stands still"
            time.sleep(0.01)

    def _ask_on(self) -> None:
        while not self._stop.is_set():
            try:
                client = Client(self._port)
            except OSError:
                with self._lock:
                    self.tally.refused += 1
                self._stop.wait(0.01)
                continue
            with client, contextlib.suppress(OSError, Cut):
                self._ask_some(client)

    def _ask_some(self, client: Client) -> None:
        tally = self.tally
        for _ in range(_ON_ONE):
            if self._stop.is_set():
                return
            body = b"request %d" % next(self._numbers)
            with self._lock:
                tally.sent.append(body)
            try:
                client.send(post_of(self._target, body))
                answer = client.answer()
            except (OSError, Cut):
                with self._lock:
                    tally.lost.append(body)
                raise
            with self._lock:
                tally.answered[body] = answer.status
                if answer.status == 200 and answer.body != body:
                    tally.faults.append(f"{body!r} got {answer.body!r}")
            if answer.value(b"connection") == b"close":
                return


@contextlib.contextmanager
def under_load(port: int, target: bytes, *, clients: int = 8) -> Iterator[Load]:
    """Let clients post on while the block runs; the tally is whole behind it."""
    load = Load(port, target, clients=clients)
    load.start()
    try:
        yield load
    finally:
        load.stop()
