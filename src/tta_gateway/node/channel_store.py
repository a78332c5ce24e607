"""Channels in the node's store: a worker's broker, and the connection by which it hears."""

from collections.abc import Callable
from typing import Final

from tta_gateway.features.realtime.broker import Listener
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication
from tta_gateway.features.realtime.valkey_broker import PROBED, ValkeyBroker
from tta_gateway.node.state_subscriber import StateSubscriber
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died, spawn
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.topology import Topology

_NAME: Final = "tta-gateway-channels"


class Ear:
    """Passes on what the store tells, to whoever hears it by then."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.listener: Listener | None = None

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        """Pass it on."""
        if self.listener is not None:
            self.listener.published(channel, publication, top)

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Pass it on."""
        if self.listener is not None:
            self.listener.joined(channel, info)

    def left(self, channel: str, info: ClientInfo) -> None:
        """Pass it on."""
        if self.listener is not None:
            self.listener.left(channel, info)

    def lost(self) -> None:
        """Pass it on."""
        if self.listener is not None:
            self.listener.lost()


class ChannelStore:
    """The broker, asked by `client`, and heard where the configuration says."""

    def __init__(
        self,
        client: Callable[[], Valkey | None],
        *,
        topology: Callable[[], Topology | None],
        fresh: Callable[[], str],
        log: EventLog,
        died: Died,
    ) -> None:
        """Hear nothing yet; `topology` tells who serves, where that is found out."""
        self.ear: Final = Ear()
        self.broker: Final = ValkeyBroker(
            client, disk=Disk(nobody, died=died), listener=self.ear, fresh=fresh, tell=log.event
        )
        self.log: Final = log
        self.died: Final = died
        following = self.broker.following
        self.subscriber: Final = StateSubscriber(
            following, following.use, name=_NAME, topology=topology, log=log, died=died
        )
        self._looked = 0.0

    def follow(self, snapshot: Snapshot, *, is_wanted: bool) -> None:
        """Hear where a configuration says, if anybody wants that."""
        self.subscriber.follow(snapshot, is_wanted=is_wanted)

    def tick(self, now: float) -> None:
        """Look now and then whether what is published is heard; `now` goes only forward."""
        if self.subscriber.is_there and now - self._looked >= PROBED:
            self._looked = now
            spawn(self._probe(), name="channels", died=self.died)

    async def _probe(self) -> None:
        await self.broker.probe()

    def close(self) -> None:
        """Hear no more."""
        self.subscriber.close()


def nobody() -> Valkey | None:
    """Ask nobody whether it is on a disk: no channel wants to know yet."""
    return None
