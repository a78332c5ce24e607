"""The service of alerts: hears events, keeps the table, has what is new brought to the sinks."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tta_gateway.features.alerts.alertmanager_sink import AlertmanagerSink
from tta_gateway.features.alerts.algorithm import Table
from tta_gateway.features.alerts.bound import (
    Alert,
    Alertmanager,
    AlertsBound,
    Kept,
    Notice,
    SinkBound,
    Webhook,
)
from tta_gateway.features.alerts.delivery import Delivery
from tta_gateway.features.alerts.metrics import FIRING, TRANSITIONS
from tta_gateway.features.alerts.reading import kind_of, turns_of
from tta_gateway.features.alerts.sink import Sink
from tta_gateway.features.alerts.smtp_sink import SmtpSink
from tta_gateway.features.alerts.webhook_sink import WebhookSink
from tta_gateway.features.alerts.wording import stamp, summary
from tta_gateway.kernel.events import (
    CertificateExpires,
    Event,
    IssuerKeysChanged,
    LoginProviderChanged,
    RegistryChanged,
)
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import spawn

TICK: Final = 0.5  # seconds
_TELL_THEMSELVES: Final = (
    CertificateExpires,
    IssuerKeysChanged,
    LoginProviderChanged,
    RegistryChanged,
)
"""whoever publishes these writes a line of its own"""
_UNLOGGED: Final = ("at", "by", "change", "after")  # what the line says already
_LOGGED: Final = {
    "new": "alert_firing",
    "flapping": "alert_flapping",
    "repeat": "alert_still_firing",
    "resolved": "alert_resolved",
}


class Alerts:
    """All alerts of this node."""

    def __init__(
        self,
        *,
        wall: Callable[[], float],
        log: EventLog,
        registry: Registry,
        keep: Callable[[Kept | None], None],
        chance: Callable[[], float],
    ) -> None:
        """Begin without any; `keep` takes what the next control must know."""
        self._wall = wall
        self._log = log
        self._registry = registry
        self._keep = keep
        self._chance = chance
        self._bound = AlertsBound()
        self._owed: dict[str, tuple[Notice, ...]] = {}
        self.table = Table(self._bound.rules)
        self.deliveries: dict[str, Delivery] = {}

    def recover(self, kept: Kept) -> None:
        """Go on where a control before this one has stopped."""
        self.table.recover(kept)
        self._owed = dict(kept.owed)

    def adopt(self, bound: AlertsBound, services: Iterable[str]) -> None:
        """Go by these settings from now on; these are the services that there are."""
        self._bound, self.table.rules = bound, bound.rules
        self.table.retain(services, at=self._wall())
        before, self.deliveries = self.deliveries, {}
        for one in bound.sinks:
            kept = before.pop(one.name, None)
            if kept is None or kept.bound != one or self._named != self._node:
                self.deliveries[one.name] = self._delivery(one, kept)
            else:
                self.deliveries[one.name] = kept
        for gone in before.values():
            gone.end()
        self._named = self._node
        self._owed.clear()

    _named = ""  # how the sinks that there are call this node

    def _delivery(self, bound: SinkBound, before: Delivery | None) -> Delivery:
        """Return what brings notices to a sink, with what the one before it still owes."""
        made = Delivery(
            bound,
            self._sink(bound),
            registry=self._registry,
            log=self._log,
            chance=self._chance,
        )
        made.moved = self._remember  # at once: the next control would send it again
        if before is not None:
            before.end()
            made.put(before.outbox.owed())
        made.put(self._owed.pop(bound.name, ()))
        return made

    def _sink(self, bound: SinkBound) -> Sink:
        node, link, wall = self._node, self._bound.link, self._wall
        if isinstance(bound, Alertmanager):
            return AlertmanagerSink(bound, node=node, link=link, wall=wall)
        if isinstance(bound, Webhook):
            return WebhookSink(bound, node=node, link=link, wall=wall)
        return SmtpSink(bound, node=node, link=link, wall=wall)

    @property
    def _node(self) -> str:
        return self._bound.node or os.uname().nodename

    # What happens

    def hear(self, event: Event) -> None:
        """Take an event."""
        kind = kind_of(event)
        news = [turn for turn in turns_of(event) if self.table.take(turn)]
        if not kind or (kind == "tls_works" and not news):
            return  # that TLS works is told by every worker at its start
        self._registry.child(TRANSITIONS, kind).add()
        # Workers log what they see themselves, and each what it serves with; registries likewise.
        by = getattr(event, "by", "control")
        if by == "control" and not isinstance(event, _TELL_THEMSELVES):
            told = msgspec.structs.asdict(event)
            fields = {name: told[name] for name in told if told[name] and name not in _UNLOGGED}
            self._log.event(kind, **fields)

    def tick(self) -> None:
        """Do what is due."""
        now = self._wall()
        notices = self.table.tick(now)
        for one in notices:
            self._report(one)
        for delivery in self.deliveries.values():
            delivery.put(notices)
            self._remind(delivery, now)
            if not delivery.begun:
                delivery.begun = True
                spawn(delivery.run(), name=f"alerts to {delivery.bound.name}", died=self._died)
        self._remember()

    def _report(self, notice: Notice) -> None:
        alert = notice.alert
        self._log.event(
            _LOGGED[notice.reason],
            alert=alert.name,
            severity=alert.severity,
            labels=alert.labels,
            cause=alert.cause,
            **({"recovery": alert.recovery} if notice.reason == "resolved" else {}),
        )

    def _remind(self, delivery: Delivery, now: float) -> None:
        """Say again what lasts, to one that would take it for over."""
        if delivery.resend and now >= delivery.resent + delivery.resend:
            delivery.resent = now
            told = [one for one in self.table.alerts.values() if one.is_told]
            delivery.put(Notice(reason="still", alert=one) for one in told)

    def _remember(self) -> None:
        """Keep what the next control must know, and count."""
        changed = self.table.changed or any(one.changed for one in self.deliveries.values())
        if not changed:
            return
        self.table.changed = False
        owed = {}
        for name, delivery in self.deliveries.items():
            delivery.changed = False
            owed[name] = delivery.outbox.owed()
        kept = msgspec.structs.replace(
            self.table.keep(), owed={name: one for name, one in owed.items() if one}
        )
        self._keep(None if kept == Kept() else kept)
        self._count()

    def _count(self) -> None:
        firing = Counter(one.name for one in self.table.alerts.values() if not one.is_away)
        for name in self._counted | firing.keys():
            self._registry.child(FIRING, name).set(float(firing[name]))
        self._counted |= firing.keys()

    _counted: frozenset[str] = frozenset()

    def told(self) -> dict[str, object]:
        """Return what there is, for operators."""
        alerts = sorted(self.table.alerts.values(), key=_began)
        return {
            "node": self._node,
            "alerts": [shown(one) for one in alerts],
            "sinks": [
                {"sink": name, "waiting": len(one.outbox), "failing": one.failing or None}
                for name, one in self.deliveries.items()
            ],
        }

    def _died(self, name: str, error: BaseException) -> None:
        self._log.event("task_died", task=name, error=type(error).__name__)


def shown(alert: Alert) -> dict[str, object]:
    """Return an alert as operators read it."""
    return {
        "alert": alert.name,
        "severity": alert.severity,
        "state": alert.state,
        "labels": alert.labels,
        "summary": summary(alert),
        "cause": alert.cause,
        "starts_at": stamp(alert.began),
        "ended_at": stamp(alert.ended) if alert.is_away else None,
        "recovery": alert.recovery or None,
        "flapping": alert.flapping,
        "times": alert.times,
    }


def _began(alert: Alert) -> float:
    return alert.began
