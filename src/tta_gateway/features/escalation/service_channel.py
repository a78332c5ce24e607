"""Services of the platform that are told of people in need: notices as JSON, like webhooks."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from tta_gateway.features.escalation.bound import ServiceHook
from tta_gateway.features.escalation.channel import Notice
from tta_gateway.features.escalation.webhook_channel import PATIENCE, VERSION
from tta_gateway.features.escalation.wording import told
from tta_gateway.support.posting import NotTaken, shown

_TYPE: Final[Mapping[str, str]] = {"content-type": "application/json"}
_encode = msgspec.json.Encoder().encode


class Services(Protocol):
    """Asks services at their endpoints."""

    async def post(
        self, service: str, path: str, body: bytes, fields: Mapping[str, str], *, patience: float
    ) -> int:
        """Return the status of the answer; NotTaken if there is none."""


class ServiceChannel:
    """One service; its answer 2xx is the confirmation."""

    def __init__(
        self,
        bound: ServiceHook,
        services: Services,
        *,
        node: str,
        link: str,
        wall: Callable[[], float],
    ) -> None:
        """Send there, as this node."""
        self._bound = bound
        self._services = services
        self._node = node
        self._link = link
        self._wall = wall

    async def send(self, notice: Notice) -> None:
        """Post it; NotTaken if it is not taken."""
        bound = self._bound
        body = _encode({"version": VERSION, **told(notice, node=self._node, link=self._link)})
        fields = shown("", bound.secret, body, now=self._wall())
        status = await self._services.post(
            bound.service, bound.path, body, {**_TYPE, **fields}, patience=PATIENCE
        )
        if not 200 <= status < 300:
            raise NotTaken(f"it answers {status}")
