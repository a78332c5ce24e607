"""Honest people who ask again and again, before an attack and beside it, and what they wait for.

Each has an address and a token of their own, asks ten times over a connection, and then opens
another.  They live in a process of their own, `python -m tests.helpers.honest PORT PATH TOKEN…`, so
that they wait for nobody but the gateway; it ends with its standard input.
"""

import contextlib
import http.client
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.helpers.clients import PATIENCE

NETWORK: Final = "127.88"
_EACH: Final = 10
_PAUSE: Final = 0.02  # seconds
_ROOT: Final = Path(__file__).parents[2]


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
        tokens = [token(f"p{one}") for one in range(people)]
        self._command = [sys.executable, "-m", "tests.helpers.honest", str(port), path, *tokens]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            self._told = Path(folder, "told")
            file = stack.enter_context(self._told.open("a"))
            self._process = subprocess.Popen(
                self._command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=file
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=PATIENCE)
        self._stack.close()

    def since(self, begun: float) -> Seen:
        """What they have seen since then, by the clock of the machine."""
        lines = self._told.read_text().splitlines(keepends=True)
        told = [line.split() for line in lines if line.endswith("\n")]
        seen = [(float(took), int(status)) for at, took, status in told if float(at) >= begun]
        return Seen([took for took, _ in seen], Counter(status for _, status in seen))

    def watched(self, seconds: float) -> Seen:
        """What they see in so many seconds from now."""
        begun = time.monotonic()
        time.sleep(seconds)
        return self.since(begun)


def ask(one: int, port: int, path: str, token: str) -> None:
    """Ask for ever, as one of them."""
    fields = {"authorization": f"Bearer {token}"}
    while True:
        source = (f"{NETWORK}.{one}.1", 0)
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE, source_address=source
        )
        with contextlib.closing(connection):
            for _ in range(_EACH):
                begun = time.monotonic()
                status = _once(connection, path, fields)
                sys.stdout.write(f"{begun:.6f} {time.monotonic() - begun:.6f} {status}\n")
                sys.stdout.flush()
                time.sleep(_PAUSE)
                if not status:
                    break


def _once(connection: http.client.HTTPConnection, path: str, fields: dict[str, str]) -> int:
    try:
        connection.request("GET", path, headers=fields)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    return answer.status


if __name__ == "__main__":
    port_, path_, *tokens_ = sys.argv[1:]
    for number, each in enumerate(tokens_):
        arguments = (number, int(port_), path_, each)
        threading.Thread(target=ask, args=arguments, daemon=True).start()
    sys.stdin.read()
