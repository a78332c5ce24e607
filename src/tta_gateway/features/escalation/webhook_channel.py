"""Webhooks: notices as JSON, which docs/safety/escalation.md describes field by field."""

import ssl
from collections.abc import Callable
from typing import Final

import msgspec

from tta_gateway.features.escalation.bound import Hook
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.wording import told
from tta_gateway.support.posting import encryption, post, shown

VERSION: Final = 1
PATIENCE: Final = 5.0  # seconds, for all of a try
_encode = msgspec.json.Encoder().encode


class WebhookChannel:
    """One webhook; its answer 2xx is the confirmation."""

    def __init__(self, bound: Hook, *, node: str, link: str, wall: Callable[[], float]) -> None:
        """Send there, as this node; ssl.SSLError if its authorities cannot be used."""
        self._bound = bound
        self._node = node
        self._link = link
        self._wall = wall
        self._context: ssl.SSLContext | None = encryption(bound.url, bound.ca)

    async def send(self, notice: Notice) -> None:
        """Post it; NotTaken if it is not taken."""
        bound = self._bound
        body = _encode({"version": VERSION, **told(notice, node=self._node, link=self._link)})
        fields = shown(bound.token, bound.secret, body, now=self._wall())
        await post(bound.url, body, fields, context=self._context, patience=PATIENCE)
