"""The channels of a guard: how each of those who may be called is reached.

What a kind of contact needs (mail, HTTP, the hub's store, certificates) is imported when one of
that kind is adopted: before anybody is in need, and not at all where nobody is called so.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

import msgspec

from tta_gateway.features.escalation.bound import (
    Contact,
    EscalationBound,
    Hook,
    Letters,
    Mailbox,
    ServiceHook,
)
from tta_gateway.features.escalation.channel import Channel
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts
from tta_gateway.support.log import EventLog

if TYPE_CHECKING:
    from tta_gateway.features.escalation.realtime_channel import Post
    from tta_gateway.features.escalation.service_channel import Services
    from tta_gateway.node.state_client import StateClient
    from tta_gateway.support.valkey.topology import Topology

_RESOLVING: Final = ("concurrent.futures.thread", "encodings.idna")
"""What Python imports when a name is looked up for the first time."""
_MAIL: Final = "email.policy"
"""What it imports when a mail is written for the first time."""


class CrisisChannels:
    """Makes them, by the snapshot and the sections that are in force."""

    def __init__(
        self,
        parts: Callable[[], Parts],
        snapshot: Callable[[], Snapshot],
        *,
        wall: Callable[[], float],
        log: EventLog,
        died: Callable[[str, BaseException], None],
    ) -> None:
        """Begin without any."""
        self._parts = parts
        self._snapshot = snapshot
        self._wall = wall
        self._log = log
        self._died = died
        self._client: StateClient | None = None
        self._post: Post | None = None
        self._services: Services | None = None

    def of(self, contact: Contact, bound: EscalationBound) -> Channel:
        """Return how this one is reached; ssl.SSLError if its authorities cannot be used."""
        for name in _RESOLVING:
            import_module(name)
        if isinstance(contact, Hook):
            from tta_gateway.features.escalation.webhook_channel import WebhookChannel

            return WebhookChannel(contact, node=bound.node, link=bound.link, wall=self._wall)
        if isinstance(contact, Mailbox):
            from tta_gateway.features.escalation.smtp_channel import SmtpChannel

            import_module(_MAIL)
            return SmtpChannel(contact, link=bound.link, wall=self._wall)
        if isinstance(contact, Letters):
            return self._letters(contact, bound)
        return self._service(contact, bound)

    def _letters(self, contact: Letters, bound: EscalationBound) -> Channel:
        from tta_gateway.features.escalation.realtime_channel import RealtimeChannel

        if self._post is None:
            self._post = self._posted()
        return RealtimeChannel(contact, self._post, node=bound.node, link=bound.link)

    def _posted(self) -> "Post":
        from tta_gateway.node.crisis_post import CrisisPost
        from tta_gateway.node.state_client import StateClient
        from tta_gateway.node.vaults import following

        self._client = StateClient(
            self._snapshot, topology=self._topology, log=self._log, died=self._died
        )
        vault = following(self._log, self._snapshot, lambda: self._parts().live)
        return CrisisPost(self._client, wall=self._wall, vault=vault)

    def _topology(self) -> "Topology | None":
        """Return who serves the store for state, as control has found out."""
        from tta_gateway.node.valkeys import serves
        from tta_gateway.support.valkey.topology import Served

        raw, state = self._parts().live.get(serves("state")), self._snapshot().state
        if raw is None or state is None:
            return None
        served = msgspec.msgpack.decode(raw, type=Served)
        return served.topology if served.of == state.named else None

    def _service(self, contact: ServiceHook, bound: EscalationBound) -> Channel:
        from tta_gateway.features.escalation.service_channel import ServiceChannel
        from tta_gateway.node.crisis_services import CrisisServices

        if self._services is None:
            self._services = CrisisServices(self._parts)
        return ServiceChannel(
            contact, self._services, node=bound.node, link=bound.link, wall=self._wall
        )

    def close(self) -> None:
        """Let the store of the hub go."""
        if self._client is not None:
            self._client.close()
