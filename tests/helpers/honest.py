"""Honest people who ask again and again, before an attack and beside it, and what they wait for.

Each has an address and a token of their own, asks ten times over a connection, and then opens
another.
"""

import contextlib
import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from tests.helpers.clients import PATIENCE

NETWORK: Final = "127.88"
_EACH: Final = 10
_PAUSE: Final = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What they have seen in a time: how long an answer took, and what came."""

    took: list[float]
    outcomes: Counter[int]
    """Statuses; 0 where nothing came."""

    def quantile(self, share: float) -> float:
        """The time within which so many of them were answered."""
        return sorted(self.took)[int(len(self.took) * share)]


class Honest:
    """So many of them, for as long as the block lasts."""

    def __init__(
        self, port: int, *, people: int, token: Callable[[str], str], path: str = "/guarded/a"
    ) -> None:
        self._port = port
        self._path = path
        self._told: list[tuple[float, float, int]] = []  # begun, took, status
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(one, token(f"p{one}")), daemon=True)
            for one in range(people)
        ]

    def __enter__(self) -> Self:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join(PATIENCE)

    def since(self, begun: float) -> Seen:
        """What they have seen since then."""
        told = [one for one in list(self._told) if one[0] >= begun]
        return Seen([took for _, took, _ in told], Counter(status for _, _, status in told))

    def watched(self, seconds: float) -> Seen:
        """What they see in so many seconds from now."""
        begun = time.monotonic()
        time.sleep(seconds)
        return self.since(begun)

    def _ask(self, one: int, token: str) -> None:
        fields = {"authorization": f"Bearer {token}"}
        while not self._over.is_set():
            connection = http.client.HTTPConnection(
                "127.0.0.1",
                self._port,
                timeout=PATIENCE,
                source_address=(f"{NETWORK}.{one}.1", 0),
            )
            with contextlib.closing(connection):
                for _ in range(_EACH):
                    if not self._once(connection, fields):
                        break
                    self._over.wait(_PAUSE)

    def _once(self, connection: http.client.HTTPConnection, fields: dict[str, str]) -> bool:
        begun, status = time.monotonic(), 0
        try:
            connection.request("GET", self._path, headers=fields)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            self._told.append((begun, time.monotonic() - begun, status))
        return True
