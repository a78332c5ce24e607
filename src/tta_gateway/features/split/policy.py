"""Choose the service of a request where its route has more than one."""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

import msgspec

from tta_gateway.features.split.algorithm import at, shares, within
from tta_gateway.features.split.bound import SplitBound
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route, leading_to
from tta_gateway.upstream.affinity import new_session, share_of
from tta_gateway.upstream.key import Reader

Chance = Callable[[], float]


class Services(Protocol):
    """What the split asks of the services (upstream/forward.py)."""

    def takes(self, exchange: Exchange, name: str) -> bool:
        """Tell whether a service of the exchange's route takes it, by breaker and endpoints."""

    def passed_over(self, exchange: Exchange, name: str) -> None:
        """Count an exchange that another service takes in the place of this one."""


class _Willing:
    """Services that take everything: an explanation asks nobody."""

    def takes(self, exchange: Exchange, name: str) -> bool:  # noqa: ARG002 - the port's
        """Tell that it does."""
        return True

    def passed_over(self, exchange: Exchange, name: str) -> None:
        """Count nothing."""


WILLING: Final = _Willing()


class Split:
    """Stands behind whatever may refuse, and before what depends on the service."""

    name: ClassVar = "split"
    needs: ClassVar[frozenset[str]] = frozenset({"principal"})
    gives: ClassVar[frozenset[str]] = frozenset({"service"})

    def __init__(self, chance: Chance, services: Services = WILLING) -> None:
        """Draw by this chance, between these services."""
        self._chance = chance
        self._services = services

    def for_route(self, route: Route | None) -> "BoundSplit | None":
        """Act where the route has more than one service."""
        raw = route.features.get("split") if route is not None else None
        if route is None or raw is None:
            return None
        bound = msgspec.msgpack.decode(raw, type=SplitBound)
        issues = bound.sticky is not None and bound.sticky.ttl is not None
        kind = IssuingSplit if issues else BoundSplit
        return kind(bound, route, self._chance, self._services)


class BoundSplit:
    """The services of one route."""

    def __init__(self, bound: SplitBound, route: Route, chance: Chance, services: Services) -> None:
        """Keep them."""
        self._parts = bound.parts
        self._ends = shares(bound.parts) if bound.parts else [(route.service, 1.0)]
        # Who has somebody of its own to answer in its place.
        self._replaced = frozenset(
            name for name, _ in bound.parts if leading_to(route, name).fallback is not None
        )
        self._services = services
        self._chance = chance
        self._reader = Reader(bound.sticky) if bound.sticky is not None else None
        canary = bound.canary
        self._canary = canary.service if canary is not None else ""
        self._header = canary.header.lower().encode() if canary is not None else b""
        self._value = canary.value.encode() if canary is not None and canary.value else b""

    def explain(self) -> str:
        """Say what it does."""
        total = sum(weight for _, weight in self._parts)
        said = [f"{service} {100 * weight / total:.3g} %" for service, weight in self._parts]
        if self._reader is not None:
            said.append(f"by {self._reader}")
        if self._canary:
            said.append(f"{self._condition()} leads to {self._canary}")
        return "; ".join(said)

    def why(self, exchange: Exchange) -> str:
        """Say why the request goes where it goes."""
        if self._canary and self._is_canary(exchange):
            return f"because of {self._condition()}"
        if not self._parts:
            return "without what leads elsewhere"
        if self._reader is None:
            return "as this draw had it"
        found = self._reader.read(exchange)
        return f"by {self._reader}" if found else f"as this draw had it, without {self._reader}"

    def on_request(self, exchange: Exchange) -> None:
        """Choose: a canary's header comes before the weights."""
        if self._canary and self._is_canary(exchange):
            exchange.service = self._canary
            return
        ends = self._ends
        if len(ends) == 1:
            exchange.service = ends[0][0]
            return
        number = self._number(exchange)
        name = exchange.service = at(ends, number)
        if name not in self._replaced and not self._services.takes(exchange, name):
            self._pass_over(exchange, name, number)

    def _pass_over(self, exchange: Exchange, name: str, number: float) -> None:
        """Choose among the others, by their weights and the same number; none may do better."""
        first, parts = name, self._parts
        while True:
            number = within(parts, number)
            parts = tuple(part for part in parts if part[0] != name)
            ends = shares(parts)
            if not ends:
                return
            name = at(ends, number)
            if self._services.takes(exchange, name):
                exchange.service = name
                self._services.passed_over(exchange, first)
                return

    def _number(self, exchange: Exchange) -> float:
        """Return where among the weights a request stands."""
        reader = self._reader
        key = reader.read(exchange) if reader is not None else b""
        if not key and reader is not None and reader.issues:
            key = exchange.side = new_session(self._chance(), self._chance())
        return share_of(key) if key else self._chance()

    def _is_canary(self, exchange: Exchange) -> bool:
        found = exchange.request.get(self._header)
        return found is not None and (not self._value or found == self._value)

    def _condition(self) -> str:
        value = f": {self._value.decode()}" if self._value else ""
        return f"`{self._header.decode()}{value}`"


class IssuingSplit(BoundSplit):
    """One that gives a cookie to clients which have none, so that they stay where they are."""

    def on_response(self, exchange: Exchange) -> None:
        """Give it with the service's answer."""
        response, reader = exchange.response, self._reader
        assert response is not None  # the response phase has one
        if exchange.side and reader is not None and not response.local:
            response.fields.append((b"set-cookie", reader.cookie(exchange, exchange.side)))
