"""Listening in a worker: who finds, who keeps, and who is told."""

import os
from collections.abc import Callable
from typing import Final

from tta_gateway.features.realtime.bound import ChannelRule
from tta_gateway.features.safety.accounts import Weigh, mark_in
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


def weighing(listener: SafetyListener, pseudonym: Callable[[str], str]) -> Weigh:
    """Return what has requests count among the turns of whoever makes them.

    Who is known is the same as in their sockets.  Of a network, which is many people, those are one
    that come by one connection, as with incidents; where nothing tells them apart (a proxy of the
    operator's speaks for many), each request is taken by itself.
    """

    def weigh(exchange: Exchange, found: Verdict, text: str) -> Verdict:
        route, speaker = exchange.plan.route, _speaker(exchange, pseudonym)
        if route is None or speaker is None:
            return found
        return listener.weigh(speaker, Place(route.name, route.service), found, text)

    return weigh


def _speaker(exchange: Exchange, pseudonym: Callable[[str], str]) -> Speaker | None:
    """Return who makes a request; None where nobody can be told from others."""
    principal, correlation = exchange.principal, exchange.request_id.decode("latin-1")
    if principal is not None:
        return Speaker(
            principal.key,
            subject=principal.subject,
            identity="verified",
            connection=REQUESTS,
            correlation=correlation,
        )
    network = pseudonym(exchange.client)
    mark = mark_in(exchange, network)
    if exchange.lapsed is not None or not mark:
        return None
    return Speaker(
        network,
        subject="",
        identity="unknown",
        connection=f"{REQUESTS} {mark}",
        correlation=correlation,
    )


def mode_in(rule: ChannelRule) -> Mode:
    """Return how what is said in channels of a kind is looked at."""
    route = rule.publish or rule.subscribe
    return "scan" if route is None else safety_of(route).mode
