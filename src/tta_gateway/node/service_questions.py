"""Service questions: a service is asked about what a client of the hub wants (Centrifugo's proxy).

The question goes the way of a request: by the service's breaker, its balance and its room, over its
TLS, as whoever asks, with the token that the service is shown.  No fallback answers it.  It is an
exchange of its own, whose origin keeps the answer, as owner look-ups are.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.mirror.policy import Ways
from tta_gateway.features.realtime.bound import Question as Asked
from tta_gateway.features.sticky.policy import Sticky
from tta_gateway.features.token_relay.policy import TokenRelay
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, RequestHead
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.upload import Upload
from tta_gateway.node.owner_lookups import Question
from tta_gateway.pipeline.plan import bind

_WAYS: Final = (TrafficClass, Gate, Sticky, TokenRelay)
"""what says how a service is asked"""
_LATE: Final = 0.5  # seconds behind its time, in which the way itself tells why there is no answer
_JSON: Final = [(b"content-type", b"application/json"), (b"accept", b"application/json")]
_KEPT: Final = frozenset((b"authorization", b"cookie"))
_NEVER: Final = "it is in maintenance"


@dataclass(frozen=True, slots=True)
class Told:
    """What a service has said; with the `status` 0 nothing, and `why` not."""

    status: int
    body: bytes = b""
    why: str = ""


class ServiceQuestions:
    """Asks services; `policies` are all of the worker's."""

    def __init__(
        self, ways: Ways, policies: Sequence[Policy], *, clock: Callable[[], float]
    ) -> None:
        """Ask in these ways; `clock` is the monotonic one."""
        self._ways = ways
        self._policies = [one for one in policies if isinstance(one, _WAYS)]
        self._clock = clock

    def of(self, asked: Asked) -> "Questions":
        """Return what asks this."""
        plan = bind(self._policies, asked.route, forward=self._ways.forward)
        return Questions(asked, plan, self._ways, self._clock)


class Questions:
    """Asks one service about one kind of thing."""

    def __init__(self, asked: Asked, plan: Plan, ways: Ways, clock: Callable[[], float]) -> None:
        """Ask by this plan."""
        self.asked: Final = asked
        self.service: Final = asked.route.service
        self._plan = plan
        self._begin, self._finish = ways.begin, ways.finish
        self._clock = clock
        self._path = asked.route.path.encode()
        self._patience = asked.route.timeouts.total + _LATE

    async def ask(self, about: Exchange, body: bytes, fields: Fields) -> Told:
        """Ask about what an exchange has asked of policies; `fields` are told beside the usual."""
        if self.asked.route.maintenance is not None:
            return Told(0, why=_NEVER)
        question = Question(self._begin, self._finish)
        question.exchange = made = self._made(about, body, fields, question)
        try:
            async with asyncio.timeout(self._patience):
                status, said = await question.answer()
        except TimeoutError:
            return Told(0, why="it takes too long")
        if status:
            return Told(status, said)
        return Told(0, why=_why(made))

    def _made(self, about: Exchange, body: bytes, fields: Fields, origin: Question) -> Exchange:
        request = about.request
        head = RequestHead(request.stream_id, b"POST", self._path)
        said = {name for name, _ in fields}
        # As services see it: the cookie of access tokens is the gateway's alone.
        told = request.fields if about.upstream_fields is None else about.upstream_fields
        shown = [one for one in told if one[0] in _KEPT and one[0] not in said]
        head.fields = [*shown, *fields, *_JSON]
        head.forwarding, head.host = request.forwarding, request.host
        head.length = len(body)
        made = Exchange(
            head, origin=origin, peer=about.peer, plan=self._plan, started=self._clock()
        )
        made.client, made.params = about.client, about.params
        made.request_id, made.traceparent = about.request_id, about.traceparent
        made.principal, made.token = about.principal, about.token
        made.extra = list(about.extra)
        made.traffic = about.traffic
        made.upload = Upload(origin, limit=len(body), keep=len(body))
        made.upload.feed(body)
        made.upload.end()
        return made


def _why(exchange: Exchange) -> str:
    """Return why nothing was said."""
    response = exchange.response
    if response is not None and response.problem is not None:
        return response.problem.code
    return "its answer is too long, or broke off"
