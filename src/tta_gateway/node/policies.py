"""The policies of a worker, made from its snapshot and put in order.

`explain` makes them too, so that what it says is what a worker would do.
"""

import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.access.policy import Access, Circle, book_of
from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.access_log.policy import AccessLog
from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.admission.rooms import Rooms
from tta_gateway.features.allow_from.policy import AllowFrom
from tta_gateway.features.callers.bound import CallersBound
from tta_gateway.features.callers.policy import Callers, Standing
from tta_gateway.features.chat.policy import Chat
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.features.cors.policy import Cors
from tta_gateway.features.error_records.bound import ErrorRecordsBound
from tta_gateway.features.error_records.metrics import RECORDS
from tta_gateway.features.error_records.policy import ErrorRecords, Keeper
from tta_gateway.features.error_records.record import Record
from tta_gateway.features.escalation.policy import Drills, Take
from tta_gateway.features.identity.access_cookie import AccessCookie
from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.features.metrics.bound import MetricsBound
from tta_gateway.features.metrics.policy import Metrics
from tta_gateway.features.mirror.policy import NOWHERE, Mirror, Ways
from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.features.nodes.policy import Hearing, Nodes
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.policy import Problem
from tta_gateway.features.ratelimit.bound import RateLimitBound
from tta_gateway.features.ratelimit.policy import EarlyRateLimit, Keeping, RateLimit
from tta_gateway.features.ratelimit.store import Exact
from tta_gateway.features.ratelimit.tally import Tally
from tta_gateway.features.safety.bound import SafetyBound
from tta_gateway.features.safety.care import Care
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.messages import Later, Messages
from tta_gateway.features.safety.telling import Telling
from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.features.security_headers.policy import SecurityHeaders
from tta_gateway.features.shield.bound import ShieldBound
from tta_gateway.features.shield.policy import ShieldAct, ShieldMark
from tta_gateway.features.shield.ward import Ward
from tta_gateway.features.split.policy import WILLING, Services, Split
from tta_gateway.features.sticky.policy import Sticky
from tta_gateway.features.token_relay.bound import TokenRelayBound
from tta_gateway.features.token_relay.policy import TokenRelay
from tta_gateway.features.trace.policy import Trace
from tta_gateway.features.transform.policy import Transform
from tta_gateway.features.websocket_origin.policy import WebSocketOrigin
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.listening import Listener
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.node.hearing import NOBODY
from tta_gateway.node.owner_lookups import Apart, OwnerLookups
from tta_gateway.node.scanning import Nowhere, Scanning
from tta_gateway.order import ORDER
from tta_gateway.pipeline.check import complaints
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Clock, Stamp
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import Lines
from tta_gateway.support.metrics import Registry

B = TypeVar("B", bound=msgspec.Struct)


def bound(snapshot: Snapshot, feature: str, kind: type[B]) -> B:
    """Return a feature's settings, its defaults where the operator wrote none."""
    raw = snapshot.features.get(feature)
    return kind() if raw is None else msgspec.msgpack.decode(raw, type=kind)


def policies(
    snapshot: Snapshot,
    *,
    registry: Registry,
    lines: Lines | None,
    clock: Clock,
    reach: "Reach | None" = None,
) -> list[Policy]:
    """Return the policies in order."""
    reach = reach or Reach()
    sticky = Sticky(random.random)
    relay = TokenRelay(bound(snapshot, "token_relay", TokenRelayBound), wall=clock.wall)
    protection = _protection(snapshot, registry, clock, reach)
    lets_in = [Apart(one) for one in protection if isinstance(one, (TrafficClass, Gate))]
    made: dict[type, Policy] = {
        type(policy): policy
        for policy in (
            *_observers(snapshot, registry, lines, clock, reach),
            Problem(bound(snapshot, "problem", ProblemBound)),
            Cors(bound(snapshot, "cors", CorsBound)),
            SecurityHeaders(bound(snapshot, "security_headers", SecurityHeadersBound)),
            AllowFrom(),
            WebSocketOrigin(),
            _callers(snapshot, registry, clock, reach),
            _identity(snapshot, registry, clock, reach),
            Nodes(bound(snapshot, "nodes", NodesBound), reach.hearing, registry=registry),
            _access(snapshot, registry, clock, reach, asking=(*lets_in, sticky, relay)),
            Chat(now=Stamp(clock.wall).text, chance=os.urandom),
            Split(random.random, reach.services),
            sticky,
            relay,
            Transform(),
            Mirror(reach.ways, chance=random.random, registry=registry, spares=_spares),
        )
    }
    safety = _safety(snapshot, registry, clock, reach)
    made |= {type(one): one for one in (*protection, *safety)}
    return _in_order(made)


