"""Offspring: the processes that a node starts, and what each has of it while it lives."""

from tta_gateway.node.addresses import Addresses
from tta_gateway.node.child import Child, Said, cover, start
from tta_gateway.node.ledger import Ledger
from tta_gateway.node.publish import Publisher
from tta_gateway.snapshot.parts import Live


class Offspring:
    """Starts processes with a place to count in, sockets, and the newest snapshot."""

    def __init__(
        self,
        data: bytes,
        *,
        addresses: Addresses,
        ledger: Ledger,
        live: Live | None = None,
    ) -> None:
        """Begin with none, and with the snapshot that they start with."""
        self._addresses = addresses
        self._segments = ledger.segments
        self._logs = ledger.logs
        self._heard, self._told = ledger.notes
        self._log = ledger.log
        self._publisher = Publisher(data, ledger.log, live=live)

    def worker(self, slot: int) -> Child:
        """Start a worker for a slot; an OSError says why it could not be."""
        sockets = [one.fileno() for one in self._addresses.of(slot)]
        return self._start("worker_main", [self._told.fileno(), *sockets])

    def guard(self) -> Child:
        """Start guard."""
        return self._start("guard_main", [self._told.fileno()])

    def control(self) -> Child:
        """Start control."""
        assert self._addresses.admin is not None  # else there is none
        admin = self._addresses.admin.of(0).fileno()
        public = self._addresses.public.fileno()
        return self._start("control_main", [self._heard.fileno(), admin, public])

    def _start(self, module: str, fds: list[int]) -> Child:
        segment = self._segments.take()
        fds = [self._segments.fd, self._logs.sender.fileno(), *fds]
        words = [str(segment)]
        try:
            child = start(
                f"tta_gateway.node.{module}", data=self._publisher.data, fds=fds, words=words
            )
        except OSError:
            self._segments.leave(segment)
            raise
        child.segment = segment
        self._publisher.begin(child)
        return child

    def publish(self, data: bytes, children: list[Child]) -> None:
        """Give all of them a newer snapshot; who starts from now on begins with it."""
        self._publisher.publish(data, children)

    @property
    def live(self) -> Live:
        """Return what control has found out so far."""
        return self._publisher.live

    def revive(self, live: Live, children: list[Child]) -> None:
        """Give all of them what control has found out; who starts from now on begins with it."""
        self._publisher.revive(live, children)

    def heard(self, child: Child, said: Said) -> None:
        """Send what a process has missed."""
        self._publisher.heard(child, said.version, behind=said.word == b"behind")

    def left(self, child: Child) -> None:
        """Let another process count where one has ended."""
        self._segments.leave(child.segment)
        self._publisher.forget(child.process.pid)

    def beats(self, child: Child) -> int:
        """Return how often a worker has shown that it lives."""
        return self._segments.beats(child.segment)

    def cover(self, child: Child, slot: int) -> None:
        """Have a worker accept for a slot that has none."""
        try:
            cover(child, slot, self._addresses.of(slot))
        except OSError as error:
            self._log.event("slot_not_covered", slot=slot, error=error.strerror)
            return
        self._log.event("slot_covered", slot=slot, pid=child.process.pid)
