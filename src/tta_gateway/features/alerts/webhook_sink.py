"""Webhooks: alerts as JSON of our own, which docs/alerts.md describes field by field.

Where there is a secret each call carries `X-TTA-Signature: t=<seconds>,v1=<hex>`: the HMAC-SHA256
of the seconds, a full stop and the body.  Whoever checks it, and that the seconds are near, knows
that the call is ours and new.
"""

import hashlib
import hmac
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tta_gateway.features.alerts.bound import Notice, Webhook
from tta_gateway.features.alerts.post import encryption, post
from tta_gateway.features.alerts.wording import stamp, status, summary

VERSION: Final = 1
SIGNATURE: Final = "x-tta-signature"
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


def signature(secret: str, body: bytes, *, now: float) -> str:
    """Return the value of the field that signs a body."""
    seconds = str(int(now))
    mac = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


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
        """Post all of them; SinkFailed if they are not taken."""
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
        fields = {}
        if self._bound.token:
            fields["authorization"] = f"Bearer {self._bound.token}"
        if self._bound.secret:
            fields[SIGNATURE] = signature(self._bound.secret, body, now=now)
        await post(self._bound.url, body, fields, context=self._context)