def _identity(snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach") -> Identity:
    believed = bound(snapshot, "identity", IdentityBound)
    cookie = None if believed.cookie is None else AccessCookie(believed.cookie)
    return Identity(
        verifier(believed),
        wall=clock.wall,
        streams=reach.streams,
        cookie=cookie,
        registry=registry,
    )


def _access(
    snapshot: Snapshot,
    registry: Registry,
    clock: Clock,
    reach: "Reach",
    *,
    asking: Sequence[Policy],
) -> Access:
    book = book_of(bound(snapshot, "access", AccessBound))
    made = Access(book, reach.circle, wall=clock.wall, registry=registry)
    made.lookups = OwnerLookups(reach.ways, asking)
    return made


def _protection(
    snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach"
) -> tuple[Policy, ...]:
    """Return what keeps the load bearable."""
    rooms = _rooms(snapshot, registry, clock, reach)
    ward = _ward(snapshot, registry, clock, reach)
    limits = _limits(snapshot, registry, clock, reach)
    return (TrafficClass(rooms), *limits, Gate(rooms), ShieldMark(ward), ShieldAct(ward))


def _rooms(snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach") -> Rooms:
    rooms = reach.rooms or Rooms(registry=registry, clock=clock.monotonic, chance=random.random)
    rooms.adopt(bound(snapshot, "admission", AdmissionBound))
    return rooms


def _ward(snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach") -> Ward:
    ward = reach.ward or Ward(
        registry=registry, clock=clock.monotonic, chance=random.random, wall=clock.wall
    )
    ward.adopt(bound(snapshot, "shield", ShieldBound))
    return ward


def _callers(snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach") -> Callers:
    known = bound(snapshot, "callers", CallersBound)
    return Callers(known, wall=clock.wall, registry=registry, standing=reach.standing)


def _access_log(snapshot: Snapshot, lines: Lines | None, clock: Clock) -> AccessLog:
    return AccessLog(
        lines,
        clock=clock.monotonic,
        stamp=Stamp(clock.wall),
        whole_paths=bound(snapshot, "access_log", AccessLogBound).paths == "whole",
    )


def _metrics(snapshot: Snapshot, registry: Registry, clock: Clock) -> Metrics:
    known = bound(snapshot, "metrics", MetricsBound)
    return Metrics(known, registry=registry, clock=clock.monotonic)


def _observers(
    snapshot: Snapshot, registry: Registry, lines: Lines | None, clock: Clock, reach: "Reach"
) -> tuple[Policy, ...]:
    """Return what sees how exchanges end."""
    return (
        Trace(Identifiers(clock.wall)),
        _access_log(snapshot, lines, clock),
        _metrics(snapshot, registry, clock),
        _error_records(snapshot, clock, reach),
    )


def _error_records(snapshot: Snapshot, clock: Clock, reach: "Reach") -> ErrorRecords:
    draw = Identifiers(clock.wall).uuid7
    return ErrorRecords(
        bound(snapshot, "error_records", ErrorRecordsBound),
        reach.keeper,
        clock=clock.monotonic,
        wall=clock.wall,
        fresh=lambda: draw().decode(),
    )


def _limits(
    snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach"
) -> tuple[EarlyRateLimit, RateLimit]:
    """Return what keeps limits: what was spent before this snapshot stays spent."""
    limits = bound(snapshot, "ratelimit", RateLimitBound)
    tally = reach.tally
    if tally is None:
        tally = Tally(monotonic=clock.monotonic, wall=clock.wall, chance=random.random)
    keeping = Keeping(limits, tally, registry=registry, exact=reach.exact)
    return EarlyRateLimit(keeping), RateLimit(keeping)


def _safety(
    snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach"
) -> tuple[Policy, ...]:
    """Return what hears people in need, and gives them help."""
    safety = bound(snapshot, "safety", SafetyBound)
    helping, telling = Helping(safety), Telling(safety.told)
    scanning = _scanning(snapshot, registry, clock, reach)
    messages = Messages(
        reach.listener,
        helping,
        pseudonym=scanning.pseudonym,
        clock=clock.monotonic,
        later=reach.later,
    )
    lane, scan = scanning.policies(helping)
    messages.telling = scan.telling = telling
    return (Care(helping, registry=registry), Drills(reach.drills), messages, lane, scan)


def _scanning(snapshot: Snapshot, registry: Registry, clock: Clock, reach: "Reach") -> Scanning:
    """Return what looks at bodies; of an explanation, one that tells nobody."""
    if reach.scanning is not None:
        return reach.scanning
    return Scanning(
        snapshot,
        Nowhere(),
        clock=clock,
        registry=registry,
        spawn=lambda work: work.close(),
        report=lambda _, __: None,
    )


def _in_order(made: Mapping[type, Policy]) -> list[Policy]:
    ordered = [made[kind] for kind, _ in ORDER]
    found = complaints(ordered)
    if found:
        raise AssertionError("; ".join(found))  # order.py is wrong; a test says so first
    return ordered


class Reach:
    """What policies reach beyond their exchange; nothing, unless it is said.

    `ways` is how copies are sent, `services` who is there, `streams` are those that are open,
    `circle` is who is tied to whom, `standing` what is open by certificates, `hearing` until when
    what is known is so, `rooms` how much room there is at services, `tally` what is spent of
    limits, `exact` who is asked of strict ones, `ward` who is kept out, and `scanning` looks at
    what people write, `drills` knows drills, `keeper` keeps records of errors.  `listener` is who
    listens to people, and `later` sees to what nobody waits for.
    """

    def __init__(
        self,
        *,
        ways: Ways = NOWHERE,
        services: Services = WILLING,
        streams: OpenStreams | None = None,
        circle: Circle | None = None,
        standing: Standing | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        """Reach these."""
        self.listener: Listener = NOBODY
        self.later: Later = _nothing_later
        self.keeper: Keeper = _Nothing()
        self.drills: Take = _no_drill
        self.tally: Tally | None = None
        self.exact: Exact | None = None
        self.standing = Standing() if standing is None else standing
        self.hearing = Hearing(_no_time) if hearing is None else hearing
        self.circle = circle
        self.rooms: Rooms | None = None
        self.ward: Ward | None = None
        self.scanning: Scanning | None = None
        self.ways = ways
        self.services = services
        self.streams = OpenStreams(later=_never) if streams is None else streams


class _Nothing:
    """Keeps no records."""

    def __init__(self) -> None:
        """Count for nobody."""
        self.closed_until = 0.0
        self.crowded = Registry().child(RECORDS, "crowded")

    def has_room(self, *, is_urgent: bool, is_alike: bool = False) -> bool:  # noqa: ARG002 - the port's
        """Say that there is no room."""
        return False

    def put(self, record: Record) -> None:
        """Keep nothing."""


def _no_drill(_: bytes) -> None:
    """Know no drill."""


def _never(_: Callable[[], None]) -> None:
    """Call nothing: nothing is open."""


def _nothing_later(_: Awaitable[bool]) -> None:
    """See to nothing: nothing was said."""


def _no_time() -> float:
    """Stand still: what is known is always so."""
    return 0.0


def _spares(exchange: Exchange) -> bool:
    """Tell whether an exchange may be seen by nobody but its service: that of a crisis."""
    return exchange.traffic == CRISIS
