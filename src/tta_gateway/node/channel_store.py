"""Channels in the node's store: a worker's broker, and the connection by which it hears."""

from collections.abc import Callable, Mapping
from typing import Final

from tta_gateway.features.realtime.broker import Listener
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.mail import Boxes
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication
from tta_gateway.features.realtime.valkey_broker import PROBED, ValkeyBroker
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.node.channel_rules import Now
from tta_gateway.node.state_client import StateClient
from tta_gateway.node.state_subscriber import StateSubscriber
from tta_gateway.node.vaults import Vaults
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died, spawn
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.topology import Topology

_NAME: Final = "tta-gateway-channels"
ASKS_OF_DISK: Final = "tta-gateway-disk"
"""what the client calls itself that asks whether something is on disk: its answers take a while"""


_DOUBTED: Final = 60.0  # seconds between two words about what is not on disk


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

    def __init__(  # noqa: PLR0913 - where it meets the worker, each by its name
        self,
        client: Callable[[], Valkey | None],
        *,
        topology: Callable[[], Topology | None],
        live: Callable[[], Mapping[str, bytes]],
        fresh: Callable[[], str],
        wall: Callable[[], float],
        log: EventLog,
        died: Died,
    ) -> None:
        """Hear nothing yet; `topology` tells who serves, where that is found out.

        `live` are the live sections that are in force.
        """
        self.ear: Final = Ear()
        self._snapshot: Snapshot | None = None
        self._disk_client: Final = StateClient(
            self._known, topology=topology, log=log, died=died, name=ASKS_OF_DISK
        )
        self.disk: Final = Disk(self._asked_of_disk, died=died)
        self.broker: Final = ValkeyBroker(
            client, disk=self.disk, listener=self.ear, fresh=fresh, tell=log.event
        )
        self._vaults: Final = Vaults(log)
        self._live: Final = live
        self.broker.vault = self._vault
        self.broker.about = Now(lambda: self._snapshot).about
        self.boxes: Final = boxes(client, self.disk, wall=wall, vault=self._vault)
        self.log: Final = log
        self.died: Final = died
        following = self.broker.following
        self.subscriber: Final = StateSubscriber(
            following, following.use, name=_NAME, topology=topology, log=log, died=died
        )
        self._looked = 0.0
        self._doubted_at = 0.0

    def follow(self, snapshot: Snapshot, *, is_wanted: bool) -> None:
        """Hear where a configuration says, if anybody wants that."""
        self._snapshot = snapshot
        self.subscriber.follow(snapshot, is_wanted=is_wanted)

    def tick(self, now: float) -> None:
        """Look now and then whether what is published is heard; `now` goes only forward."""
        if self.subscriber.is_there and now - self._looked >= PROBED:
            self._looked = now
            spawn(self._probe(), name="channels", died=self.died)
        if self.disk.unproved and now - self._doubted_at >= _DOUBTED:
            self._doubted_at = now
            self.log.event("channels_not_durable", count=self.disk.unproved)
            self.disk.unproved = 0

    async def _probe(self) -> None:
        await self.broker.probe()

    def close(self) -> None:
        """Hear no more."""
        self.subscriber.close()
        self._disk_client.close()

    def _known(self) -> Snapshot:
        assert self._snapshot is not None  # else nobody has been asked to ask
        return self._snapshot

    def _vault(self) -> Vault | None:
        return None if self._snapshot is None else self._vaults.of(self._snapshot, self._live())

    def _asked_of_disk(self) -> Valkey | None:
        return None if self._snapshot is None else self._disk_client()


def boxes(
    client: Callable[[], Valkey | None],
    disk: Disk,
    *,
    wall: Callable[[], float],
    vault: Callable[[], Vault | None],
) -> Boxes:
    """Return the inboxes of all, in the node's store."""
    plain, durable = ValkeyInbox(client, wall=wall), ValkeyInbox(client, wall=wall, disk=disk)
    plain.vault = durable.vault = vault
    return Boxes(plain, durable)
