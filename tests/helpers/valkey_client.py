"""Clients of support/valkey in tests, and what they have been told."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.dial import tls_of
from tta_gateway.support.valkey.link import Way
from tta_gateway.support.valkey.topology import Address, Login, Topology, single


class Told:
    """What a client says."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.events: list[str] = []
        self.stale: list[str] = []
        self.deaths: list[str] = []

    def event(self, name: str, **fields: object) -> None:
        """Take an event."""
        self.events.append(f"{name} {fields.get('reason', '')}".strip())

    def died(self, name: str, error: BaseException) -> None:
        """Take the death of a task."""
        self.deaths.append(f"{name}: {error!r}")


def way(told: Told, login: Login | None = None, *, role: str = "master") -> Way:
    """How a client connects."""
    login = login or Login()
    return Way(
        login,
        tls=tls_of(login),
        name="test",
        chance=random.random,
        died=told.died,
        role=role,
    )


@asynccontextmanager
async def client(
    where: Address | Topology,
    login: Login | None = None,
    *,
    timeout: float = 2.0,  # noqa: ASYNC109 - of commands
    patience: float = 5.0,
) -> AsyncIterator[tuple[Valkey, Told]]:
    """A client that is connected, and what it says."""
    told = Told()
    topology = single(where) if isinstance(where, Address) else where
    made = Valkey(
        topology,
        way=way(told, login),
        name="state",
        tell=told.event,
        stale=told.stale.append,
        timeout=timeout,
    )
    try:
        await made.ready(patience)
        yield made, told
    finally:
        made.close()
    assert told.deaths == []


def texts(values: Sequence[object]) -> list[str]:
    """Answers as text."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
