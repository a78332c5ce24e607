"""Say the class of every request, and let each in at its service when there is room for it."""

from asyncio import Future
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.admission.algorithm import DISPLACED, LATE, LEFT, LET_IN, Waiting
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.admission.metrics import ADMISSIONS
from tta_gateway.features.admission.problems import OVERLOADED, SHED
from tta_gateway.features.admission.rooms import OUTCOMES, Rooms, ServiceRoom
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, is_of_events
from tta_gateway.kernel.own import CLOSED_FOR, OWN
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import (
    UPSTREAM_BUSY,
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
)
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CLASSES, CRISIS, STANDARD, THERAPEUTIC

_SWITCHED: Final = 101
_UNAVAILABLE: Final = 503
_WAITS: Final = -1.0
# What a service gets that has too much to do.
_STRAINED: Final = frozenset(
    one.code
    for one in (
        UPSTREAM_BUSY,
        UPSTREAM_CONNECT_TIMEOUT,
        UPSTREAM_FIRST_BYTE_TIMEOUT,
        UPSTREAM_RESET,
        UPSTREAM_TOTAL_TIMEOUT,
    )
)
_WAITED: Final = OUTCOMES.index("waited")
_FULL: Final = OUTCOMES.index("full")
_COUNTED: Final = {
    LET_IN: _WAITED,
    DISPLACED: OUTCOMES.index("displaced"),
    LATE: OUTCOMES.index("late"),
    LEFT: OUTCOMES.index("gone"),
}


def _class_of(route: Route | None) -> int:
    raw = route.features.get("admission") if route is not None else None
    if raw is None:
        return THERAPEUTIC
    return CLASSES.index(msgspec.msgpack.decode(raw, type=RouteAdmission).traffic)


class TrafficClass:
    """Stands before the limits: an open crisis or session lifts the class before any counts."""

    name: ClassVar = "admission_class"
    needs: ClassVar[frozenset[str]] = frozenset({"principal"})
    gives: ClassVar[frozenset[str]] = frozenset({"traffic"})

    def __init__(self, rooms: Rooms) -> None:
        """Go by what is known there."""
        self._rooms = rooms

    def for_route(self, route: Route | None) -> "BoundTrafficClass | None":
        """Act on every route."""
        return None if route is None else BoundTrafficClass(self._rooms, route)


class BoundTrafficClass:
    """The class of one route's requests; `traffic` is that where nothing lifts it."""

    words_nothing: ClassVar = True

    def __init__(self, rooms: Rooms, route: Route) -> None:
        """Keep what the route says."""
        self.traffic = _class_of(route)
        self._rooms = rooms
        self._pressure = rooms.pressure
        self._sessions = rooms.sessions
        self._administrative = frozenset(rooms.bound.administrative)
        served = rooms.bound.enabled and bool(route.service) and route.maintenance is None
        self._turns_away = served and self.traffic != CRISIS
        self._overloaded = [
            rooms.registry.child(ADMISSIONS, route.service, one, "overloaded") for one in CLASSES
        ]

    def explain(self) -> str:
        """Say what it does."""
        return f"class {CLASSES[self.traffic]}, where nothing of the person lifts it"

    def on_request(self, exchange: Exchange) -> Refusal | None:
        """Say the class; turn away what the worker has no time for."""
        if exchange.traffic == CRISIS:
            return None  # what it says has been looked at, because it was refused before
        traffic, principal = self.traffic, exchange.principal
        if principal is not None:
            traffic = self._of(principal)
        exchange.traffic = traffic
        if traffic < STANDARD or not self._turns_away or not self._pressure.turns_away(traffic):
            return None
        self._overloaded[traffic].add()
        return self._rooms.refusal(OVERLOADED, traffic)

    def _of(self, principal: Principal) -> int:
        """Return the class of somebody's requests on this route."""
        traffic = self.traffic
        if traffic == CRISIS or self._rooms.incident(principal.key):
            return CRISIS
        roles = principal.roles
        if roles and roles <= self._administrative:
            return max(traffic, STANDARD)
        if traffic == STANDARD and self._sessions.is_open(principal.key):
            return THERAPEUTIC
        return traffic

    def on_response(self, exchange: Exchange) -> None:
        """Take note of a session that begins."""
        principal, response = exchange.principal, exchange.response
        assert response is not None  # the response phase has one
        if principal is None or exchange.traffic > THERAPEUTIC or response.local:
            return
        if response.status == _SWITCHED or (response.body is None and is_of_events(response)):
            self._sessions.begin(exchange, principal.key)

    def on_finish(self, exchange: Exchange) -> None:
        """Take note that it is over."""
        if exchange.principal is not None:
            self._sessions.end(exchange)


class Gate:
    """Stands behind whatever refuses: the last before real work."""

    name: ClassVar = "admission_gate"
    needs: ClassVar[frozenset[str]] = frozenset({"traffic", "service"})
    gives: ClassVar[frozenset[str]] = frozenset({"admitted"})

    def __init__(self, rooms: Rooms) -> None:
        """Let in to these rooms."""
        self._rooms = rooms

    def for_route(self, route: Route | None) -> "BoundGate | None":
        """Act where a service is asked."""
        if route is None or not self._rooms.bound.enabled:
            return None
        if not route.service or route.socket or route.stream or route.maintenance is not None:
            return None
        return BoundGate(self._rooms, route)


