"""In force: what is done with a configuration that has been accepted."""

from tta_gateway.node.beside import Beside
from tta_gateway.node.keeping import Keeping
from tta_gateway.node.offspring import Offspring
from tta_gateway.node.room import limit, room
from tta_gateway.node.supervisor import Supervisor
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.log import EventLog


class InForce:
    """Gives a snapshot to all processes, and to the disk."""

    def __init__(
        self,
        keeping: Keeping,
        *,
        offspring: Offspring,
        supervisor: Supervisor,
        beside: Beside,
        log: EventLog,
    ) -> None:
        """Begin with what processes start with."""
        self._keeping = keeping
        self._offspring = offspring
        self._supervisor = supervisor
        self._beside = beside
        self._log = log

    def adopt(self, snapshot: Snapshot, data: bytes, sealed: bytes) -> None:
        """Put a newer snapshot in force; `data` is the same encoded, `sealed` as it is kept."""
        self.keep_for_later(sealed)
        self._supervisor.grace = snapshot.client_timeouts.drain
        self.warn(snapshot)
        self._offspring.publish(data, [*self._supervisor.children(), *self._beside.listeners()])

    def keep_for_later(self, sealed: bytes) -> None:
        """Keep the snapshot in force on disk, for a start without a good configuration."""
        self._keeping.keep(sealed)

    def wait(self, patience: float) -> None:
        """Wait until it is kept, but not for long."""
        self._keeping.wait(patience)

    def warn(self, snapshot: Snapshot) -> None:
        """Say so where there is no room for all the clients that may come."""
        wanted, allowed = snapshot.connections.per_worker, limit()
        fit = room(snapshot, descriptors=allowed).per_worker
        if fit < wanted:
            self._log.event("descriptors_short", limit=allowed, wanted=wanted, per_worker=fit)

    def tick(self) -> None:
        """Say so where it could not be kept."""
        error = self._keeping.take_error()
        if error is not None:
            self._log.event("snapshot_not_kept", error=error.strerror)
