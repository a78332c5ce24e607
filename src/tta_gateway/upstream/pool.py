"""One endpoint's connections: which to use, whether to open one, who waits.  Decides, never acts.

The last connection put back is the first used again: the fewest stay open, and the one used is the
least likely to have been closed by the other side meanwhile.
"""

from collections import deque
from enum import Enum
from typing import Final, Generic, TypeVar

from tta_gateway.kernel.route import Endpoint, EndpointLimits
from tta_gateway.kernel.standing import State
from tta_gateway.upstream.affinity import seed_of
from tta_gateway.upstream.outlier import LONG_AGO, Record
from tta_gateway.upstream.pace import Pace
from tta_gateway.upstream.timing import Timing

C = TypeVar("C")  # a connection
W = TypeVar("W")  # who waits for one


class Decision(Enum):
    """What to do when no connection is idle."""

    OPEN = "open"
    WAIT = "wait"
    REFUSE = "refuse"


class Pool(Generic[C, W]):
    """Connections and load of one endpoint, as one worker sees them.

    `open` counts connections that exist or are being made; `in_flight` requests sent or waiting,
    from before they ask what to do; `credit` belongs to the weighted balancer.  `weight` is what
    the endpoint's own has become by its pace, and by how long it has been up; `record` and `pace`
    are how it has answered; `probe_until` is when the wait for a probe's answer is over.
    """

    def __init__(self, endpoint: Endpoint, limits: EndpointLimits) -> None:
        """Begin without connections."""
        self.endpoint = endpoint
        self.name = endpoint.name
        self.seed = seed_of(endpoint.name)
        self.authorities = _authorities(endpoint)
        self.authority = self.authorities[0]
        self.weight = float(endpoint.weight)
        self.state: State = "up"
        self.up_since = LONG_AGO
        self.record = Record()
        self.pace = Pace()
        self.ejected = False
        self.probe_until = LONG_AGO
        self.told_slow = 0.0  # since when it was slow, as control has said last
        self.told_out = 0.0  # until when it is ejected, as control has said last and it was
        self.timings: dict[str, Timing] = {}  # by route
        self.retired = False
        self.known = False  # whether control has said how it is
        self.limits = limits
        self.idle: list[C] = []
        self.waiting: deque[W] = deque()
        self.open = 0
        self.in_flight = 0
        self.credit = 0.0

    @property
    def is_full(self) -> bool:
        """Tell whether the endpoint has as many requests as it may have."""
        return self.in_flight >= self.limits.in_flight

    @property
    def under_way(self) -> int:
        """Return how much is under way here, with what has become a tunnel and is no request."""
        return max(self.in_flight, self.open - len(self.idle))

    def decide(self) -> Decision:
        """Return what a request should do for which no idle connection is left."""
        if self.in_flight > self.limits.in_flight:
            return Decision.REFUSE
        if self.open < self.limits.connections:
            return Decision.OPEN
        if len(self.waiting) < self.limits.pending:
            return Decision.WAIT
        return Decision.REFUSE

    def forget(self, connection: C) -> None:
        """Take note that a connection is gone."""
        self.open -= 1
        if connection in self.idle:
            self.idle.remove(connection)

    def __repr__(self) -> str:
        """Say what an operator wants to know."""
        return (
            f"<{self.name}: {self.in_flight} in flight, {self.open} open, "
            f"{len(self.idle)} idle, {len(self.waiting)} waiting>"
        )


def _authorities(endpoint: Endpoint) -> list[bytes]:
    """Return how the endpoint may be named in a URL, as it names itself first."""
    if endpoint.unix:
        return [b"localhost"]
    names = [endpoint.authority, endpoint.name] if endpoint.authority else [endpoint.name]
    found = []
    for one in names:
        name = one.encode("ascii", "replace").lower()
        if endpoint.tls and endpoint.port == _HTTPS:
            found.append(name.removesuffix(b":%d" % _HTTPS))
        found.append(name)
    return found


_HTTPS: Final = 443
