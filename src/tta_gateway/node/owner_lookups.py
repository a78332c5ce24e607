"""Owner look-ups: a service is asked whose something is, before a request about it goes there.

The question goes the way of the route: by its breaker, its times and what sticks to an endpoint,
and as whoever asks, with the token that the service is shown.  No fallback and no other service
answers it.  It is an exchange of its own, whose origin keeps the answer.

It takes up room at the service as the request that waits for it would, in the same class: so a
storm of paths that nobody has asked for yet asks a service for no more at once than it bears
(features/admission).  The request itself has room only behind it, so that none waits for itself.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.access.policy import Look
from tta_gateway.features.mirror.policy import Ways
from tta_gateway.features.sticky.bound import StickyBound
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, RequestHead, Response
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import BoundPolicy, Policy
from tta_gateway.kernel.route import Key, Rewrite, Route
from tta_gateway.pipeline.plan import bind

LARGEST: Final = 64 * 1024
"""Bytes of an answer that are read: whoever says more says nothing."""
_UNTOLD: Final = (0, b"")
_AUTHORIZATION: Final = b"authorization"
_PROVE: Final = frozenset((_AUTHORIZATION, b"cookie"))
_STICKY: Final = "sticky"
_KEPT: Final = frozenset((_STICKY, "admission"))
_ACCEPT: Final = (b"accept", b"application/json")


class OwnerLookups:
    """Asks services."""

    def __init__(self, ways: Ways, policies: Sequence[Policy]) -> None:
        """Ask in these ways; `policies` are those that say how a service is asked."""
        self._ways = ways
        self._policies = policies

    def of(self, route: Route) -> Look:
        """Return what asks the service of this route."""
        return Looking(
            route, bind(self._policies, _asking(route), forward=self._ways.forward), self._ways
        )


class Looking:
    """Asks the service of one route."""

    def __init__(self, route: Route, plan: Plan, ways: Ways) -> None:
        """Ask by this plan."""
        keys = _keys_of(route)
        self._plan = plan
        self._begin, self._finish = ways.begin, ways.finish
        self._shown = _PROVE | {one.name.lower().encode() for one in keys if one.by == "header"}
        self._marks = self._shown - {_AUTHORIZATION}
        self._params = sorted(one.name for one in keys if one.by == "path")

    def mark(self, exchange: Exchange) -> bytes:
        """Return what the answer hangs on: whose house it is, and what leads to an endpoint.

        A service may know several houses by their names, and each of its endpoints other things.
        The token is left out: it stands for who asks.
        """
        request = exchange.request
        said = [request.host or b""]
        if request.has_any(self._marks):
            said += [b"%b: %b" % one for one in request.fields if one[0] in self._marks]
        said += [exchange.params.get(name, "").encode() for name in self._params]
        return b"\n".join(said)

    async def ask(self, exchange: Exchange, path: bytes) -> tuple[int, bytes]:
        """Ask; return the status and the body, 0 if the service has said nothing."""
        question = Question(self._begin, self._finish)
        question.exchange = _asked(exchange, path, question, plan=self._plan, names=self._shown)
        return await question.answer()


def _asking(route: Route) -> Route:
    """Return the route of the questions: nothing of them is changed, and nobody stands in."""
    return msgspec.structs.replace(
        route,
        methods=("GET",),
        rewrite=Rewrite(),
        upgrade=(),
        fallback=None,
        request_fields=(),
        request_appended=(),
        features={name: raw for name, raw in route.features.items() if name in _KEPT},
    )


def _keys_of(route: Route) -> Sequence[Key]:
    """Return what sticks to an endpoint."""
    raw = route.features.get(_STICKY)
    return [] if raw is None else [*msgspec.msgpack.decode(raw, type=StickyBound).keys.values()]


def _asked(
    exchange: Exchange, path: bytes, origin: "Question", *, plan: Plan, names: frozenset[bytes]
) -> Exchange:
    """Return the exchange of a question about another's request."""
    request = exchange.request
    head = RequestHead(request.stream_id, b"GET", path)
    told = request.fields if exchange.upstream_fields is None else exchange.upstream_fields
    head.fields = [*(one for one in told if one[0] in names), _ACCEPT]
    head.forwarding, head.host = request.forwarding, request.host
    made = Exchange(head, origin=origin, peer=exchange.peer, plan=plan, started=exchange.started)
    made.client, made.params = exchange.client, exchange.params
    made.request_id, made.traceparent = exchange.request_id, exchange.traceparent
    made.principal, made.token = exchange.principal, exchange.token
    made.extra = list(exchange.extra)
    made.traffic = exchange.traffic  # a crisis, or still nothing
    return made


class Apart:
    """A policy to which the questions of a route are another route than its requests.

    How long an answer takes is compared with what is typical of its route (features/admission).
    """

    name: ClassVar = "apart"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, policy: Policy) -> None:
        """Have this one know no better."""
        self._policy = policy

    def for_route(self, route: Route | None) -> BoundPolicy | None:
        """Act as on a route of another name."""
        if route is None:
            return None
        return self._policy.for_route(msgspec.structs.replace(route, name=f"whose: {route.name}"))


class Question:
    """The origin of a question: it keeps what the service says."""

    def __init__(
        self, begin: Callable[[Exchange], None], finish: Callable[[Exchange], None]
    ) -> None:
        """Wait for the exchange; `finish` lets out whoever has been let in."""
        self.exchange: Exchange | None = None
        self._begin = begin
        self._finish = finish
        self._answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._body = bytearray()

    async def answer(self) -> tuple[int, bytes]:
        """Ask; return the status and the body, 0 if the service has said nothing."""
        exchange = self.exchange
        assert exchange is not None  # it is set before this is called
        self._begin(exchange)
        try:
            return await self._answer
        finally:
            self._over(_UNTOLD)  # whoever has asked may have gone

    def _over(self, said: tuple[int, bytes]) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if exchange.response is None:
            exchange.aborted = True  # it may wait for room: then it must not go on
        self._finish(exchange)
        attempt, exchange.attempt = exchange.attempt, None
        if attempt is not None:
            attempt.cancel()
        if not self._answer.done():
            self._answer.set_result(said)

    def send_interim(self, response: Response) -> None:
        """Let it pass."""

    def send_head(self, response: Response) -> None:
        """Take the head; what the gateway itself answers is nothing that the service says."""
        if response.local:
            self._over(_UNTOLD)
            return
        self._status = response.status
        if response.body is not None:
            self._over((response.status, response.body[: LARGEST + 1]))

    def send_data(self, data: bytes) -> None:
        """Take a part of the body."""
        self._body += data
        if len(self._body) > LARGEST:
            self._over(_UNTOLD)

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:  # noqa: ARG002 - one shape
        """Take the end."""
        self._over((self._status, bytes(self._body)))

    def abort(self) -> None:
        """Take the break."""
        self._over(_UNTOLD)

    def flush(self) -> None:
        """Nobody waits for it."""

    def dismiss(self, code: int, reason: bytes) -> None:  # noqa: ARG002 - one shape
        """Take the break: nobody hears why."""
        self.abort()

    def open_tunnel(self, other: Spliced) -> Tunnel:
        """Refuse: no question asks for another protocol."""
        raise AssertionError(other)

    def pause_upload(self) -> None:
        """There is no body."""

    def resume_upload(self) -> None:
        """There is no body."""
