"""What services make of what the hub's desk has allowed: what clients are told, and until when.

They are asked behind the gateway's own policies (node/hub_services.py), and get no further than
those: whoever it is, is who their token says, and reads what the rules let them read.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from math import inf
from typing import Protocol, TypeAlias

from tta_gateway.features.realtime import codes, contract
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.codes import CONNECTION_EXPIRED, INTERNAL
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.contract import (
    Carrier,
    Connected,
    Refreshed,
    Subscribed,
    Unclear,
)
from tta_gateway.features.realtime.doorkeeper import (
    Admission,
    Admitted,
    Amended,
    Caller,
    Grant,
    Granted,
    Verdict,
)
from tta_gateway.node.hub_services import LONGEST_VALUE, HubServices, ServiceSays, told_names
from tta_gateway.node.hub_visitor import Visitor
from tta_gateway.node.inquiry import Inquiry

Further: TypeAlias = Callable[[Visitor, Inquiry, Admission], Admitted | Awaitable[Admitted]]
"""what comes of somebody who may connect"""
Reading: TypeAlias = Callable[[Visitor, Inquiry, bool], Granted | Awaitable[Granted]]
"""what comes of somebody who may read a channel, which may be new to them"""


class Subscribing(Protocol):
    """Has policies say whether somebody may read a channel."""

    def __call__(self, channel: str, caller: Caller) -> Granted | Awaitable[Granted]:
        """Say it."""


class HubAsked:
    """Asks services about connections and subscriptions, once the desk allows them."""

    def __init__(
        self,
        services: HubServices | None,
        *,
        wall: Callable[[], float],
        subscribe: Subscribing,
    ) -> None:
        """Ask nobody yet; what a service has somebody read, `subscribe` must allow."""
        self._services = services
        self._wall = wall
        self._subscribe = subscribe
        self._connect: ServiceSays | None = None
        self._refresh: ServiceSays | None = None
        self._most_channels = 0
        self._told_names: frozenset[str] = frozenset()

    def adopt(self, bound: RealtimeBound) -> None:
        """Ask by this configuration from now on."""
        self._most_channels = bound.most_channels
        self._told_names = told_names(bound)
        if self._services is not None:
            self._connect = self._services.of("connect", bound.asked_connect)
            self._refresh = self._services.of("refresh", bound.asked_refresh)

    def kept_of(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the fields that a client has written and that some service is told."""
        if not self._told_names:
            return {}
        said = {name.lower(): value for name, value in headers.items()}
        kept = ((name, said.get(name, "")) for name in self._told_names)
        return {name: value for name, value in kept if 0 < len(value) <= LONGEST_VALUE}

    def connecting(self, request: ConnectRequest, caller: Caller) -> Further:
        """Return what comes of somebody who may connect."""
        if self._connect is None:
            return _as_it_is
        return partial(self._in_turn, self._connect, request, caller)

    def refreshing(self, caller: Caller) -> Further:
        """Return what comes of somebody who may go on."""
        if self._refresh is None:
            return self._until
        return partial(self._renewed, self._refresh, caller)

    def _in_turn(
        self,
        says: ServiceSays,
        request: ConnectRequest,
        caller: Caller,
        visitor: Visitor,
        inquiry: Inquiry,
        admission: Admission,
    ) -> Admitted:
        """Return that a service is asked when it is their turn: a storm reaches none at once."""
        asks = partial(self._welcomed, says, request, caller, visitor, inquiry, admission)
        return replace(admission, further=asks)

    async def _welcomed(
        self,
        says: ServiceSays,
        request: ConnectRequest,
        caller: Caller,
        visitor: Visitor,
        inquiry: Inquiry,
        admission: Admission,
    ) -> Admitted:
        """Return how somebody is let in about whom a service is asked: as who they are, always."""
        body = contract.connect(caller.client, visitor.carrier, request)
        said = await says.about(inquiry.exchange, visitor, body, contract.connected)
        if not isinstance(said, Connected):
            return said
        visitor.until = said.expires or inf
        visitor.meta = (says.service, said.meta)
        channels = await self._readable(said.channels, caller, visitor)
        visitor.given = set(channels)
        let_in = replace(admission, about=said.about, data=said.data, channels=channels)
        admitted = self._until(visitor, inquiry, let_in)
        if isinstance(admitted, Admission) and not request.token:
            return replace(admitted, is_quiet=admitted.seconds != admission.seconds)
        return admitted

    async def _renewed(
        self,
        says: ServiceSays,
        caller: Caller,
        visitor: Visitor,
        inquiry: Inquiry,
        admission: Admission,
    ) -> Admitted:
        """Return how long somebody may go on about whom a service is asked."""
        body = contract.refresh(caller, visitor.as_told_to(says.service))
        said = await says.about(inquiry.exchange, visitor, body, contract.refreshed)
        if not isinstance(said, Refreshed):
            return said
        visitor.until = said.expires or inf
        return self._until(visitor, inquiry, admission)

    def _until(self, visitor: Visitor, _: Inquiry, admission: Admission) -> Admitted:
        """Return an admission that lasts no longer than a service has said."""
        left = visitor.until - self._wall()
        if left == inf:
            return admission
        if left <= 0:
            return CONNECTION_EXPIRED
        own = admission.seconds
        seconds = max(1, int(left))
        if own is not None and own <= seconds:
            return admission
        return replace(admission, seconds=seconds)

    async def _readable(
        self, wanted: Mapping[str, bytes], caller: Caller, visitor: Visitor
    ) -> dict[str, bytes]:
        """Return the channels that a service has somebody read, those that they may read."""
        found: dict[str, bytes] = {}
        for name, about in islice(wanted.items(), self._most_channels):
            granted = self._subscribe(name, caller)
            if isinstance(granted, Awaitable):
                granted = await granted
            if isinstance(granted, Grant):
                found[name] = about
        # What lets them read some of it may have ended while the others were asked about.
        return {name: about for name, about in found.items() if name in visitor.reading}

    async def subscribed(
        self,
        says: ServiceSays,
        channel: str,
        body: Callable[[Carrier], bytes],
        visitor: Visitor,
        inquiry: Inquiry,
        is_new: bool,
    ) -> Granted:
        """Return what a service says to somebody who may read a channel, and may not otherwise.

        What lets them read is kept meanwhile, so that it ends with whatever ends it.
        """
        granted: Granted = INTERNAL
        try:
            asked = body(visitor.as_told_to(says.service))
            said = await says.about(inquiry.exchange, visitor, asked, contract.subscribed)
            granted = self._grant(said) if isinstance(said, Subscribed) else said
        finally:
            if is_new and not isinstance(granted, Grant):
                visitor.leave(channel)
        return granted if channel in visitor.reading or not isinstance(granted, Grant) else INTERNAL

    def _grant(self, said: Subscribed) -> Granted:
        left = (said.expires or inf) - self._wall()
        if left <= 0:
            return codes.EXPIRED
        seconds = None if left == inf else max(1, int(left))
        return Grant(seconds=seconds, about=said.about, data=said.data, is_quiet=True)


def _as_it_is(_: Visitor, __: Inquiry, admission: Admission) -> Admitted:
    return admission


async def shorter(shown: Grant, asked: Granted | Awaitable[Granted]) -> Granted:
    """Return what a service says whose asker has a token; it lasts no longer than either."""
    granted = await asked if isinstance(asked, Awaitable) else asked
    if not isinstance(granted, Grant):
        return granted
    own, its = shown.seconds, granted.seconds
    if its is not None and (own is None or its < own):
        return granted
    return replace(granted, seconds=own, is_quiet=False)


def amended(body: bytes, *, largest: int) -> Amended | Verdict:
    """Read what a service makes of a message; Unclear, also if it is larger than one may be."""
    found = contract.amended(body)
    if isinstance(found, Amended) and len(found.data) > largest:
        raise Unclear(f"`data` is larger than a message may be there: {largest} bytes")
    return found
