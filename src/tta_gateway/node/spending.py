"""Spending: that a ticket has been used is told to the store of the node's state, once for all.

`SET … NX` is one step for every worker of every node that shares the store (R4; a ticket is worth
nothing where the store cannot be asked).
"""

from collections.abc import Mapping
from typing import Final

from tta_gateway.features.identity.ticket import REMEMBERED, Away
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.error import ValkeyError
from tta_gateway.support.valkey.fitness import Purpose

_PREFIX: Final = b"tta:ticket:"
_PATIENCE: Final = 1.0  # seconds


class Spending:
    """Asks the store of these clients that keeps state."""

    def __init__(self, clients: Mapping[Purpose, Valkey]) -> None:
        """Ask whichever is there when it is needed."""
        self._clients = clients

    async def spend(self, id: bytes) -> bool:
        """Tell whether a ticket has not been used before; Away if nobody can tell."""
        client = self._clients.get("state")
        if client is None:
            raise Away
        words = (b"SET", _PREFIX + id, b"1", b"NX", b"EX", REMEMBERED)
        try:
            return await client.command(*words, timeout=_PATIENCE) is not None
        except ValkeyError:
            raise Away from None
