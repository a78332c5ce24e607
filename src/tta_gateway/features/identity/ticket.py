"""Tickets: what opens one WebSocket, or one answer of events, once.

A page can set no field for either, and an address is written down in many places.  So it asks for
a ticket, which lives for seconds, is for one path, and is worth nothing behind its first use.  It
is a token of the gateway's own of another type, so that neither is taken for the other; that it is
used once is for a store that all workers and nodes ask.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from tta_gateway.features.identity.bound import Issuer
from tta_gateway.features.identity.problems import (
    TICKET_AWAY,
    TICKET_ELSEWHERE,
    TICKET_INVALID,
    TICKET_USED,
)
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

TYPE: Final = "tta-ticket+jwt"
"""What the header's `typ` says."""
PARAMETER: Final = b"ticket"
LIFE: Final = 30.0
"""seconds"""
REMEMBERED: Final = 120
"""Seconds for which it is known that one has been used: longer than any counts, clocks and all."""
_LONGEST: Final = 60.0
Spend = Callable[[bytes], Awaitable[bool]]


class Away(Exception):
    """Nobody can tell whether a ticket has been used."""


async def nobody(_: bytes) -> bool:
    """Know of no store."""
    raise Away


def issuer_of(own: Issuer) -> Issuer:
    """Return the gateway as whoever looks at tickets believes it."""
    return msgspec.structs.replace(own, types=(TYPE,), longest=_LONGEST)


class Tickets:
    """Proves tickets, and has each be used once."""

    def __init__(self, verifier: Verifier | None = None, spend: Spend = nobody) -> None:
        """Believe those; `spend` tells whether one has not been used before, or raises Away."""
        self._verifier = Verifier([]) if verifier is None else verifier
        self._spend = spend

    def proved(self, ticket: bytes, path: bytes, now: float) -> Principal | Problem:
        """Return whose ticket for this path it is, or what is wrong with it.

        What it opens lasts as long as the token did that the ticket was made for.
        """
        found = self._verifier.prove(ticket, now)
        if not isinstance(found, Principal) or found.expires <= now:
            return TICKET_INVALID
        said, until = found.claims.get("path"), found.claims.get("until")
        if not isinstance(until, int | float) or not isinstance(found.claims.get("jti"), str):
            return TICKET_INVALID
        if not isinstance(said, str) or said.encode() != path:
            return TICKET_ELSEWHERE
        since = found.claims.get("since")
        if not isinstance(since, int | float):
            return TICKET_INVALID
        claims = {**found.claims, "iat": since}  # it ends with the token that it was made for
        return msgspec.structs.replace(found, expires=float(until), claims=claims)

    async def spent(self, principal: Principal) -> Problem | None:
        """Use it up; return why that cannot be."""
        try:
            is_first = await self._spend(str(principal.claims["jti"]).encode())
        except Away:
            return TICKET_AWAY
        return None if is_first else TICKET_USED
