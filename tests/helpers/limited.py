"""A gateway that answers itself, within limits, and those who ask it."""

import contextlib
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.helpers.admin import Admin
from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.slow import wait_until, workers_of

PATIENCE: Final = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody was told, and how long it took."""

    status: int
    fields: Mapping[str, str]
    body: bytes
    took: float

    @property
    def json(self) -> dict[str, Any]:
        """The object of the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Limited:
    """A running gateway."""

    def __init__(self, gateway: Gateway, admin: Admin) -> None:
        self.gateway = gateway
        self.admin = admin
        self._connections: list[http.client.HTTPConnection] = []

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own: some worker has it."""
        made = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=PATIENCE)
        self._connections.append(made)
        return made

    def hang_up(self) -> None:
        """Close every connection that is open yet."""
        for one in self._connections:
            one.close()

    def ask(
        self, path: str = "/a", on: http.client.HTTPConnection | None = None, method: str = "GET"
    ) -> Answer:
        """Ask once."""
        connection = on or self.connect()
        begun = time.monotonic()
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        took = time.monotonic() - begun
        if on is None:
            connection.close()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, fields, body, took)

    @property
    def workers(self) -> list[int]:
        """The processes that serve."""
        return workers_of(self.gateway.process.pid)

    def rest(self) -> None:
        """Wait until all workers can ask the store for state, and know each other."""
        wanted = 2 * len(self.workers)
        text = self.gateway.log.read_text
        assert wait_until(lambda: text().count('"event":"valkey_reached"') >= wanted)
        time.sleep(1.5)  # they look for each other once a second

    def told(self, path: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
        """Ask the administration; return the status, and what it tells."""
        port = self.admin._port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        said = None if body is None else json.dumps(body)
        fields = {
            "authorization": f"Bearer {self.admin.token()}",
            "content-type": "application/json",
        }
        connection.request(method, f"/admin/v1/ratelimits{path}", said, fields)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None


@contextlib.contextmanager
def limited(folder: Path, *limits: object, workers: int = 2, **config: object) -> Iterator[Limited]:
    """A gateway whose route `/a` has these limits."""
    folder.mkdir(parents=True, exist_ok=True)
    admin = free_port()
    gateway = start_gateway(
        {
            "listen": "127.0.0.1:0",
            "workers": workers,
            "admin": f"127.0.0.1:{admin}",
            "state_dir": str(folder / "state"),
            "access_log": {"enabled": False},
            "routes": [
                {
                    "path": "/a",
                    "respond": {"status": 200, "body": "{}"},
                    "auth": "none",
                    "rate_limit": [*limits],
                },
                {"path": "/free", "respond": {"status": 200, "body": "{}"}, "auth": "none"},
            ],
            **config,
        },
        folder,
    )
    node = Limited(gateway, Admin(admin, folder / "state"))
    try:
        yield node
    finally:
        node.hang_up()
        gateway.stop()


class Crowd:
    """Threads that ask again and again, each over connections of its own."""

    def __init__(
        self, nodes: list[Limited], *, threads: int, pause: float = 0.0, path: str = "/a"
    ) -> None:
        self.answers: list[tuple[float, Answer]] = []
        self.failures: list[Exception] = []
        self._nodes = nodes
        self._pause = pause
        self._path = path
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> "Crowd":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join(PATIENCE)

    def _ask(self, number: int) -> None:
        node = self._nodes[number % len(self._nodes)]
        connection = node.connect()
        turn = 0
        while not self._over.is_set():
            turn += 1
            if turn % 20 == 0:  # another worker may have the next
                connection.close()
                connection = node.connect()
            try:
                answer = node.ask(self._path, on=connection)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(error)
                connection = node.connect()
                continue
            self.answers.append((time.monotonic(), answer))
            time.sleep(self._pause * random.uniform(0.5, 1.5))

    @property
    def longest(self) -> float:
        """How long the slowest answer took."""
        return max(one.took for _, one in self.answers)

    def admitted(self, begun: float = 0.0, ended: float = float("inf")) -> int:
        """How many were let through in a time."""
        return sum(begun <= at < ended and one.status == 200 for at, one in self.answers)
