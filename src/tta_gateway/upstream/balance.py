"""Which endpoint next: round robin, weighted, or the less busy of two drawn by lot.

`choose` gets the endpoints that may be asked and a source of chance, and returns one of them.
Weighted is nginx's smooth weighted round robin; least request is the power of two choices
(Mitzenmacher 2001), with load divided by weight.  With `peak_ewma` the weights follow how fast
each endpoint answers (upstream/pace.py); the choice is the same.  Requests that have a key go by it
(upstream/affinity.py).
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from tta_gateway.kernel.route import Balance


class Loaded(Protocol):
    """An endpoint as the choice sees it."""

    weight: float
    in_flight: int
    credit: float


E = TypeVar("E", bound=Loaded)
_DRAWS: Final = 64
Chance = Callable[[], float]


class RoundRobin:
    """Each in its turn."""

    def __init__(self) -> None:
        """Begin with the first."""
        self._turn = -1

    def choose(self, endpoints: Sequence[E], chance: Chance) -> E:  # noqa: ARG002 - one shape
        """Return the next endpoint."""
        self._turn += 1
        return endpoints[self._turn % len(endpoints)]


class Weighted:
    """Each in its turn, heavier ones more often and evenly spread."""

    def choose(self, endpoints: Sequence[E], chance: Chance) -> E:  # noqa: ARG002 - one shape
        """Return the endpoint with the most credit, which then pays what all have earned."""
        for endpoint in endpoints:
            endpoint.credit += endpoint.weight
        best = max(endpoints, key=_credit)
        best.credit -= sum(endpoint.weight for endpoint in endpoints)
        return best


class LeastRequest:
    """The less busy of two drawn by lot, heavier ones more often."""

    def __init__(self) -> None:
        """Begin with endpoints of the same weight."""
        self.heaviest = 0.0
        """The greatest weight there is; 0 says that all weigh the same."""

    def choose(self, endpoints: Sequence[E], chance: Chance) -> E:
        """Return one endpoint; of two, the one with fewer requests for its weight."""
        count = len(endpoints)
        if count == 1:
            return endpoints[0]
        if self.heaviest > 0.0:
            one, other = self._weighed(endpoints, chance), self._weighed(endpoints, chance)
        else:
            first = int(chance() * count)
            second = int(chance() * (count - 1))
            if second >= first:
                second += 1
            one, other = endpoints[first], endpoints[second]
        if one.in_flight * other.weight <= other.in_flight * one.weight:
            return one
        return other

    def _weighed(self, endpoints: Sequence[E], chance: Chance) -> E:
        """Draw until a lot falls to somebody's weight (rejection sampling)."""
        count = len(endpoints)
        drawn = endpoints[int(chance() * count)]
        for _ in range(_DRAWS):
            if chance() * self.heaviest < drawn.weight:
                break
            drawn = endpoints[int(chance() * count)]
        return drawn


Balancer = RoundRobin | Weighted | LeastRequest
_BALANCERS: Final[dict[Balance, type[Balancer]]] = {
    "peak_ewma": LeastRequest,
    "round_robin": RoundRobin,
    "weighted": Weighted,
    "least_request": LeastRequest,
    "consistent_hash": LeastRequest,  # for requests without a key
}


def balancer(kind: Balance) -> Balancer:
    """Return a fresh balancer of that kind."""
    return _BALANCERS[kind]()


def _credit(endpoint: Loaded) -> float:
    return endpoint.credit
