"""Tethers in a worker: whose sockets they are, by what plans they open, and what reaches services.

A request that opens such a socket runs through the policies that judge who comes; each socket to
its service runs through those that judge a request to that service, with what the client has shown.
So the one is refused as a request is, and the other leads where a request would.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import unquote_to_bytes
from weakref import WeakValueDictionary

import msgspec

from tta_gateway.edge.own_socket import OwnSockets
from tta_gateway.edge.service_socket import ServiceSocket, ServiceSockets
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.features.access.policy import Access
from tta_gateway.features.access_log.policy import AccessLog
from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.allow_from.policy import AllowFrom
from tta_gateway.features.cors.policy import Cors
from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.metrics.policy import Metrics
from tta_gateway.features.mirror.policy import Mirror
from tta_gateway.features.problem.policy import Problem
from tta_gateway.features.ratelimit.policy import EarlyRateLimit, RateLimit
from tta_gateway.features.safety.messages import BoundMessages
from tta_gateway.features.security_headers.policy import SecurityHeaders
from tta_gateway.features.shield.policy import ShieldMark
from tta_gateway.features.split.policy import Split
from tta_gateway.features.sticky.policy import Sticky
from tta_gateway.features.tether.bond import Bond, Bonded
from tta_gateway.features.tether.bound import SOCKET
from tta_gateway.features.tether.guest import OURS, Guest, bound_of_route
from tta_gateway.features.tether.metrics import EVENTS, TETHERS
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.features.tether.sockets import LARGEST, TetherSockets
from tta_gateway.features.token_relay.policy import TokenRelay
from tta_gateway.features.transform.policy import Transform
from tta_gateway.features.websocket_origin.policy import WebSocketOrigin
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, RequestHead
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Answer, BoundPolicy, Policy
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Hearing, Said, Talk
from tta_gateway.kernel.socket import LegHearer
from tta_gateway.node.binding import Bindings
from tta_gateway.node.channel_store import ChannelStore
from tta_gateway.node.inquiry import Asker, Inquiries, Inquiry, pass_on
from tta_gateway.node.tether_lines import TetherLines
from tta_gateway.node.tether_nodes import TetherNodes
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock, Stamp
from tta_gateway.support.log import EventLog
from tta_gateway.support.metrics import Registry
from tta_gateway.support.tasks import spawn

_OF_SERVICE: Final = frozenset(
    (TrafficClass, RateLimit, Split, Gate, Sticky, TokenRelay, Transform, Mirror)
)
"""Those that say what a request to the service spends there, and what the service sees: they run
for each socket to it, and not when a client opens its own."""
_OF_OPENING: Final = frozenset(
    (
        *(AccessLog, Metrics, Problem, SecurityHeaders, Cors, ShieldMark, AllowFrom),
        *(WebSocketOrigin, EarlyRateLimit, Mirror),
    )
)
"""Those about a client's own request, which have had their say when its socket was opened."""
_SESSION: Final = b"x-socket-session"
_NUMBER: Final = b"x-socket-number"
_SHOWN: Final = b"authorization"


Forward = Callable[[Exchange], None]


class _Plans:
    """How the sockets of one route open, and what the plan of its clients leads to.

    That plan holds it: it lives for as long as a table, or a client that is there, has the plan.
    """

    def __init__(
        self, route: Route, policies: Sequence[Policy], forward: Forward, opens: Forward
    ) -> None:
        self._opens = opens
        behind = [one for one in policies if type(one) not in _OF_OPENING]
        # A socket to the service is a request to it like any other: it is let in where those are.
        self.service = bind(behind, msgspec.structs.replace(route, socket=""), forward=forward)
        judges = [one for one in behind if type(one) not in _OF_SERVICE]
        self.proof = bind(judges, route, forward=pass_on)

    def __call__(self, exchange: Exchange) -> None:
        """Open the socket of a client."""
        self._opens(exchange)


class _Waits:
    """Identity where a token may come later: one that is shown already must be believed."""

    name: ClassVar = "identity"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset(("principal",))

    def __init__(self, identity: Policy) -> None:
        """Ask this one."""
        self._identity = identity

    def for_route(self, route: Route | None) -> BoundPolicy | None:
        """Act as on a route that lets in who shows none."""
        if route is None:
            return None
        return self._identity.for_route(msgspec.structs.replace(route, auth="optional"))


