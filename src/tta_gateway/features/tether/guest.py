"""Guests: who comes to a tether, with which request, and the token that was shown behind it."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from tta_gateway.features.tether.bound import RECEIVED, RESUME, SOCKET, TetherBound
from tta_gateway.features.tether.relay import Ask
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route

OURS: Final = frozenset((RESUME.encode(), RECEIVED.encode()))
"""Parameters of the query that are the gateway's, and that no service sees."""
_NUMBER: Final = 15  # digits


class Guest:
    """Who comes: the request that opened the socket, and the token that was shown behind it.

    `session` and `number` say which tether a leg is of, and which of its legs.
    """

    __slots__ = ("exchange", "number", "principal", "session", "token")

    def __init__(self, exchange: Exchange, principal: Principal | None, token: bytes = b"") -> None:
        """Know them."""
        self.exchange = exchange
        self.principal = principal
        self.token = token
        self.session = ""
        self.number = 0

    def ask(self, bound: TetherBound) -> Ask:
        """Return what they want to come back to."""
        request = self.exchange.request
        asked = _asked(self.exchange)
        said = asked.get(RECEIVED, "")
        is_number = said.isascii() and said.isdigit() and len(said) <= _NUMBER
        return Ask(
            token=asked.get(RESUME, ""),
            key=_key(self, bound, asked),
            principal=self.principal,
            route=route_of(self),
            received=int(said) if is_number else -1,
            target=request.target,
            fields=request.fields,
            shown=self.token,
            proved=self.exchange.token,
        )

    def channel(self, bound: TetherBound) -> str:
        """Return the channel that their socket is bound to; empty: none."""
        if not bound.channel:
            return ""
        params = self.exchange.params
        named = params.get(bound.parameter) or _asked(self.exchange).get(bound.parameter, "")
        return bound.channel + named if named else ""

    def come_to_another(self, ask: Ask) -> "Guest":
        """Return them as they have come to another worker, with what they have shown there."""
        before = self.exchange
        head = before.request.again(before.request.stream_id, ask.target)
        head.path = before.request.path
        head.fields = ask.fields
        head.index = head.rendered = None
        exchange = Exchange(
            head,
            origin=before.origin,
            peer=before.peer,
            plan=before.plan,
            started=before.started,
        )
        exchange.client, exchange.params = before.client, before.params
        exchange.upstream_path = before.upstream_path
        exchange.token = ask.proved
        return instead(self, Guest(exchange, ask.principal, ask.shown))


def bound_of_route(route: Route | None) -> TetherBound:
    """Return what is written of the tethers of a route."""
    raw = None if route is None else route.features.get(SOCKET)
    return TetherBound() if raw is None else msgspec.msgpack.decode(raw, type=TetherBound)


def _asked(exchange: Exchange) -> dict[str, str]:
    """Return what the query says; of what it says twice, the last."""
    query = exchange.request.query
    return {} if query is None else dict(parse_qsl(query.decode("latin-1")))


def _key(guest: Guest, bound: TetherBound, asked: dict[str, str]) -> tuple[str, str, str] | None:
    """Return by what a person's session is found on a route; None where it is not."""
    named = asked.get(bound.session, "") if bound.session else ""
    if guest.principal is None or not named:
        return None
    return guest.principal.key, route_of(guest), named


def route_of(guest: Guest) -> str:
    """Return the name of the route, with what stands in the path: another path, another session."""
    route = guest.exchange.plan.route
    return f"{'' if route is None else route.name} {guest.exchange.request.path.decode('latin-1')}"


def instead(before: Guest, guest: Guest) -> Guest:
    """Return who stands for a tether from now on, as the same session to the service."""
    guest.session, guest.number = before.session, before.number
    return guest
