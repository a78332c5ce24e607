"""The ways into a worker: an entrance for each listener, and who has come by any of them."""

import asyncio
from collections.abc import Callable
from typing import TypeAlias, cast

from tta_gateway.edge.arrivals import Arrivals
from tta_gateway.edge.client_connection import ClientConnection
from tta_gateway.edge.credentials import Contexts, contexts_of
from tta_gateway.edge.departures import Departures
from tta_gateway.edge.doorway import OUTCOMES, Doorway
from tta_gateway.edge.entrance import Directory, Entrance, Guests, Rules, Ward
from tta_gateway.edge.handshakes import Handshakes
from tta_gateway.edge.hangup import Hangups
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.features.metrics.metrics import CONNECTIONS, HANDSHAKES
from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.pipeline.run import Runner
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.support.metrics import Registry

Lead: TypeAlias = Callable[[Listener], Directory]
"""tells what a listener's requests are led by, as it is now"""


class Entrances:
    """Lets clients in by the snapshot that is in force."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        sweeper: Sweeper,
        runner: Runner,
        registry: Registry,
        date: Callable[[], bytes],
        room: Callable[[Snapshot], ConnectionLimits],
    ) -> None:
        """Have no entrance yet; `room` tells how many clients a worker can have."""
        self._sweeper = sweeper
        self._runner = runner
        self._date = date
        self._room = room
        self._outcomes = {one: registry.child(HANDSHAKES, one) for one in OUTCOMES}
        loop = sweeper.loop
        self.hangups = Hangups(loop)
        self.handshakes = Handshakes(loop, snapshot.connections.handshakes, now=sweeper.now)
        self.guests = Guests(
            room(snapshot),
            changed=registry.child(CONNECTIONS, "api-gateway").add,
            hangups=self.hangups,
            arrivals=Arrivals(loop),
            departures=Departures(loop),
        )
        self.contexts = contexts_of(snapshot)
        self.each: list[Entrance] = []

    def open(self, snapshot: Snapshot, lead: Lead, ward: Ward) -> None:
        """Have one for each listener; the public ones are guarded by this ward."""
        self._lead = lead
        for number, listener in enumerate(snapshot.listeners):
            made = Entrance(
                sweeper=self._sweeper,
                date=self._date,
                runner=self._runner,
                directory=lead(listener),
                guests=self.guests,
                rules=self._rules(snapshot, listener, number),
            )
            if not listener.internal:
                made.ward = ward
            self.each.append(made)

    def adopt(self, snapshot: Snapshot, contexts: Contexts) -> None:
        """Let new connections in by this snapshot, with these contexts."""
        self.contexts = contexts
        self.guests.limits = self._room(snapshot)
        self.handshakes.most = snapshot.connections.handshakes
        for number, (entrance, listener) in enumerate(
            zip(self.each, snapshot.listeners, strict=True)
        ):
            entrance.adopt(self._lead(listener), self._rules(snapshot, listener, number))

    def client(self, index: int) -> ClientConnection:
        """Return a new connection at a listener."""
        return ClientConnection(self.each[index])

    def protocol(self, index: int) -> asyncio.Protocol:
        """Return a new connection as the loop knows it: it has all the methods of a protocol."""
        entrance = self.each[index]
        if entrance.has_doorway:
            return cast("asyncio.Protocol", Doorway(entrance, self.handshakes, self._count))
        return cast("asyncio.Protocol", self.client(index))

    def _rules(self, snapshot: Snapshot, listener: Listener, number: int) -> Rules:
        return Rules(
            limits=snapshot.limits,
            timeouts=snapshot.client_timeouts,
            trusted=listener.trusted,
            context=self.contexts.listeners[number],
            proxy_protocol=listener.proxy_protocol,
            authorities=self.contexts.trusted[number],
        )

    def _count(self, outcome: str) -> None:
        self._outcomes[outcome].add()
