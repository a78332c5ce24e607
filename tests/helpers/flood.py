"""A flood from a thousand addresses of the loopback network, with honest people beside it.

People ask with a token, each from an address of their own and over new connections, and count.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.helpers import flooder
from tests.helpers.flooder import flooding, told_by

_PATIENCE: Final = 5.0  # seconds
_PAUSE: Final = 0.2  # seconds


@dataclass(slots=True)
class Told:
    """What became of the people, and of the flood."""

    flood: flooder.Told = field(default_factory=flooder.Told)
    asked: int = 0
    answered: int = 0
    lines: Counter[bytes] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """The time within which so many of them had heard something."""
        return sorted(self.took)[int(len(self.took) * share)]


def flood(
    port: int,
    kind: str = "connections",
    *,
    people: int,
    seconds: float,
    rate: float,
    token: Callable[[str], str],
) -> Told:
    """Attack for so many seconds at so many a second; return what became of all."""
    with flooding(port, kind, rate=rate, seconds=seconds) as process:
        told = beside(port, people=people, seconds=seconds, token=token)
        told.flood = told_by(process, 30.0)
    return told


def beside(port: int, *, people: int, seconds: float, token: Callable[[str], str]) -> Told:
    """Have people ask for so long, whatever else goes on; return what became of them."""
    told = Told()
    tokens = [token(f"p{one}") for one in range(people)]

    async def work() -> None:
        over = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for one in range(people):
                group.create_task(_person(port, one, over, tokens[one], told))

    asyncio.run(work())
    return told


async def _person(port: int, one: int, over: float, token: str, told: Told) -> None:
    source = f"127.88.{one}.1"
    head = f"GET /guarded/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    await asyncio.sleep(one * 0.01)
    while time.monotonic() < over:
        told.asked += 1
        begun = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(source, 0)
                )
                with contextlib.closing(writer):
                    writer.write(head)
                    line = await reader.readline()
                    told.answered += line.startswith(b"HTTP/1.1 200")
                    told.lines[line] += 1
        except (OSError, TimeoutError):
            continue
        finally:
            told.took.append(time.monotonic() - begun)
            await asyncio.sleep(_PAUSE)
