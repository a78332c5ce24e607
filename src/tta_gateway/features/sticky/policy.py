"""Read what sticks to an endpoint, and give a cookie where the gateway's own does."""

from collections.abc import Callable
from typing import ClassVar

import msgspec

from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route
from tta_gateway.upstream.affinity import new_session
from tta_gateway.upstream.key import Reader

Chance = Callable[[], float]


class Sticky:
    """Stands behind the choice of the service, whose keys it reads."""

    name: ClassVar = "sticky"
    needs: ClassVar[frozenset[str]] = frozenset({"principal", "service"})
    gives: ClassVar[frozenset[str]] = frozenset({"key"})

    def __init__(self, chance: Chance) -> None:
        """Draw new sessions by this chance."""
        self._chance = chance

    def for_route(self, route: Route | None) -> "BoundSticky | None":
        """Act where a service of the route has a key."""
        raw = route.features.get("sticky") if route is not None else None
        if route is None or raw is None:
            return None
        readers = {
            service: Reader(key)
            for service, key in msgspec.msgpack.decode(raw, type=StickyBound).keys.items()
        }
        kind = IssuingSticky if any(one.issues for one in readers.values()) else BoundSticky
        return kind(readers, route.service, self._chance)


class BoundSticky:
    """The keys of one route's services."""

    def __init__(self, readers: dict[str, Reader], service: str, chance: Chance) -> None:
        """Keep them; `service` is the route's own."""
        self._readers = readers
        self._service = service
        self._chance = chance

    def explain(self) -> str:
        """Say what it does."""
        said = [f"{service} by {reader}" for service, reader in self._readers.items()]
        return f"endpoints of {', '.join(said)}"

    def on_request(self, exchange: Exchange) -> None:
        """Read the key; a client that has none of ours yet gets one."""
        reader = self._readers.get(exchange.service or self._service)
        if reader is None:
            return
        key = reader.read(exchange)
        if not key and reader.issues:
            key = new_session(self._chance(), self._chance())
        exchange.key = key


class IssuingSticky(BoundSticky):
    """One that gives a cookie to clients whose session is new, or has another endpoint now."""

    def on_response(self, exchange: Exchange) -> None:
        """Give it with the service's answer."""
        response = exchange.response
        assert response is not None  # the response phase has one
        reader = self._readers.get(exchange.service or self._service)
        if reader is None or not reader.issues or response.local:
            return
        if exchange.key != reader.read(exchange):
            response.fields.append((b"set-cookie", reader.cookie(exchange, exchange.key)))
