"""Alerting: the service of alerts as it stands in control, with the dates of certificates."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tta_gateway.features.alerts.bound import Alert, AlertsBound, Kept
from tta_gateway.features.alerts.service import TICK, Alerts
from tta_gateway.kernel.events import EndpointChange, EndpointChanged
from tta_gateway.kernel.route import Service
from tta_gateway.node.certificates import Certificates, State
from tta_gateway.node.findings import Findings
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import OWN
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry

SECTION: Final = f"{OWN}alerts"
"""The live section that the next control goes on with."""
_STATES: Mapping[str, State] = {"CertificateExpiresSoon": "soon", "CertificateExpired": "expired"}


class Alerting:
    """Hears the bus, and keeps what it knows in a live section."""

    def __init__(
        self, bus: Bus, findings: Findings, log: EventLog, clock: Clock, registry: Registry
    ) -> None:
        """Hear nothing yet: see `listen`."""
        self._bus = bus
        self._log = log
        self._wall = clock.wall
        self.alerts = Alerts(
            wall=clock.wall,
            log=log,
            registry=registry,
            keep=lambda kept: findings.put(SECTION, kept),
            chance=random.random,
        )
        self.certificates = Certificates(clock.wall, bus.publish)
        self.told = self.alerts.told

    def listen(self) -> None:
        """Hear the bus from now on: what is there at the start is no change.

        Each transition that control sees has its line in the log from there (features/alerts).
        """
        self._bus.subscribe(self.alerts.hear)

    def compare(self, state_of: Callable[[str, str], str | None]) -> None:
        """End what is so no more of what a control before this one has told of endpoints.

        `state_of` returns the state of a service's endpoint, None if there is none.  Nobody else
        would say it: to this control an endpoint that another configuration left out has never
        been there.
        """
        for alert in list(self.alerts.table.alerts.values()):
            service, endpoint = alert.labels.get("service"), alert.labels.get("endpoint")
            if service is None or endpoint is None or alert.is_away:
                continue
            state = state_of(service, endpoint)
            is_well = alert.name == "EndpointDown" and state in ("up", "unproved")
            if state is None or is_well:
                change: EndpointChange = "up" if is_well else "gone"
                now = self._wall()
                self._bus.publish(
                    EndpointChanged(service=service, endpoint=endpoint, change=change, at=now)
                )

    def recover(self, live: Mapping[str, msgspec.Raw]) -> None:
        """Go on where a control before this one has stopped, of another version perhaps."""
        raw = live.get(SECTION)
        if raw is None:
            return
        try:
            kept = msgspec.msgpack.decode(raw, type=Kept)
        except msgspec.DecodeError as error:
            self._log.event("alerts_not_read", error=str(error))
            return
        self.alerts.recover(kept)
        self.certificates.recover(_told(kept.alerts))

    def adopt(self, snapshot: Snapshot, services: Sequence[Service]) -> None:
        """Go by this configuration from now on."""
        raw = snapshot.features.get("alerts")
        bound = AlertsBound() if raw is None else msgspec.msgpack.decode(raw, type=AlertsBound)
        self.alerts.adopt(bound, [one.name for one in services])
        self.certificates.adopt(snapshot, services)

    async def run(self) -> None:
        """Tell what there is to tell, as long as the process lives."""
        while True:
            self.certificates.tick()
            self.alerts.tick()
            await asyncio.sleep(TICK)


def _told(alerts: Sequence[Alert]) -> dict[str, State]:
    """Return which certificates were told of, and how they were then."""
    return {
        one.labels["certificate"]: _STATES[one.name]
        for one in alerts
        if one.name in _STATES and not one.is_away
    }
