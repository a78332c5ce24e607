"""Find out which service is calling, where the route wants to know."""

from collections.abc import Callable, Mapping
from math import inf
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.callers.algorithm import Fault, Papers, judge, read
from tta_gateway.features.callers.bound import CallersBound, RouteCallers
from tta_gateway.features.callers.metrics import REFUSED
from tta_gateway.features.callers.problems import (
    EARLY,
    EXPIRED,
    FORBIDDEN,
    MISSING,
    REVOKED,
    UNFIT,
    UNKNOWN,
    WITHDRAWN,
)
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Field, Response, answer_of, is_of_events
from tta_gateway.kernel.peer import Shown
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Registry

_PROBLEMS: Final[Mapping[Fault, Problem]] = {
    Fault.MISSING: MISSING,
    Fault.UNFIT: UNFIT,
    Fault.EARLY: EARLY,
    Fault.EXPIRED: EXPIRED,
    Fault.WITHDRAWN: WITHDRAWN,
    Fault.REVOKED: REVOKED,
    Fault.UNKNOWN: UNKNOWN,
}
_FORBIDDEN: Final = "forbidden"
_SWITCHED: Final = 101
_AGAIN: Final = 3000  # IANA's registry of close codes: come back with something better
_ENDED: Final = 200  # in a tick
PARTING: Final = 30.0
"""Seconds before its certificate expires from which on a connection ends behind each answer: who
has a newer one shows it on the next, and no request is refused."""
TOLD: Final = b"x-forwarded-client-cert"
"""The field that says to services who is calling, as Envoy writes it; nobody else can send it."""


class Proof:
    """What a connection's certificates have proved, as long as they do."""

    __slots__ = ("authorities", "by", "expires", "papers", "principal", "told")

    def __init__(
        self,
        by: "Callers",
        authorities: frozenset[bytes],
        papers: Papers,
        principal: Principal,
    ) -> None:
        """Keep it, with what it was proved by."""
        self.by = by
        self.papers = papers
        self.authorities = authorities
        self.principal = principal
        self.expires = principal.expires
        self.told: Field = (TOLD, b"URI=" + principal.subject.encode())


class Standing:
    """What stays open on the word of a certificate, whatever configuration it began with."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._held: dict[Exchange, float] = {}
        self._ends: list[Exchange] = []
        self._next = inf

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._held)

    def hold(self, exchange: Exchange, expires: float) -> None:
        """Have it end then, in seconds of the epoch."""
        self._held[exchange] = expires
        self._next = min(self._next, expires)

    def forget(self, exchange: Exchange) -> None:
        """Take note that it is over."""
        self._held.pop(exchange, None)

    def doubt(self, callers: "Callers") -> None:
        """End those, with the next ticks, that would be proved no more."""
        self._ends += [
            one for one in self._held if not isinstance(callers.proved(one.peer.shown), Proof)
        ]

    def tick(self, now: float) -> None:
        """End what has expired; a few at a time, where there are many."""
        if now >= self._next:
            self._ends += [one for one, expires in self._held.items() if expires <= now]
            later = [expires for expires in self._held.values() if expires > now]
            self._next = min(later, default=inf)
        ends, self._ends = self._ends[:_ENDED], self._ends[_ENDED:]
        for exchange in ends:
            if self._held.pop(exchange, None) is not None:
                exchange.error = GatewayError(EXPIRED)
                exchange.origin.dismiss(_AGAIN, b"the certificate counts no more: connect again")


class Callers:
    """Proves certificates once for each connection."""

    name: ClassVar = "callers"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset(("caller",))

    def __init__(
        self,
        bound: CallersBound,
        *,
        wall: Callable[[], float],
        registry: Registry,
        standing: Standing,
    ) -> None:
        """Know these services, at the time of the epoch that `wall` tells."""
        self.wall = wall
        self.standing = standing
        self._known = {one: frozenset(roles) for one, roles in bound.services.items()}
        self._withdrawn = frozenset(bound.withdrawn)
        reasons = [*(one.value for one in Fault), _FORBIDDEN]
        self._refused = {one: registry.child(REFUSED, one) for one in reasons}

    def for_route(self, route: Route | None) -> "BoundCallers | None":
        """Act where the route asks which service calls."""
        raw = route.features.get("callers") if route is not None else None
        if raw is None:
            return None
        return BoundCallers(self, msgspec.msgpack.decode(raw, type=RouteCallers))

    def proved(self, shown: Shown | None) -> Proof | Fault:
        """Return what a connection has proved, or why it has proved nothing."""
        if shown is None:
            return Fault.MISSING
        proof, authorities, now = shown.proof, shown.trust.authorities, self.wall()
        if (
            isinstance(proof, Proof)
            and proof.by is self
            and proof.authorities is authorities
            and proof.expires > now
        ):
            return proof
        # Read once; what is read is judged again where the configuration or the time is another.
        papers = proof.papers if isinstance(proof, Proof) else read(shown.chain)
        if isinstance(papers, Fault):
            return papers
        found = judge(
            papers,
            authorities=authorities,
            known=self._known,
            withdrawn=self._withdrawn,
            now=now,
        )
        if isinstance(found, Fault):
            return found
        made = Proof(self, authorities, papers, found)
        shown.proof = made
        return made

    def refuse(self, fault: Fault | None) -> Response:
        """Return the answer to who has proved nothing; to who may not, where there is no fault."""
        self._refused[_FORBIDDEN if fault is None else fault.value].add()
        return answer_of(FORBIDDEN if fault is None else _PROBLEMS[fault])


class BoundCallers:
    """Which services may call one route."""

    words_nothing: ClassVar = True

    def __init__(self, callers: Callers, bound: RouteCallers) -> None:
        """Keep them."""
        self._callers = callers
        self._allowed = frozenset(bound.ids)
        self._optional = bound.optional

    def explain(self) -> str:
        """Say what it does."""
        if self._optional:
            return "says to the service which service calls, where that is proved"
        return f"lets in services by their certificates: {', '.join(sorted(self._allowed))}"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Find out which service it is; refuse others than those that may call.

        A token that is shown beside may still say for whom it calls: identity stands behind.
        """
        proof = self._callers.proved(exchange.peer.shown)
        if isinstance(proof, Fault):
            # Who has a token instead is let through; but not on a connection that has gone bad.
            if self._optional and proof in (Fault.MISSING, Fault.UNFIT, Fault.UNKNOWN):
                return None
            return self._callers.refuse(proof)
        if not self._optional and proof.principal.subject not in self._allowed:
            return self._callers.refuse(None)
        shown = exchange.peer.shown
        if shown is not None and proof.expires - PARTING <= self._callers.wall():
            shown.parting = True
        exchange.principal = proof.principal
        exchange.extra.append(proof.told)
        return None

    def on_response(self, exchange: Exchange) -> None:
        """Hold what stays open."""
        response, shown = exchange.response, exchange.peer.shown
        assert response is not None  # the response phase has one
        goes_on = response.status == _SWITCHED or (response.body is None and is_of_events(response))
        if goes_on and shown is not None:
            proof = shown.proof
            if isinstance(proof, Proof):
                self._callers.standing.hold(exchange, proof.expires)

    def on_finish(self, exchange: Exchange) -> None:
        """Hold it no longer."""
        self._callers.standing.forget(exchange)