class Tethering:
    """The tethers of one worker, and the desk that they ask."""

    def __init__(
        self,
        sweeper: Sweeper,
        runner: Runner,
        sockets: OwnSockets,
        *,
        clock: Clock,
        registry: Registry,
        died: Callable[[str, BaseException], None],
    ) -> None:
        """Have none yet; clients' sockets are opened by `sockets`, `died` hears of tasks."""
        self._plans: WeakValueDictionary[str, _Plans] = WeakValueDictionary()
        """by the name of their route, the newest"""
        self._runner = runner
        self._died = died
        self._clock: Final = clock.monotonic
        self._open = sockets.open
        self._inquiries = Inquiries(runner, clock=clock.monotonic)
        self._services = ServiceSockets(sweeper, runner, largest=LARGEST)
        self.sockets = TetherSockets(
            self,
            sweeper,
            clock=clock.monotonic,
            fresh=lambda: secrets.token_urlsafe(24),
            chance=random.random,
            stamp=Stamp(clock.wall).text,
        )
        counts = {event: registry.child(TETHERS, event).add for event in EVENTS}
        self.sockets.count = lambda event: counts[event]()
        self.sockets.later = sweeper.loop.call_soon
        sockets.serve(SOCKET, self.sockets)
        self._lines = TetherLines(self.sockets.take, died)
        self.bindings: Bindings | None = None
        """by which sockets are bound to channels, once there are any"""
        self._store: ChannelStore | None = None
        self._nodes: TetherNodes | None = None
        self._left: Final = asyncio.Event()

    def meet(self, state: Path, log: EventLog) -> None:
        """Reach the other workers, by a folder of the state folder; without it, be alone."""
        try:
            self._lines.open(state)
        except OSError as error:
            log.event("tethers_without_neighbours", error=str(error))
        else:
            self.sockets.elsewhere = self._lines

    def roam(self, store: ChannelStore, *, worker: str) -> None:
        """Reach the workers of other nodes, by a store of channels; no other has this name."""
        self._store = store
        self.sockets.afar = store.ear.listener = self._nodes = TetherNodes(
            store.broker,
            worker=worker,
            give=self.sockets.give,
            clock=self._clock,
            tell=store.log.event,
            died=self._died,
        )

    def plan(self, route: Route, policies: Sequence[Policy], forward: Forward) -> Plan:
        """Return the plan of requests that open a socket of this route; services by `forward`.

        Who may show a token behind the handshake is not asked for one before; whether they may come
        at all is asked when they have shown it.
        """
        plans = self._plans[route.name] = _Plans(route, policies, forward, self._open)
        kept = [one for one in policies if type(one) not in _OF_SERVICE]
        if not bound_of_route(route).first_message:
            return bind(kept, route, forward=plans)
        kept = [one for one in kept if type(one) is not Access]
        waits = [_Waits(one) if type(one) is Identity else one for one in kept]
        return bind(waits, route, forward=plans)

    def _plans_of(self, exchange: Exchange) -> _Plans:
        """Return by what plans it goes on: those in force, or its own, where its route has gone."""
        route, plans = exchange.plan.route, exchange.plan.forward
        found = None if route is None else self._plans.get(route.name)
        if found is None:
            assert isinstance(plans, _Plans)  # nothing else leads here
            return plans
        return found

    # --- the desk ---

    def prove(self, exchange: Exchange, token: bytes, asker: Asker) -> Inquiry:
        """Ask whether this token lets somebody in, as of a request that shows it."""
        plans = self._plans_of(exchange)
        head = _head(exchange, token)
        params = exchange.params
        return self._inquiries.ask(plans.proof, head, like=exchange, params=params, asker=asker)

    def open(self, guest: Guest, hearer: LegHearer) -> ServiceSocket:
        """Begin to open a socket to the service on behalf of a guest."""
        exchange = guest.exchange
        plans = self._plans_of(exchange)
        head = _head(exchange, guest.token)
        head.fields = [
            *(one for one in head.fields if one[0] not in (_SESSION, _NUMBER)),
            (_SESSION, guest.session.encode()),
            (_NUMBER, b"%d" % guest.number),
        ]
        leg = self._services.open(plans.service, head, like=exchange, hearer=hearer)
        leg.exchange.socket_id = f"tether {guest.session}"
        return leg

    def hear(self, guest: Guest, payload: bytes, *, is_text: bool, talk: Talk) -> Hearing | None:
        """Listen to what waits for a service, as the scan of its socket would."""
        scan = self._plans_of(guest.exchange).service.message_scan
        if scan is None:
            return None
        said = Said(payload, is_text=is_text, by_service=False, talk=talk)
        hearing, about = Hearing(), _about(guest)
        try:
            answer = scan(about, said)
        except Exception as error:  # noqa: BLE001 - it is looked at again when it goes on
            self._died("tether hearing", error)
            return None
        if isinstance(answer, Awaitable):
            spawn(_heard(answer, said, hearing), name="tether hearing", died=self._died)
        else:
            hearing.done(said.need)
        guest.exchange.traffic = about.traffic
        return hearing

    def farewell(self, exchange: Exchange, fate: Fate = "") -> bytes:
        """Return static help, where there is any on this route; see the port."""
        for policy in self._plans_of(exchange).service.policies:
            if isinstance(policy, BoundMessages):
                return policy.farewell(exchange, fate)
        return b""

    def bind(
        self, channel: str, bonded: Bonded, *, serves: bool, seat: Seat | None = None
    ) -> Bond | None:
        """Bind a tether to a channel of the hub."""
        if self.bindings is None:
            return None
        return self.bindings.bind(channel, bonded, serves=serves, seat=seat)

    def tick(self, snapshot: Snapshot, *, is_leaving: bool) -> None:
        """Hear other nodes, where routes have tethers; who leaves lets go of who is away."""
        if self._store is not None and self._nodes is not None:
            is_wanted = len(self._plans) > 0
            self._store.follow(snapshot, is_wanted=is_wanted)
            if is_wanted:
                self._store.tick(self._clock())
                self._nodes.tick()
        if is_leaving:
            self._lines.close()
            if self.sockets.leave():
                self._left.set()

    async def leave(self, patience: float) -> None:
        """Wait until what clients come back for is where another worker finds it; end the rest.

        What of that has waited for a service is told to whoever keeps it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                if not self.sockets.leave():
                    await self._left.wait()
        self.sockets.stop()
        await asyncio.sleep(0)  # who keeps what was lost does so in a task

    def close(self) -> None:
        """Hear no more of the store."""
        if self._store is not None:
            self._store.close()


def _about(guest: Guest) -> Exchange:
    """Return the exchange by which a guest is known who has no socket to the service."""
    before = guest.exchange
    made = Exchange(
        before.request,
        origin=before.origin,
        peer=before.peer,
        plan=before.plan,
        started=before.started,
    )
    made.client, made.params, made.request_id = before.client, before.params, before.request_id
    made.principal, made.traffic = guest.principal, before.traffic
    made.socket_id = f"tether {guest.session}" if guest.session else before.socket_id
    return made


async def _heard(answer: Awaitable[Answer], said: Said, hearing: Hearing) -> None:
    await answer
    hearing.done(said.need)


def _name_in(one: bytes) -> bytes:
    """Return the name of a parameter, as it is read where somebody comes back by it."""
    return unquote_to_bytes(one.partition(b"=")[0].replace(b"+", b" "))


def _head(exchange: Exchange, token: bytes) -> RequestHead:
    """Return the request as a service gets it, with the token that was shown behind it."""
    request = exchange.request
    path, _, query = request.target.partition(b"?")
    left = [one for one in query.split(b"&") if one and _name_in(one) not in OURS]
    target = path + b"?" + b"&".join(left) if left else path
    head = request.again(request.stream_id, target)
    head.path = request.path  # made normal
    fields: Fields = list(request.fields)
    if token:
        fields = [one for one in fields if one[0] != _SHOWN]
        fields.append((_SHOWN, b"Bearer " + token))
    head.fields = fields
    head.index = head.rendered = None
    return head
