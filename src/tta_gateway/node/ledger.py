"""The ledger: what a node counts in, where its lines go, and how its workers tell control."""

import os
import socket

from tta_gateway.node.handover import Handover
from tta_gateway.node.log_thread import LogThread
from tta_gateway.node.segments import Segments
from tta_gateway.support import bus
from tta_gateway.support.clock import Clock, Stamp
from tta_gateway.support.log import DROPPED, EventLog
from tta_gateway.support.log_socket import LineSender, pair
from tta_gateway.support.metrics import Registry
from tta_gateway.support.segment import Segment
from tta_gateway.support.usage import Usage


class Ledger:
    """Counters of all processes and of this one, and a thread that writes logs."""

    def __init__(self, clock: Clock, kept: Handover | None = None) -> None:
        """Begin with empty counters, or go on with what is `kept`."""
        self.segments = Segments(-1 if kept is None else kept.segments)
        if kept is None:
            self.segment = self.segments.take()
        else:
            self.segment = kept.segment
            self.segments.keep(kept.segment)
        segment = Segment(self.segments.fd, self.segment)
        segment.owner = os.getpid()
        registry = Registry(segment)
        self._usage = Usage(registry, "supervisor")
        stamp = Stamp(clock.wall)
        reader, sender = pair() if kept is None else [socket.socket(fileno=fd) for fd in kept.logs]
        dropped = registry.child(DROPPED)
        self.logs = LogThread(reader, sender, stamp=stamp, dropped=dropped)
        if kept is None or not kept.notes:  # or one from before there were notes
            self.notes = bus.pair()
        else:
            heard, told = [socket.socket(fileno=fd) for fd in kept.notes]
            self.notes = (heard, told)
        self._lines = LineSender(sender, "")
        self.log = EventLog(self._lines, stamp)

    @property
    def logs_fds(self) -> list[int]:
        """Return the descriptors of both ends of the socket that lines go through."""
        return [self.logs.reader.fileno(), self.logs.sender.fileno()]

    @property
    def notes_fds(self) -> list[int]:
        """Return the descriptors of both ends of the socket from workers to control."""
        return [one.fileno() for one in self.notes]

    def tick(self) -> None:
        """Note what this process uses, and send its lines off."""
        self._usage.tick()
        self._lines.flush()

    def close(self) -> None:
        """Have all lines written; what comes from now on waits for the next thread."""
        self._lines.close()
        self.logs.stop()
