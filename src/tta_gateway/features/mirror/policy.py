"""Send copies of a route's requests to a shadow service."""

from collections.abc import Callable
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.mirror.bound import MirrorBound
from tta_gateway.features.mirror.metrics import MIRRORED
from tta_gateway.kernel.exchange import Exchange, Origin, Spliced, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, Response
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.route import Route, leading_to
from tta_gateway.support.metrics import Child, Registry

SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS"))
LARGEST: Final = 1024 * 1024
"""Bytes of an answer that are read; beyond them its connection is closed."""
_MARK: Final = (b"x-mirrored", b"1")


class Ways:
    """How a copy is sent.

    `later` calls something once this turn is over, `begin` runs an exchange through its plan,
    `forward` stands at the end of that, and `finish` ends one, so that every policy hears of it.
    """

    def __init__(
        self,
        *,
        later: Callable[[Callable[[], None]], object],
        begin: Callable[[Exchange], None],
        forward: Callable[[Exchange], None],
        finish: Callable[[Exchange], None] | None = None,
    ) -> None:
        """Keep them; without a `finish` there is no policy to hear."""
        self.finish: Callable[[Exchange], None] = _ended if finish is None else finish
        self.begin = begin
        self.forward = forward
        self.later = later


def _ended(exchange: Exchange) -> None:
    """Have it be over."""
    exchange.finished = True


def _nowhere(*_: object) -> None:
    """Send nothing."""


NOWHERE: Final = Ways(later=_nowhere, begin=_nowhere, forward=_nowhere)
"""Where nothing is sent: an explanation."""


class Mirror:
    """Stands last: a copy is what the service gets, and nobody refuses the request any more.

    `spares` tells of exchanges that no other service may see, such as that of a person in need.
    """

    name: ClassVar = "mirror"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        ways: Ways,
        *,
        chance: Callable[[], float],
        registry: Registry,
        spares: Callable[[Exchange], bool],
    ) -> None:
        """Keep what a copy needs."""
        self._ways = ways
        self._chance = chance
        self._registry = registry
        self._spares = spares

    def for_route(self, route: Route | None) -> "BoundMirror | None":
        """Act where the route names a shadow service."""
        raw = route.features.get("mirror") if route is not None else None
        if route is None or raw is None:
            return None
        bound = msgspec.msgpack.decode(raw, type=MirrorBound)
        counted = [
            self._registry.child(MIRRORED, bound.service, outcome)
            for outcome in ("answered", "failed", "left_out")
        ]
        return BoundMirror(
            bound, _plan(route, bound, self._ways), self._ways, self._chance, self._spares, counted
        )


def _plan(route: Route, bound: MirrorBound, ways: Ways) -> Plan:
    """Return the plan of the copies: no policy, the other service alone, one try."""
    shadow = msgspec.structs.replace(
        leading_to(route, bound.service),
        service=bound.service,
        tries=1,
        upgrade=(),
        fallback=None,
        features={},
    )
    return Plan(
        route=shadow,
        policies=(),
        request=(),
        response=(),
        finish=(),
        message=(),
        reply=(),
        wording=None,
        message_scan=None,
        scan=None,
        forward=ways.forward,
    )


class BoundMirror:
    """The shadow of one route; `under_way` are its copies."""

    def __init__(
        self,
        bound: MirrorBound,
        plan: Plan,
        ways: Ways,
        chance: Callable[[], float],
        spares: Callable[[Exchange], bool],
        counted: list[Child],
    ) -> None:
        """Begin with none under way."""
        self.under_way = 0
        self.answered, self.failed, self._left_out = counted
        self._service = bound.service
        self._share = bound.share
        self._most = bound.in_flight
        self._plan = plan
        self._ways = ways
        self._chance = chance
        self._spares = spares

    def explain(self) -> str:
        """Say what it does."""
        return f"copies {100 * self._share:.3g} % of GET, HEAD and OPTIONS to {self._service}"

    def on_request(self, exchange: Exchange) -> None:
        """Send a copy, when the turn of the request itself is over."""
        request = exchange.request
        if request.method not in SAFE or request.length or request.upgrade is not None:
            return
        if self._chance() >= self._share or self._spares(exchange):
            return
        if self.under_way >= self._most:
            self._left_out.add()
            return
        self.under_way += 1
        shadow = Shadow(self, self._ways.begin)
        copy = self._copy(exchange, shadow)
        shadow.exchange = copy
        self._ways.later(shadow.begin)

    def _copy(self, exchange: Exchange, origin: Origin) -> Exchange:
        copy = Exchange(
            exchange.request,
            origin=origin,
            peer=exchange.peer,
            plan=self._plan,
            started=exchange.started,
        )
        copy.client = exchange.client
        copy.params = exchange.params
        copy.request_id = exchange.request_id
        copy.traceparent = exchange.traceparent
        copy.upstream_fields = exchange.upstream_fields
        copy.upstream_path = exchange.upstream_path
        copy.extra = [*exchange.extra, _MARK]
        copy.traffic = exchange.traffic
        return copy


class Shadow:
    """The origin of a copy: takes its answer, and keeps nothing of it."""

    def __init__(self, mirror: BoundMirror, begin: Callable[[Exchange], None]) -> None:
        """Wait for the exchange."""
        self._begin = begin
        self.exchange: Exchange | None = None
        self._mirror = mirror
        self._received = 0

    def begin(self) -> None:
        """Send the copy."""
        exchange = self.exchange
        assert exchange is not None  # it is set before this is called
        self._begin(exchange)

    def _over(self, counted: Child) -> None:
        """Count the copy as over, once."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        self._mirror.under_way -= 1
        counted.add()
        exchange.finished = True
        attempt, exchange.attempt = exchange.attempt, None
        if attempt is not None:
            attempt.cancel()

    def send_interim(self, response: Response) -> None:
        """Let it pass."""

    def send_head(self, response: Response) -> None:
        """Take the head; an error of ours is all there will be."""
        if response.problem is not None:
            self._over(self._mirror.failed)
        elif response.body is not None:
            self._over(self._mirror.answered)

    def send_data(self, data: bytes) -> None:
        """Let it pass, as long as it is not too much."""
        self._received += len(data)
        if self._received > LARGEST:
            self._over(self._mirror.failed)

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:  # noqa: ARG002 - one shape
        """Take the end."""
        self._over(self._mirror.answered)

    def abort(self) -> None:
        """Take the break."""
        self._over(self._mirror.failed)

    def flush(self) -> None:
        """Nobody waits for it."""

    def dismiss(self, code: int, reason: bytes) -> None:  # noqa: ARG002 - one shape
        """Take the break: nobody hears why."""
        self.abort()

    def open_tunnel(self, other: Spliced) -> Tunnel:
        """Refuse: no copy asks for another protocol, and an answer that changes to one is lost."""
        raise AssertionError(other)

    def pause_upload(self) -> None:
        """There is no body."""

    def resume_upload(self) -> None:
        """There is no body."""
