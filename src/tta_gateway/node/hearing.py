"""Listening in a worker: who finds, who keeps, and who is told."""

import os
from collections.abc import Callable
from typing import Final

from tta_gateway.features.realtime.bound import ChannelRule
from tta_gateway.features.safety.accounts import Weigh
from tta_gateway.features.safety.bound import Mode, safety_of
from tta_gateway.features.safety.listener import Means, SafetyListener
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.incident import Reports, Source
from tta_gateway.kernel.listening import SILENCE, Heard, Judged, Listener, Place, Speaker
from tta_gateway.kernel.verdict import Detector, Verdict
from tta_gateway.support.clock import Clock
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import Died


class Nobody:
    """Listens to nobody: there is no traffic where only the order of things is asked for."""

    def listen(self, speaker: Speaker, place: Place, data: bytes) -> Heard:  # noqa: ARG002 - a port
        """Hear nothing."""
        return SILENCE

    async def report(
        self,
        speaker: Speaker,  # noqa: ARG002 - a port
        place: Place,  # noqa: ARG002 - a port
        heard: Heard,  # noqa: ARG002 - a port
        *,
        delivered: bool,  # noqa: ARG002 - a port
        source: Source = "message",  # noqa: ARG002 - a port
    ) -> bool:
        """Say that nobody has kept it."""
        return False

    def judge(
        self,
        place: Place,  # noqa: ARG002 - a port
        said_in: str,  # noqa: ARG002 - likewise
        data: bytes,
        *,
        goes_on: bool = True,  # noqa: ARG002 - likewise
    ) -> Judged:
        """Show it."""
        return Judged(data)

    def over(self, said_in: str) -> None:
        """Nothing was heard there."""


REQUESTS: Final = "requests"
"""What all requests of somebody are, beside their sockets: the care team hears once in a while."""
NOBODY: Final[Listener] = Nobody()


def listening(
    detector: Detector,
    reports: Reports,
    *,
    clock: Clock,
    registry: Registry,
    told: Callable[[SafetyRaised], None],
    died: Died,
) -> SafetyListener:
    """Return who listens in this process; `told` hears of people who may be at risk."""
    draw = Identifiers(clock.wall).uuid7
    return SafetyListener(
        Means(
            detector=detector,
            reports=reports,
            clock=clock.monotonic,
            wall=clock.wall,
            fresh=lambda: draw().decode(),
            told=told,
            died=died,
            registry=registry,
            by=f"worker {os.getpid()}",
        )
    )


def weighing(listener: SafetyListener) -> Weigh:
    """Return what has requests count among the turns of whoever is known, as their sockets do."""

    def weigh(exchange: Exchange, found: Verdict, text: str) -> Verdict:
        principal, route = exchange.principal, exchange.plan.route
        if principal is None or route is None:
            return found
        speaker = Speaker(
            principal.key,
            subject=principal.subject,
            identity="verified",
            connection=REQUESTS,
            correlation=exchange.request_id.decode("latin-1"),
        )
        return listener.weigh(speaker, Place(route.name, route.service), found, text)

    return weigh


def mode_in(rule: ChannelRule) -> Mode:
    """Return how what is said in channels of a kind is looked at."""
    route = rule.publish or rule.subscribe
    return "scan" if route is None else safety_of(route).mode
