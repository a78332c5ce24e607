"""A service at work: which of its endpoints to ask, and how much is under way."""

from typing import Generic, TypeVar

from tta_gateway.kernel.route import Service
from tta_gateway.upstream.balance import Chance, balancer
from tta_gateway.upstream.pool import Pool

C = TypeVar("C")  # a connection
W = TypeVar("W")  # who waits for one


class Upstream(Generic[C, W]):
    """A service's endpoints with their pools, and how many requests and retries are under way."""

    def __init__(self, service: Service) -> None:
        """Begin with every endpoint unused."""
        self.service = service
        self.pools: list[Pool[C, W]] = [
            Pool(endpoint, service.limits) for endpoint in service.endpoints
        ]
        self.balancer = balancer(service.balance)
        self.host = service.host.encode()
        own = [name for pool in self.pools for name in pool.authorities]
        self.own = frozenset([*own, self.host.lower()] if self.host else own)
        self.active = 0
        self.retrying = 0

    def choose(self, tried: frozenset[str], chance: Chance) -> Pool[C, W] | None:
        """Return the endpoint to ask: untried while there is one, with room while there is one."""
        pools = self.pools
        if len(pools) == 1:
            return pools[0]
        if not pools:
            return None
        if tried:
            pools = [pool for pool in pools if pool.name not in tried] or pools
        chosen = self.balancer.choose(pools, chance)
        if not chosen.is_full:
            return chosen
        roomy = [pool for pool in pools if not pool.is_full]
        return self.balancer.choose(roomy, chance) if roomy else chosen