class BoundGate:
    """The way in for one route's requests.

    An exchange takes up room until its service begins to answer, or it ends without: its `admitted`
    is then when that began.  So a client that reads slowly, or a socket that stays open, keeps
    nobody out.
    """

    words_nothing: ClassVar = True  # to a problem of those that are not let in

    def __init__(self, rooms: Rooms, route: Route) -> None:
        """Find the room at the route's service."""
        self._rooms = rooms
        self._route = route.name
        self._service = route.service
        self._total = route.timeouts.total
        self._room = rooms.of(route.service)
        self._timing = self._room.timing_of(route.name)

    def explain(self) -> str:
        """Say what it does."""
        return "lets in at the service as it keeps up; higher classes first"

    def _room_of(self, exchange: Exchange) -> ServiceRoom:
        service = exchange.service
        return self._rooms.of(service) if service and service != self._service else self._room

    def on_request(self, exchange: Exchange) -> "Future[Answer] | Refusal | None":
        """Let it in, or have it wait."""
        # Little more than two comparisons while nothing is short: bench/admission.py.
        room, traffic = self._room, exchange.traffic
        if exchange.service:
            room = self._room_of(exchange)
        exchange.lane = traffic
        if room.take(traffic):
            exchange.admitted = self._rooms.clock()  # what came before is not the service's doing
            room.at_once[traffic].add()
            return None
        return self._wait(exchange, room)

    def _wait(self, exchange: Exchange, room: ServiceRoom) -> "Future[Answer] | Refusal":
        rooms, traffic = self._rooms, exchange.lane
        now = rooms.clock()
        timing = self._timing if room is self._room else room.timing_of(self._route)
        in_time = exchange.started + self._total - room.adaptive.takes(timing)
        turn = Turn(exchange, room, rooms)
        until = min(now + rooms.patience(traffic), in_time)
        waiting = Waiting(traffic, until, turn.decided)
        if not room.wait(waiting, now):
            room.counted[_FULL][traffic].add()
            return rooms.refusal(SHED, traffic)
        exchange.admitted = _WAITS
        rooms.waiting[exchange] = waiting
        return turn.future

    def on_response(self, exchange: Exchange) -> None:
        """Give the room back: the service has done its part, or never will."""
        if exchange.admitted != 0.0:
            self._over(exchange)

    def on_finish(self, exchange: Exchange) -> None:
        """Give the room back, where nobody was there to be answered."""
        if exchange.admitted != 0.0:
            self._over(exchange)

    def _over(self, exchange: Exchange) -> None:
        began = exchange.admitted
        exchange.admitted = 0.0
        room = self._room_of(exchange)
        if began < 0.0:
            waiting = self._rooms.waiting.pop(exchange, None)
            if waiting is not None:
                room.leave(waiting)
            return
        response = exchange.response
        if response is not None:
            self._learn(exchange, response, room, began)
        room.give_back(exchange.lane)
        if room.waiting:
            room.fill(self._rooms.clock())

    def _learn(
        self, exchange: Exchange, response: Response, room: ServiceRoom, began: float
    ) -> None:
        """Take note of how the service did."""
        if response.local:
            if response.problem is not None and response.problem.code in _STRAINED:
                room.adaptive.failed()
            return
        if response.status == _UNAVAILABLE:
            if room.name == OWN and response.get(CLOSED_FOR) is not None:
                room.adaptive.passed()  # there is no room for logins: of others that tells nothing
            else:
                room.adaptive.failed()
            return
        # How long an upload takes is the client's doing, and a further try's endpoint another.
        if exchange.upload is None and exchange.tries == 1 and not exchange.degraded:
            timing = self._timing if room is self._room else room.timing_of(self._route)
            room.adaptive.observe(timing, exchange.first_byte_at - began, began)
        elif exchange.tries and not exchange.degraded:
            room.adaptive.passed()


class Turn:
    """What an exchange waits for: its turn at a room."""

    def __init__(self, exchange: Exchange, room: ServiceRoom, rooms: Rooms) -> None:
        """Wait."""
        self.future = rooms.future()
        self._exchange = exchange
        self._room = room
        self._rooms = rooms

    def decided(self, outcome: int) -> None:
        """Go on, with room or with a refusal."""
        exchange, rooms = self._exchange, self._rooms
        rooms.waiting.pop(exchange, None)
        traffic = exchange.lane
        self._room.counted[_COUNTED[outcome]][traffic].add()
        exchange.admitted = rooms.clock() if outcome == LET_IN else 0.0
        if self.future.done():
            return  # nobody waits any more: the end of the exchange gives the room back
        if outcome in (LET_IN, LEFT):
            self.future.set_result(None)
        else:
            self.future.set_result(rooms.refusal(SHED, traffic))
