"""Alertmanager: alerts in the form of its API v2.

The form is that of `postableAlerts` in api/v2/openapi.yaml of Prometheus's Alertmanager: an array
of `labels`, `annotations`, `startsAt`, `endsAt` and `generatorURL`.  Labels tell alerts apart, so
that only what stays the same for one alert stands in them.  One that lasts is sent with an `endsAt`
ahead of now, again and again: when this node is gone it ends by itself.
"""

import base64
import ssl
from collections.abc import Callable, Sequence
from typing import TypedDict

import msgspec

from tta_gateway.features.alerts.bound import Alertmanager, Notice
from tta_gateway.features.alerts.wording import stamp, summary
from tta_gateway.support.posting import encryption, post

_encode = msgspec.json.Encoder().encode


class Postable(TypedDict):
    """An alert as it is posted."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: str


class AlertmanagerSink:
    """One Alertmanager."""

    def __init__(
        self, bound: Alertmanager, *, node: str, link: str, wall: Callable[[], float]
    ) -> None:
        """Send there, as this node; ssl.SSLError if its authorities cannot be used."""
        self._bound = bound
        self._node = node
        self._link = link
        self._wall = wall
        self._context: ssl.SSLContext | None = encryption(bound.url, bound.ca)

    async def send(self, notices: Sequence[Notice]) -> None:
        """Post all of them; NotTaken if they are not taken."""
        body = _encode([self.postable(one) for one in notices])
        url = self._bound.url.rstrip("/") + "/api/v2/alerts"
        await post(url, body, self._login(), context=self._context)

    def postable(self, notice: Notice) -> Postable:
        """Return a notice in their form."""
        alert = notice.alert
        annotations = {
            "summary": summary(alert),
            "cause": alert.cause,
            "recovery": alert.recovery if notice.reason == "resolved" else "",
            "flapping": f"began {alert.times} times lately" if alert.flapping else "",
        }
        lasts = self._wall() + self._bound.resolve_timeout
        return Postable(
            labels={
                "alertname": alert.name,
                "severity": alert.severity,
                "node": self._node,
                **alert.labels,
            },
            annotations={name: text for name, text in annotations.items() if text},
            startsAt=stamp(alert.began),
            endsAt=stamp(alert.ended if notice.reason == "resolved" else lasts),
            generatorURL=self._link,
        )

    def _login(self) -> dict[str, str]:
        bound = self._bound
        if bound.token:
            return {"authorization": f"Bearer {bound.token}"}
        if bound.user:
            pair = base64.b64encode(f"{bound.user}:{bound.password}".encode()).decode()
            return {"authorization": f"Basic {pair}"}
        return {}
