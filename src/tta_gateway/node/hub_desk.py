"""The hub's desk: who connects, and what they may do in channels, asked as of requests.

Each command runs through the plan of its rule (node/inquiry.py) with what its connection has shown:
the token of the connect command, or else the credentials of the request that opened the socket.  So
roles, ownership, ties of care, limits and revocations hold for channels as they do for paths.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Final, TypeVar
from urllib.parse import quote

from tta_gateway.features.identity.credential import Ambiguous, token_of, without_token
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.codes import (
    CONNECTION_EXPIRED,
    FORBIDDEN,
    INTERNAL,
    INVALID_TOKEN,
    PERMISSION_DENIED,
    SUBSCRIPTION_EXPIRED,
    TOKEN_EXPIRED,
    TOO_MANY,
    TOO_MANY_REQUESTS,
    UNKNOWN_CHANNEL,
    UNSUBSCRIBED,
    Disconnection,
    Unsubscription,
)
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import (
    Admission,
    Admitted,
    Allowed,
    Caller,
    Grant,
    Granted,
    Rules,
    Verdict,
)
from tta_gateway.features.realtime.kinds import Kind, Kinds
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, RequestHead, Response
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import NOT_FOUND, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.node.inquiry import Asker, Inquiries, Inquiry, pass_on
from tta_gateway.pipeline.plan import bind
from tta_gateway.routing.path import normal

_SHOWN: Final = frozenset(
    (b"authorization", b"cookie", b"x-api-key", b"origin", b"sec-websocket-protocol")
)
"""the fields of the opening request by which it may be known who it is"""
_NOBODY: Final = NOT_FOUND
_UNPROVED: Final = (400, 401)
_FORBIDDEN: Final = (403, 404, 451)
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_EXPIRED: Final = "identity_token_expired"
_MISSING: Final = "identity_token_missing"
_EARLY: Final = 25.0  # seconds before its end in which a token is to be replaced, at most
_SESSION_OVER: Final = 1008  # features/identity/open_streams.py: nobody should come back as that
T = TypeVar("T")
Proved = Callable[[bytes], Principal | Problem]
End = Callable[[str, Disconnection], None]
Part = Callable[[str, str, Unsubscription], object]


class Visitor:
    """One connection as the desk knows it: how it came, what it has shown, what goes on of it."""

    def __init__(self, opening: Exchange) -> None:
        """Begin with what the request has shown that opened the socket."""
        request = opening.request
        self.opening: Final = opening
        self.shown: Fields = _shown_by(request)
        self.connected: Inquiry | None = None
        self.reading: dict[str, Inquiry] = {}
        """by channel: what lets it read there"""

    def leave(self, channel: str) -> None:
        """End what lets it read a channel."""
        inquiry = self.reading.pop(channel, None)
        if inquiry is not None:
            inquiry.over()

    def close(self) -> None:
        """End everything."""
        for channel in list(self.reading):
            self.leave(channel)
        if self.connected is not None:
            self.connected.over()


class _Answer:
    """Takes the answer to an inquiry, which may come at once or later."""

    __slots__ = ("_dismissed", "_future", "is_there", "response")

    def __init__(self, dismissed: Callable[[Inquiry, int], None] = lambda _, __: None) -> None:
        self.is_there = False
        self.response: Response | None = None
        """the refusal, if it is one"""
        self._dismissed = dismissed
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for it."""
        if not self.is_there:
            self._future = asyncio.get_running_loop().create_future()
            await self._future

    def may(self, inquiry: Inquiry) -> None:  # noqa: ARG002 - a port
        """Take that it is allowed."""
        self._answered(None)

    def may_not(self, inquiry: Inquiry, response: Response) -> None:  # noqa: ARG002 - likewise
        """Take that it is not."""
        self._answered(response)

    def ended(self, inquiry: Inquiry, code: int, reason: bytes) -> None:  # noqa: ARG002 - likewise
        """Take that what goes on is allowed no longer."""
        self._dismissed(inquiry, code)

    def _answered(self, response: Response | None) -> None:
        self.is_there, self.response = True, response
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class _Again:
    """Takes whether somebody who reads a channel may go on, now that they have shown a new token.

    They read on until the answer is there: nothing is missed meanwhile.
    """

    __slots__ = ("_before", "_channel", "_parted", "_visitor")

    def __init__(
        self, visitor: Visitor, channel: str, parted: Callable[[str, Unsubscription], None]
    ) -> None:
        self._visitor = visitor
        self._channel = channel
        self._before = visitor.reading[channel]
        self._parted = parted

    def may(self, inquiry: Inquiry) -> None:
        """Go on by this inquiry."""
        if self._visitor.reading.get(self._channel) is not self._before:
            inquiry.over()  # they have left meanwhile
            return
        self._visitor.leave(self._channel)
        self._visitor.reading[self._channel] = inquiry
        inquiry.keep()

    def may_not(self, inquiry: Inquiry, response: Response) -> None:  # noqa: ARG002 - a port
        """End it; where it only cannot be told now, what was shown before holds to its end."""
        if response.status == _TOO_MANY or response.status >= _SERVER_ERRORS:
            return
        if self._visitor.reading.get(self._channel) is self._before:
            is_final = response.status in _FORBIDDEN
            self._parted(self._channel, UNSUBSCRIBED if is_final else SUBSCRIPTION_EXPIRED)

    def ended(self, inquiry: Inquiry, code: int, reason: bytes) -> None:  # noqa: ARG002 - likewise
        """End it."""
        self._parted(self._channel, _why_parted(inquiry, code))


