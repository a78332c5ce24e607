"""Slow clients by slowhttptest against a gateway with the shield on, and honest people beside them.

slowhttptest comes from 127.0.0.1, and people from networks of their own.  The gateway is less
patient than by default, so that an attack is over in seconds.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.helpers.attack import attack
from tests.helpers.honest import NETWORK, Honest, Seen
from tests.helpers.http_service import Service
from tests.helpers.scripted_upstream import Call
from tests.helpers.shielded import Node, node_of
from tests.helpers.slow import resident, wait_until

ATTACKER: Final = "127.0.0.1"
PEOPLE: Final = 6
MIB: Final = 1 << 20
_LARGE: Final = 16 * MIB  # more than the system holds for a client


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An attack: its letter, how many connections for how long, and where they go."""

    letter: str
    connections: int
    seconds: int
    options: Sequence[str]
    target: bytes = b"/slow/a"


KINDS: Final = {
    "slow heads": Kind(
        letter="H", connections=1000, seconds=6, options=("-i", "1", "-r", "200"), target=b"/"
    ),
    "slow bodies": Kind(
        letter="B",
        connections=1000,
        seconds=6,
        options=("-i", "3", "-r", "200", "-s", "8192", "-x", "10"),
    ),
    "slow readers": Kind(
        letter="X",
        connections=60,
        seconds=6,
        options=("-r", "15", "-n", "1", "-z", "32", "-w", "512", "-y", "1024"),
        target=b"",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of an attack, and of the people."""

    before: Seen
    meanwhile: Seen
    grown: int
    """bytes that the worker held at most beyond what it held before"""
    blocked: list[str]
    slow: float
    """how many slow clients the shield has counted"""
    cut: float
    """connections that were cut as they came"""

    @property
    def outcomes(self) -> Counter[int]:
        """What people were answered, before and meanwhile."""
        return self.before.outcomes + self.meanwhile.outcomes

    def blames(self) -> list[str]:
        """Who of the people is kept out."""
        return [one for one in self.blocked if one.startswith(NETWORK)]


@contextlib.contextmanager
def patient(folder: Path, service: Service) -> Iterator[Node]:
    """A gateway of one worker, patient for two seconds; people ask a service of their own."""
    with node_of(
        folder,
        {"path": "/slow/{rest:path}", "timeouts": {"body_idle": "2s"}},
        {"path": "/guarded/{rest:path}", "auth": "required", "service": "quick"},
        beside={"quick": {"endpoints": [service.url]}},
        config={
            "connections": {"per_address": 5000},
            "client_timeouts": {"header": "2s", "write_stalled": "2s"},
        },
        first_block="60s",
    ) as node:
        yield node


def attacked(node: Node, kind: Kind, *, calm: float) -> Told:
    """Attack, once people have been watched for so many seconds; return what became of it."""
    worker, target = node.stage.worker, kind.target or node.stage.on(_large)
    node.stage.rest()
    with Honest(node.stage.port, people=PEOPLE, token=node.token) as honest:
        time.sleep(1.0)  # whatever happens once has happened
        before, held = honest.watched(calm), resident(worker)
        with (
            _peak(worker) as sizes,
            attack(
                kind.letter,
                node.stage.port,
                *kind.options,
                target=target,
                connections=kind.connections,
                seconds=kind.seconds,
            ) as process,
        ):
            begun = time.monotonic()
            assert wait_until(lambda: process.poll() is not None, kind.seconds + 5.0)
            meanwhile = honest.since(begun)
    counted = node.admin.samples()
    return Told(
        before=before,
        meanwhile=meanwhile,
        grown=max(sizes) - held,
        blocked=node.blocked(),
        slow=counted.get(("tta_gateway_shield_sightings_total", ("slow",)), 0.0),
        cut=counted.get(("tta_gateway_shield_connections_cut_total", ()), 0.0),
    )


def _large(call: Call) -> None:
    call.answer(bytes(_LARGE))


@contextlib.contextmanager
def _peak(pid: int) -> Iterator[list[int]]:
    """What a process holds, looked at again and again."""
    sizes, over = [resident(pid)], threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            sizes.append(resident(pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield sizes
    finally:
        over.set()
        thread.join()
