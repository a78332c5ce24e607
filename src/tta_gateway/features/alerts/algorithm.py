"""The table of alerts: one for each thing, told once when it begins and once when it is over.

    begun    its cause is there; sinks hear of it when what happens together has gathered
    passed   its cause is away again, and still nobody has heard of it
    firing   sinks know; told again now and then as long as it lasts
    calming  its cause is away; if it stays away for a while the alert is over, and that is told

What begins again and again flaps: that is told once, and from then on it must be calm for longer.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tta_gateway.features.alerts.bound import Alert, Kept, Notice, Reason, Rules, State
from tta_gateway.features.alerts.reading import Turn

MOST: Final = 5000  # alerts; who has more of them looks at the whole, not at each

BEGINS: Final[Mapping[State, State]] = {
    "begun": "begun",
    "passed": "begun",
    "firing": "firing",
    "calming": "firing",
}
ENDS: Final[Mapping[State, State]] = {
    "begun": "passed",
    "passed": "passed",
    "firing": "calming",
    "calming": "calming",
}
TOLD: Final[Mapping[State, State]] = {
    "begun": "firing",
    "passed": "calming",
    "firing": "firing",
    "calming": "calming",
}


class Table:
    """Every alert that is not over; `changed` says that it is another since that was asked."""

    def __init__(self, rules: Rules, *, most: int = MOST) -> None:
        """Begin without any; there are never more than `most`."""
        self.rules = rules
        self._most = most
        self.alerts: dict[str, Alert] = {}
        self.changed = False
        self._begins: dict[str, list[float]] = {}

    def recover(self, kept: Kept) -> None:
        """Go on with these."""
        self.alerts = {one.key: one for one in kept.alerts}
        self._begins = {key: list(moments) for key, moments in kept.begins.items()}
        self.changed = True

    def keep(self) -> Kept:
        """Return what to go on with."""
        begins = {key: tuple(moments) for key, moments in self._begins.items()}
        return Kept(alerts=tuple(self.alerts.values()), begins=begins)

    # What happens

    def take(self, turn: Turn) -> bool:
        """Take what an event means; return whether that is anything new."""
        if not turn.begins:
            return self._take_end(turn)
        alert = self.alerts.get(turn.key)
        if turn.extends:
            if alert is not None:
                self._put(msgspec.structs.replace(alert, lease=max(alert.lease, turn.lease)))
            return False
        if alert is None:
            return self._begin(turn)
        again = alert.is_away
        self._put(
            msgspec.structs.replace(
                alert,
                state=BEGINS[alert.state],
                cause=turn.cause,
                lease=max(alert.lease, turn.lease),
                ended=0.0,
                recovery="",
                times=self._count(turn) if again and not turn.tries else alert.times,
            )
        )
        return again

    def _begin(self, turn: Turn) -> bool:
        if len(self.alerts) >= self._most:
            return False
        self._put(
            Alert(
                name=turn.name,
                severity=turn.severity,
                labels=turn.labels,
                cause=turn.cause,
                began=turn.at,
                lease=turn.lease,
                times=self._count(turn),
            )
        )
        return True

    def _count(self, turn: Turn) -> int:
        """Return how often it has begun lately."""
        since = turn.at - self.rules.flaps_within
        lately = [one for one in self._begins.get(turn.key, []) if one > since]
        self._begins[turn.key] = [*lately, turn.at][-self.rules.flaps :]
        return len(self._begins[turn.key])

    def _take_end(self, turn: Turn) -> bool:
        alert = self.alerts.get(turn.key)
        if alert is None or alert.is_away or 0.0 < turn.lease < alert.lease:
            return False
        self._end(alert, turn.at, turn.cause)
        return True

    def _end(self, alert: Alert, at: float, recovery: str) -> None:
        self._put(
            msgspec.structs.replace(alert, state=ENDS[alert.state], ended=at, recovery=recovery)
        )

    def retain(self, services: Iterable[str], *, at: float) -> None:
        """End what is about a service that is not configured any more."""
        known = set(services)
        for alert in list(self.alerts.values()):
            service = alert.labels.get("service")
            if service is not None and service not in known and not alert.is_away:
                self._end(alert, at, "the service is not configured any more")

    # What is to be told

    def tick(self, now: float) -> list[Notice]:
        """Return what is to be told now, all that is new together."""
        for alert in [one for one in self.alerts.values() if not one.is_away]:
            if alert.lease and alert.lease <= now:
                self._end(alert, now, "nothing was heard of it any more")
        untold = [one.began for one in self.alerts.values() if not one.is_told]
        told = bool(untold) and min(untold) + self.rules.wait <= now
        notices = [
            notice
            for alert in list(self.alerts.values())
            if alert.is_told or told
            for notice in self._notices(alert, now)
        ]
        self._forget(now)
        return notices

    def _notices(self, alert: Alert, now: float) -> list[Notice]:
        """Return what is to be told of one alert."""
        rules = self.rules
        flapping = alert.flapping or alert.times >= rules.flaps
        if not alert.is_told or flapping != alert.flapping:
            reason: Reason = "flapping" if flapping else "new"
        elif alert.is_away:
            calm = rules.flaps_calm if flapping else rules.calm
            if now < alert.ended + calm:
                return []
            del self.alerts[alert.key]
            self.changed = True
            return [Notice(reason="resolved", alert=alert)]
        elif now < alert.told + rules.repeat:
            return []
        else:
            reason = "repeat"
        told = msgspec.structs.replace(alert, state=TOLD[alert.state], told=now, flapping=flapping)
        self._put(told)
        return [Notice(reason=reason, alert=told)]

    def _put(self, alert: Alert) -> None:
        self.alerts[alert.key] = alert
        self.changed = True

    def _forget(self, now: float) -> None:
        """Forget when alerts that are over began, once that is long ago."""
        since = now - self.rules.flaps_within
        for key in [one for one in self._begins if one not in self.alerts]:
            if self._begins[key][-1] <= since:
                del self._begins[key]
