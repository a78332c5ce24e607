"""Webhooks: alerts as JSON of our own, which docs/alerts.md describes field by field."""

import hashlib
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tta_gateway.features.alerts.bound import Notice, Webhook
from tta_gateway.features.alerts.wording import stamp, status, summary
from tta_gateway.support.posting import encryption, post, shown

VERSION: Final = 1
_encode = msgspec.json.Encoder().encode


def told(notice: Notice, node: str) -> dict[str, object]:
    """Return a notice as it is posted; `id` is the same whenever it is sent again."""
    alert = notice.alert
    is_over = notice.reason == "resolved"
    moment = alert.ended if is_over else alert.told
    whole = "|".join([node, alert.key, notice.reason, repr(moment)])
    return {
        "id": hashlib.sha256(whole.encode()).hexdigest()[:32],
        "status": status(notice),
        "reason": notice.reason,
        "alert": alert.name,
        "severity": alert.severity,
        "labels": alert.labels,
        "summary": summary(alert),
        "cause": alert.cause,
        "recovery": alert.recovery if is_over else None,
        "flapping": alert.flapping,
        "starts_at": stamp(alert.began),
        "ends_at": stamp(alert.ended) if is_over else None,
    }


class WebhookSink:
    """One webhook."""

    def __init__(self, bound: Webhook, *, node: str, link: str, wall: Callable[[], float]) -> None:
        """Send there, as this node; ssl.SSLError if its authorities cannot be used."""
        self._bound = bound
        self._node = node
        self._link = link
        self._wall = wall
        self._context: ssl.SSLContext | None = encryption(bound.url, bound.ca)

    async def send(self, notices: Sequence[Notice]) -> None:
        """Post all of them; NotTaken if they are not taken."""
        now = self._wall()
        body = _encode(
            {
                "version": VERSION,
                "node": self._node,
                "sent_at": stamp(now),
                "link": self._link,
                "alerts": [told(one, self._node) for one in notices],
            }
        )
        fields = shown(self._bound.token, self._bound.secret, body, now=now)
        await post(self._bound.url, body, fields, context=self._context)
