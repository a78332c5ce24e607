"""Room: how many clients a worker can have, with the descriptors that it may open.

Each connection takes one, on either side.  Where there are too few for what the configuration
allows, clients are turned away with words, before the system would refuse them without.
"""

import resource
from typing import Final

import msgspec

from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.snapshot.model import Snapshot

# Logs, listening sockets, the loop's own, and those who are being told that there is no place.
_OTHERS: Final = 128


def raise_limit() -> None:
    """Allow this process, and those it starts, as many descriptors as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def limit() -> int:
    """Return how many descriptors this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def room(snapshot: Snapshot, *, descriptors: int) -> ConnectionLimits:
    """Return the limits of a worker's client connections: the configured ones, or what fits.

    Services get what they are allowed, but never more than half.
    """
    wanted = snapshot.connections
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    left = descriptors - min(_OTHERS, descriptors // 2)
    upstream = sum(one.limits.connections * len(one.endpoints) for one in snapshot.services)
    places = max(1, left - min(upstream, left // 2))
    if places >= wanted.per_worker:
        return wanted
    return msgspec.structs.replace(wanted, per_worker=places)
