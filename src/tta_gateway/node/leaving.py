"""Leaving: a worker tells control what it has under way at endpoints that are draining.

So control knows when the last request has ended there, and the endpoint may go.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final

from tta_gateway.kernel.events import EndpointSeen, Event
from tta_gateway.upstream.forward import Upstream

_EACH: Final = 0.25  # seconds


class Leaving:
    """Looks at the endpoints of a worker's services, four times a second."""

    def __init__(self, *, tell: Callable[[Event], None], wall: Callable[[], float]) -> None:
        """Tell in this way, at this time of day."""
        self._tell = tell
        self._wall = wall
        self._next = 0.0
        self._by = f"worker {os.getpid()}"

    def tick(self, now: float, upstreams: Mapping[str, Upstream]) -> None:
        """Tell of each that is draining, if it is time."""
        if now < self._next:
            return
        self._next = now + _EACH
        for name, upstream in upstreams.items():
            for pool in upstream.pools:
                if pool.state == "draining":
                    self._tell(
                        EndpointSeen(
                            service=name,
                            endpoint=pool.name,
                            weight=pool.weight,
                            ratio=pool.pace.ratio,
                            in_flight=pool.under_way,
                            open=pool.open,
                            at=self._wall(),
                            by=self._by,
                        )
                    )
