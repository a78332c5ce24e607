"""A channel of the store for state, as control hears it: of whoever serves at the moment."""

from collections.abc import Callable
from typing import Final

from tta_gateway.node.state_subscriber import StateSubscriber
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog
from tta_gateway.support.tasks import Died
from tta_gateway.support.valkey.topology import Topology

_NAME: Final = "tta-gateway-control"


class StateChannel:
    """Listens at the store that the configuration names."""

    def __init__(
        self,
        channel: bytes,
        heard: Callable[[], None],
        *,
        topology: Callable[[], Topology | None],
        log: EventLog,
        died: Died,
    ) -> None:
        """Hear nothing yet; `heard` is called when there is something, or something was missed."""
        self._heard = heard
        self.subscriber: Final = StateSubscriber(
            self,
            lambda made: made.subscribe(channel),
            name=_NAME,
            topology=topology,
            log=log,
            died=died,
        )

    def tick(self, snapshot: Snapshot, *, is_wanted: bool) -> None:
        """Listen where a configuration says, if anybody wants that."""
        self.subscriber.follow(snapshot, is_wanted=is_wanted)

    # What the subscriber tells

    def heard(self, channel: bytes, message: bytes) -> None:  # noqa: ARG002 - the port's
        """Take what has been published."""
        self._heard()

    def joined(self, name: bytes) -> None:  # noqa: ARG002 - likewise
        """Something may have been missed."""
        self._heard()

    def parted(self) -> None:
        """Nothing is heard: the next renewal of the lease tells what is new."""