class _Plans:
    """The plans of one kind of channels."""

    def __init__(self, kind: Kind, bound: Callable[[Route | None], Plan | None]) -> None:
        rule = kind.rule
        self.kind = kind
        self.subscribe = bound(rule.subscribe)
        self.publish = bound(rule.publish)
        self.presence = bound(rule.presence)
        self.history = bound(rule.history)
        self.rules = Rules(
            keeping=kind.keeping,
            presence=rule.presence is not None,
            announces=rule.join_leave,
            deltas=rule.deltas,
            largest=rule.largest,
        )


class HubDesk:
    """Proves tokens, and says who may do what (the ports Tokens and Access of the hub)."""

    def __init__(self, inquiries: Inquiries, *, wall: Callable[[], float]) -> None:
        """Let nobody in before a configuration says who may come."""
        self._inquiries = inquiries
        self._wall = wall
        self._visitors: dict[str, Visitor] = {}
        self._kinds = Kinds(())
        self._plans: dict[int, _Plans] = {}
        self._connect: Plan | None = None
        self.proved: Proved = lambda _: _NOBODY
        """returns whose token it is, or what is wrong with it"""
        self.end: End = lambda _, __: None
        """ends a connection, by its id"""
        self.part: Part = lambda _, __, ___: None
        """ends a subscription: of a connection, in a channel, with this code"""

    def adopt(self, bound: RealtimeBound, policies: Sequence[Policy]) -> None:
        """Judge by this configuration from now on; `ask_again` has what goes on judged by it."""

        def plan(route: Route | None) -> Plan | None:
            return None if route is None else bind(policies, route, forward=pass_on)

        self._kinds = kinds = Kinds(bound.channels)
        self._plans = {id(kind): _Plans(kind, plan) for kind in kinds.all()}
        self._connect = plan(bound.connect)

    def clients(self) -> list[str]:
        """Return the connections that there are."""
        return list(self._visitors)

    def ask_again(self, client: str) -> int:
        """Ask for all that a connection reads, and return how much: the rules have changed."""
        visitor = self._visitors.get(client)
        if visitor is None:
            return 0
        count = len(visitor.reading)
        self._read_on(client, visitor)
        return count

    # --- connections ---

    def came(self, client: str, opening: Exchange) -> None:
        """Know a connection from now on."""
        self._visitors[client] = Visitor(opening)

    def gone(self, client: str) -> None:
        """Know it no longer."""
        visitor = self._visitors.pop(client, None)
        if visitor is not None:
            visitor.close()

    def connect(self, request: ConnectRequest, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a connection is."""
        return self._admitted(request.token, caller)

    def refresh(self, token: str, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a new token is; what has shown the one before counts no more."""
        return self._admitted(token, caller)

    def _read_on(self, client: str, visitor: Visitor) -> None:
        """Ask for each channel again: by what was shown before it is read no longer than that."""

        def parted(channel: str, why: Unsubscription) -> None:
            self._parted(client, channel, why)

        for channel in list(visitor.reading):
            plans = self._plans_of(channel)
            if plans is None or plans.subscribe is None:
                parted(channel, UNSUBSCRIBED)
            else:
                asker = _Again(visitor, channel, parted)
                self._ask(plans.subscribe, b"SUBSCRIBE", channel, plans, visitor, asker)

    def _admitted(self, token: str, caller: Caller) -> Admitted | Awaitable[Admitted]:
        visitor, plan = self._visitors.get(caller.client), self._connect
        if visitor is None or plan is None:
            return INVALID_TOKEN
        shown: Fields = visitor.shown
        if token:
            shown = [(b"authorization", b"Bearer " + token.encode())]
        head = _head(b"CONNECT", b"/connect", shown, visitor.opening)
        answer = _Answer(lambda _, code: self.end(caller.client, _farewell(code)))
        inquiry = self._inquiries.ask(plan, head, like=visitor.opening, params={}, asker=answer)

        def then() -> Admitted:
            if answer.response is not None:
                return _why_not_connect(answer.response)
            if self._visitors.get(caller.client) is not visitor:
                inquiry.over()
                return CONNECTION_EXPIRED
            if visitor.connected is not None:
                visitor.connected.over()
            visitor.connected, visitor.shown = inquiry, shown
            inquiry.keep()
            admission = self._admission(inquiry.exchange)
            if caller.user in {"", admission.user}:  # whoever else it is will be sent away
                self._read_on(caller.client, visitor)
            return admission

        return _settled(answer, then, inquiry)

    def _admission(self, exchange: Exchange) -> Admission:
        principal, traffic = exchange.principal, exchange.traffic
        if principal is None:
            return Admission(user="", traffic=traffic)
        seconds = self._seconds_of(principal)
        return Admission(user=principal.subject, seconds=seconds, traffic=traffic)

    def _seconds_of(self, principal: Principal) -> int | None:
        """Return after how long another token is to be shown."""
        lasts = principal.expires - self._wall()
        return None if lasts == inf else max(1, int(lasts - min(_EARLY, lasts / 4)))

    # --- channels ---

    def rules(self, channel: str) -> Rules | None:
        """Return what holds in a channel."""
        plans = self._plans_of(channel)
        return None if plans is None else plans.rules

    def may_subscribe(self, channel: str, caller: Caller) -> Granted | Awaitable[Granted]:
        """Say whether somebody may read a channel."""
        plans, visitor = self._plans_of(channel), self._visitors.get(caller.client)
        if plans is None or visitor is None:
            return UNKNOWN_CHANNEL
        if plans.subscribe is None:
            return PERMISSION_DENIED
        answer = _Answer(
            lambda inquiry, code: self._parted(caller.client, channel, _why_parted(inquiry, code))
        )
        inquiry = self._ask(plans.subscribe, b"SUBSCRIBE", channel, plans, visitor, answer)

        def then() -> Granted:
            if answer.response is not None:
                return _why_not(answer.response)
            if self._visitors.get(caller.client) is not visitor:
                inquiry.over()
                return PERMISSION_DENIED
            visitor.leave(channel)
            visitor.reading[channel] = inquiry
            inquiry.keep()
            return Grant() if visitor.reading.get(channel) is inquiry else INTERNAL

        return _settled(answer, then, inquiry)

    def left(self, channel: str, client: str) -> None:
        """Take that a connection reads a channel no longer."""
        visitor = self._visitors.get(client)
        if visitor is not None:
            visitor.leave(channel)

    def may_publish(
        self,
        channel: str,
        data: bytes,  # noqa: ARG002 - who looks at it comes later
        caller: Caller,
    ) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may write this into a channel."""
        plans = self._plans_of(channel)
        return self._once(None if plans is None else plans.publish, b"PUBLISH", channel, caller)

    def may_see_presence(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may see who is there."""
        plans = self._plans_of(channel)
        return self._once(None if plans is None else plans.presence, b"PRESENCE", channel, caller)

    def may_see_history(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may read what a channel keeps."""
        plans = self._plans_of(channel)
        return self._once(None if plans is None else plans.history, b"HISTORY", channel, caller)

    def subscription(
        self, token: str, channel: str, caller: Caller
    ) -> Granted | Awaitable[Granted]:
        """Return what a token of a subscription gives: no more than its rule allows besides.

        The rule is asked first: to prove a token is work, and limits stand before it.
        """
        visitor = self._visitors.get(caller.client)
        is_reading = visitor is not None and channel in visitor.reading
        granted = self.may_subscribe(channel, caller)

        def then(granted: Granted) -> Granted:
            if not isinstance(granted, Grant):
                return granted
            shown = self._shown_by(token, channel, caller)
            if not isinstance(shown, Grant) and not is_reading:
                self.left(channel, caller.client)
            return shown

        return _behind(granted, then) if isinstance(granted, Awaitable) else then(granted)

    def _shown_by(self, token: str, channel: str, caller: Caller) -> Granted:
        """Return what such a token shows by itself: leave until it ends."""
        principal = self.proved(token.encode())
        if isinstance(principal, Problem):
            return TOKEN_EXPIRED if principal.code == _EXPIRED else PERMISSION_DENIED
        if principal.subject != caller.user or principal.claims.get("channel") != channel:
            return INVALID_TOKEN
        return Grant(seconds=self._seconds_of(principal))

    def _once(
        self, plan: Plan | None, method: bytes, channel: str, caller: Caller
    ) -> Allowed | Awaitable[Allowed]:
        plans, visitor = self._plans_of(channel), self._visitors.get(caller.client)
        if plans is None or visitor is None:
            return UNKNOWN_CHANNEL
        if plan is None:
            return PERMISSION_DENIED
        answer = _Answer()
        inquiry = self._ask(plan, method, channel, plans, visitor, answer)

        def then() -> Allowed:
            if answer.response is not None:
                return _why_not(answer.response)
            inquiry.done()
            return None

        return _settled(answer, then, inquiry)

    def _ask(
        self,
        plan: Plan,
        method: bytes,
        channel: str,
        plans: _Plans,
        visitor: Visitor,
        asker: Asker,
    ) -> Inquiry:
        head = _head(method, _path_of(channel), visitor.shown, visitor.opening)
        params = self._kinds.params(plans.kind, channel)
        return self._inquiries.ask(plan, head, like=visitor.opening, params=params, asker=asker)

    def _parted(self, client: str, channel: str, why: Unsubscription) -> None:
        self.left(channel, client)
        self.part(client, channel, why)

    def _plans_of(self, channel: str) -> _Plans | None:
        kind = self._kinds.find(channel)
        if kind is None:
            return None
        if kind.rule.parameter:  # a service may be asked about it, by a path
            path = _path_of(channel)
            if normal(path) != (path, False):
                return None
        return self._plans.get(id(kind))


def _path_of(channel: str) -> bytes:
    """Return a channel's name as a path."""
    return ("/" + "/".join(quote(one, safe="") for one in channel.split(":", 1))).encode()


def _shown_by(request: RequestHead) -> Fields:
    """Return by what a request may be known; a token of a page's is shown as those of others."""
    shown = [one for one in request.fields if one[0] in _SHOWN]
    try:
        token = token_of(request)
    except Ambiguous:
        return shown  # the policy of the route has refused it, if anybody's
    if token is None:
        return shown
    kept = [one for one in without_token(shown) if one[0] != b"authorization"]
    return [*kept, (b"authorization", b"Bearer " + token)]


def _head(method: bytes, target: bytes, shown: Fields, opening: Exchange) -> RequestHead:
    head = RequestHead(opening.request.stream_id, method, target)
    head.fields = shown
    head.host, head.forwarding = opening.request.host, opening.request.forwarding
    return head


def _settled(answer: _Answer, then: Callable[[], T], inquiry: Inquiry) -> T | Awaitable[T]:
    """Return what follows from an answer: at once, if it is there."""
    return then() if answer.is_there else _later(answer, then, inquiry)


async def _later(answer: _Answer, then: Callable[[], T], inquiry: Inquiry) -> T:
    try:
        await answer.wait()
    except BaseException:  # nobody waits for it any more
        inquiry.over()
        raise
    return then()


async def _behind(asked: Awaitable[T], then: Callable[[T], T]) -> T:
    return then(await asked)


def _why_not(response: Response) -> Verdict:
    """Return what a refusal of a command says in the words of the protocol."""
    if response.status in _UNPROVED:
        code = "" if response.problem is None else response.problem.code
        # who connects again shows who it is again; who shows nobody, or too little, does it in vain
        is_of_token = code.startswith("identity_") and code != _MISSING
        return CONNECTION_EXPIRED if is_of_token else PERMISSION_DENIED
    if response.status in _FORBIDDEN:
        return PERMISSION_DENIED
    return TOO_MANY_REQUESTS if response.status == _TOO_MANY else INTERNAL


def _why_not_connect(response: Response) -> Verdict:
    """Return what a refusal of a connection says in the words of the protocol."""
    if response.problem is not None and response.problem.code == _EXPIRED:
        return TOKEN_EXPIRED
    if response.status in _UNPROVED:
        return INVALID_TOKEN
    if response.status in _FORBIDDEN:
        return FORBIDDEN
    return TOO_MANY if response.status == _TOO_MANY else INTERNAL


def _why_parted(inquiry: Inquiry, code: int) -> Unsubscription:
    """Return how a subscription ends that is allowed no longer.

    For good only where it is the channel that is theirs no more.  If it is the token that counts
    no more, their connection ends too; with a new one they read on.
    """
    error = inquiry.exchange.error
    is_of_token = error is not None and error.problem.code.startswith("identity_")
    is_final = code == _SESSION_OVER and not is_of_token
    return UNSUBSCRIBED if is_final else SUBSCRIPTION_EXPIRED


def _farewell(code: int) -> Disconnection:
    """Return how a connection ends that is allowed no longer."""
    return INVALID_TOKEN if code == _SESSION_OVER else CONNECTION_EXPIRED
