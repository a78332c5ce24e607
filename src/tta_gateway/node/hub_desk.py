"""The hub's desk: who connects, and what they may do in channels, asked as of requests.

Each command runs through the plan of its rule (node/inquiry.py) with what its connection has shown:
the token of the connect command, or else the credentials of the request that opened the socket.  So
roles, ownership, ties of care, limits and revocations hold for channels as they do for paths.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Final
from urllib.parse import quote

import msgspec

from tta_gateway.features.access.bound import WHOLE
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.realtime import contract
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.features.realtime.codes import (
    CONNECTION_EXPIRED,
    INTERNAL,
    INVALID_TOKEN,
    NO_HELP,
    PERMISSION_DENIED,
    SHUTDOWN,
    TOKEN_EXPIRED,
    UNKNOWN_CHANNEL,
    UNSUBSCRIBED,
    Disconnection,
    Help,
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
    MayPublish,
    Rules,
    Verdict,
)
from tta_gateway.features.realtime.inbox import channel_of
from tta_gateway.features.realtime.kinds import Kind, Kinds
from tta_gateway.features.safety.bound import Mode
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import NOT_FOUND, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.verdict import NONE
from tta_gateway.node.hearing import mode_in
from tta_gateway.node.hub_answers import (
    EXPIRED,
    Again,
    Answer,
    farewell,
    settled,
    why_not,
    why_not_connect,
    why_parted,
)
from tta_gateway.node.hub_asked import Further, HubAsked, Reading, amended, shorter
from tta_gateway.node.hub_limits import HubLimits
from tta_gateway.node.hub_services import HubServices
from tta_gateway.node.hub_visitor import Visitor, head
from tta_gateway.node.inquiry import Asker, Inquiries, Inquiry, pass_on
from tta_gateway.pipeline.plan import bind
from tta_gateway.routing.path import normal

_NOBODY: Final = NOT_FOUND
_decode: Final = msgspec.msgpack.Decoder(RouteAdmission).decode
_EARLY: Final = 25.0  # seconds before its end in which a token is to be replaced, at most
Proved = Callable[[bytes], Principal | Problem]
End = Callable[[str, Disconnection], None]
Part = Callable[[str, str, Unsubscription], object]


class _Plans:
    """The plans of one kind of channels."""

    def __init__(
        self, kind: Kind, bound: Callable[[Route | None], Plan | None], services: HubServices | None
    ) -> None:
        rule = kind.rule
        self.asked_subscribe = self.asked_publish = None
        if services is not None:
            self.asked_subscribe = services.of("subscribe", rule.asked_subscribe)
            self.asked_publish = services.of("publish", rule.asked_publish)
        self.kind = kind
        self.subscribe = bound(rule.subscribe)
        self.publish = bound(rule.publish)
        self.presence = bound(rule.presence)
        self.history = bound(rule.history)
        self.safety: Mode = mode_in(rule)
        self.rules = Rules(
            keeping=kind.keeping,
            presence=rule.presence is not None,
            announces=rule.join_leave,
            deltas=rule.deltas,
            largest=rule.largest,
            urgent=is_urgent(rule),
        )


class HubDesk:
    """Proves tokens, and says who may do what (the ports Tokens and Access of the hub)."""

    def __init__(
        self,
        inquiries: Inquiries,
        *,
        wall: Callable[[], float],
        services: HubServices | None = None,
    ) -> None:
        """Let nobody in before a configuration says who may come; `services` may be asked too."""
        self._inquiries = inquiries
        self._wall = wall
        self._services = services
        self._limits = HubLimits(inquiries)
        self._asked = HubAsked(services, wall=wall, subscribe=self._subscribe)
        self._visitors: dict[str, Visitor] = {}
        self._kinds = Kinds(())
        self._plans: dict[int, _Plans] = {}
        self._connect: Plan | None = None
        self.proved: Proved = lambda _: _NOBODY
        """returns whose token it is, or what is wrong with it"""
        self.help: Callable[[Exchange], Help] = lambda _: NO_HELP
        """returns where help is, for who has opened a connection by this"""
        self.give: Callable[[str, bytes, int], None] = lambda _, __, ___: None
        """gives a connection a card of a level"""
        self.end: End = lambda _, __: None
        """ends a connection, by its id"""
        self.known: Callable[[str, str], None] = lambda _, __: None
        """takes whose a connection is: from then on it may be ended as theirs"""
        self.part: Part = lambda _, __, ___: None
        """ends a subscription: of a connection, in a channel, with this code"""

    def adopt(self, bound: RealtimeBound, policies: Sequence[Policy]) -> None:
        """Judge by this configuration from now on; `ask_again` has what goes on judged by it."""

        def plan(route: Route | None) -> Plan | None:
            return None if route is None else bind(policies, route, forward=pass_on)

        self._kinds = kinds = Kinds(bound.channels)
        services = self._services
        self._plans = {id(kind): _Plans(kind, plan, services) for kind in kinds.all()}
        care = kinds.find(bound.care) if bound.care else None
        if care is not None:
            plans = self._plans[id(care)]
            plans.rules = replace(plans.rules, urgent=True)
        self._connect = plan(bound.connect)
        self._limits.adopt(bound, policies)
        self._asked.adopt(bound)

    def visitor(self, client: str) -> Visitor | None:
        """Return a connection, if it is there."""
        return self._visitors.get(client)

    def safety_in(self, channel: str) -> tuple[str, Mode]:
        """Return the kind of a channel, and how what is said there is looked at."""
        plans = self._plans_of(channel)
        if plans is None:
            return "", "scan"  # where there is no such channel somebody speaks all the same
        return plans.kind.rule.prefix, plans.safety

    def may_acknowledge(self, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether a connection may acknowledge letters: it reads them, and not too often."""
        visitor = self._visitors.get(caller.client)
        if visitor is None or visitor.connected is None:
            return PERMISSION_DENIED
        principal = visitor.connected.exchange.principal
        if principal is None or not _has_inbox(principal):
            return PERMISSION_DENIED
        return self._limits.receipt(visitor, visitor.connected)

    def helps(self, client: str) -> Help:
        """Return where help is, for who is behind a connection; of a bound socket others say it."""
        visitor = self._visitors.get(client)
        return NO_HELP if visitor is None or visitor.is_inner else self.help(visitor.opening)

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

    def came(self, client: str, opening: Exchange, *, is_inner: bool = False) -> None:
        """Know a connection from now on; `is_inner`: it is a socket bound to a channel."""
        self._visitors[client] = Visitor(opening, is_inner=is_inner)

    def gone(self, client: str) -> None:
        """Know it no longer, once all that it was held for is done."""
        visitor = self._visitors.get(client)
        if visitor is None:
            return
        visitor.is_gone = True
        if not visitor.held:
            del self._visitors[client]
            visitor.close()

    def hold(self, client: str) -> None:
        """Know a connection until `let_go`, also when it has gone."""
        visitor = self._visitors.get(client)
        if visitor is not None:
            visitor.held += 1

    def let_go(self, client: str) -> None:
        """Know it no longer than it is there."""
        visitor = self._visitors.get(client)
        if visitor is not None:
            visitor.held -= 1
            if visitor.is_gone:
                self.gone(client)

    def connect(self, request: ConnectRequest, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a connection is, and what a service says to that."""
        visitor = self._visitors.get(caller.client)
        if visitor is not None:
            visitor.told = self._asked.kept_of(request.headers)
        return self._admitted(request.token, caller, self._asked.connecting(request, caller))

    def refresh(self, token: str, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a new token is; what has shown the one before counts no more."""
        return self._admitted(token, caller, self._asked.refreshing(caller), of=caller.user)

    def _read_on(self, client: str, visitor: Visitor) -> None:
        """Ask for each channel again: by what was shown before it is read no longer than that."""

        def parted(channel: str, why: Unsubscription) -> None:
            self._parted(client, channel, why)

        for channel in list(visitor.reading):
            plans = self._plans_of(channel)
            if plans is None or plans.subscribe is None:
                parted(channel, UNSUBSCRIBED)
            else:
                asker = Again(visitor, channel, parted)
                self._ask(plans.subscribe, b"SUBSCRIBE", channel, plans, visitor, asker)

    def _admitted(
        self, token: str, caller: Caller, more: Further, *, of: str | None = None
    ) -> Admitted | Awaitable[Admitted]:
        visitor, plan = self._visitors.get(caller.client), self._connect
        if visitor is None or plan is None:  # without one real time is off, whatever the token
            return SHUTDOWN if plan is None else INVALID_TOKEN
        shown: Fields = visitor.shown
        if token:
            shown = [(b"authorization", b"Bearer " + token.encode())]
        made = head(b"CONNECT", b"/connect", shown, visitor.opening)
        answer = Answer(lambda _, code: self._send_away(caller.client, visitor, farewell(code)))
        inquiry = self._inquiries.ask(plan, made, like=visitor.opening, params={}, asker=answer)

        def then() -> Admitted | Awaitable[Admitted]:
            if answer.response is not None:
                return why_not_connect(answer.response)
            why = self._objection(caller, visitor, inquiry, of)
            if why is not None:
                inquiry.over()  # before anything counts by it, or a service hears of it
                return why
            admission = self._admission(inquiry.exchange, visitor)
            if visitor.connected is not None:
                visitor.connected.over()
            visitor.connected, visitor.shown = inquiry, shown
            inquiry.keep()
            self._is_known(caller.client, admission, is_new=of is None)
            self._read_on(caller.client, visitor)
            return more(visitor, inquiry, admission)

        return settled(answer, then, inquiry)

    def _send_away(self, client: str, visitor: Visitor, why: Disconnection) -> None:
        """End a connection that is allowed no longer; behind static help, if it is for good."""
        card = self.help(visitor.opening).card if why.is_final and visitor.connected else b""
        if card:
            self.give(client, b'{"type":"help","level":0,"categories":[],"help":%b}' % card, NONE)
        self.end(client, why)

    def _objection(
        self, caller: Caller, visitor: Visitor, inquiry: Inquiry, of: str | None
    ) -> Verdict | None:
        """Return why somebody who may connect does not; `of`: whose the connection is already."""
        if self._visitors.get(caller.client) is not visitor:
            return CONNECTION_EXPIRED
        principal = inquiry.exchange.principal
        if of is not None:
            is_theirs = of == ("" if principal is None else principal.subject)
            return None if is_theirs else INVALID_TOKEN
        refusal = self._limits.seat(visitor, inquiry)
        return None if refusal is None else why_not_connect(refusal)

    def _is_known(self, client: str, admission: Admission, *, is_new: bool) -> None:
        """Take whose a connection is, before a service is asked: it may end from now on."""
        if is_new:
            self.known(client, admission.user)
        elif not admission.has_inbox:
            self.part(client, channel_of(admission.user), UNSUBSCRIBED)

    def _admission(self, exchange: Exchange, visitor: Visitor) -> Admission:
        principal, traffic = exchange.principal, exchange.traffic
        if principal is None:
            return Admission(user="", traffic=traffic)
        seconds = self._seconds_of(principal)
        return Admission(
            user=principal.subject,
            seconds=seconds,
            traffic=traffic,
            has_inbox=not visitor.is_inner and _has_inbox(principal),
        )

    def _seconds_of(self, principal: Principal) -> int | None:
        """Return after how long another token is to be shown."""
        lasts = principal.expires - self._wall()
        return None if lasts == inf else max(1, int(lasts - min(_EARLY, lasts / 4)))

    # --- channels ---

    def rules(self, channel: str) -> Rules | None:
        """Return what holds in a channel."""
        plans = self._plans_of(channel)
        return None if plans is None else plans.rules

    def may_subscribe(
        self, channel: str, caller: Caller, data: bytes = b""
    ) -> Granted | Awaitable[Granted]:
        """Say whether somebody may read a channel."""
        plans = self._plans_of(channel)
        says = None if plans is None else plans.asked_subscribe
        if says is None:
            return self._subscribe(channel, caller)
        body = partial(contract.subscribe, caller, channel=channel, data=data)
        return self._subscribe(
            channel, caller, partial(self._asked.subscribed, says, channel, body)
        )

    def _subscribe(
        self, channel: str, caller: Caller, more: Reading | None = None
    ) -> Granted | Awaitable[Granted]:
        plans, visitor = self._plans_of(channel), self._visitors.get(caller.client)
        if plans is None or visitor is None:
            return UNKNOWN_CHANNEL
        if plans.subscribe is None:
            return PERMISSION_DENIED
        answer = Answer(
            lambda inquiry, code: self._parted(caller.client, channel, why_parted(inquiry, code))
        )
        visitor.noticed = caller.noticed
        inquiry = self._ask(plans.subscribe, b"SUBSCRIBE", channel, plans, visitor, answer)

        def then() -> Granted | Awaitable[Granted]:
            if answer.response is not None:
                return why_not(answer.response)
            if self._visitors.get(caller.client) is not visitor:
                inquiry.over()
                return PERMISSION_DENIED
            is_new = channel not in visitor.reading
            visitor.leave(channel)
            visitor.reading[channel] = inquiry
            inquiry.keep()
            if visitor.reading.get(channel) is not inquiry:
                return INTERNAL
            return Grant() if more is None else more(visitor, inquiry, is_new)

        return settled(answer, then, inquiry)

    def left(self, channel: str, client: str) -> None:
        """Take that a connection reads a channel no longer."""
        visitor = self._visitors.get(client)
        if visitor is not None:
            visitor.leave(channel)

    def may_publish(
        self, channel: str, data: bytes, caller: Caller
    ) -> MayPublish | Awaitable[MayPublish]:
        """Say whether somebody may write this into a channel, and what a service makes of it."""
        plans = self._plans_of(channel)
        if plans is None or plans.asked_publish is None:
            plan = None if plans is None else plans.publish
            return self._once(plan, b"PUBLISH", channel, caller)
        visitor = self._visitors.get(caller.client)
        if visitor is None or plans.publish is None:
            return UNKNOWN_CHANNEL if visitor is None else PERMISSION_DENIED
        says = plans.asked_publish
        body = contract.publish(caller, visitor.as_told_to(says.service), channel, data)
        read = partial(amended, largest=plans.rules.largest)
        answer = Answer()
        visitor.noticed = caller.noticed
        inquiry = self._ask(plans.publish, b"PUBLISH", channel, plans, visitor, answer)

        def then() -> MayPublish | Awaitable[MayPublish]:
            if answer.response is not None:
                return why_not(answer.response)
            inquiry.done()
            return says.about(inquiry.exchange, visitor, body, read)

        return settled(answer, then, inquiry)

    def may_speak(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may publish in a channel at all; no service is asked."""
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

        The rule is asked first: to prove a token is work, and limits stand before it.  A service is
        asked behind both.
        """
        plans = self._plans_of(channel)
        says = None if plans is None else plans.asked_subscribe
        asked: Reading | None = None
        if says is not None:
            body = partial(contract.subscribe, caller, channel=channel, data=b"")
            asked = partial(self._asked.subscribed, says, channel, body)

        def further(
            visitor: Visitor, inquiry: Inquiry, is_new: bool
        ) -> Granted | Awaitable[Granted]:
            shown = self._shown_by(token, channel, caller)
            if isinstance(shown, Grant):
                return shown if asked is None else shorter(shown, asked(visitor, inquiry, is_new))
            if is_new:
                visitor.leave(channel)
            return shown

        return self._subscribe(channel, caller, further)

    def _shown_by(self, token: str, channel: str, caller: Caller) -> Granted:
        """Return what such a token shows by itself: leave until it ends."""
        principal = self.proved(token.encode())
        if isinstance(principal, Problem):
            return TOKEN_EXPIRED if principal.code == EXPIRED else PERMISSION_DENIED
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
        answer = Answer()
        visitor.noticed = caller.noticed
        inquiry = self._ask(plan, method, channel, plans, visitor, answer)

        def then() -> Allowed:
            if answer.response is not None:
                return why_not(answer.response)
            inquiry.done()
            return None

        return settled(answer, then, inquiry)

    def _ask(
        self,
        plan: Plan,
        method: bytes,
        channel: str,
        plans: _Plans,
        visitor: Visitor,
        asker: Asker,
    ) -> Inquiry:
        made = head(method, _path_of(channel), visitor.shown, visitor.opening)
        params = self._kinds.params(plans.kind, channel)
        noticed, visitor.noticed = visitor.noticed, None
        return self._inquiries.ask(
            plan, made, like=visitor.opening, params=params, asker=asker, noticed=noticed
        )

    def _parted(self, client: str, channel: str, why: Unsubscription) -> None:
        visitor = self._visitors.get(client)
        self.left(channel, client)
        has_parted = self.part(client, channel, why)
        if not has_parted and visitor is not None and channel in visitor.given:
            self.end(client, CONNECTION_EXPIRED)  # it is about to read it, and nobody would end it

    def _plans_of(self, channel: str) -> _Plans | None:
        kind = self._kinds.find(channel)
        if kind is None:
            return None
        if kind.rule.parameter:  # a service may be asked about it, by a path
            path = _path_of(channel)
            if normal(path) != (path, False):
                return None
        return self._plans.get(id(kind))


def is_urgent(rule: ChannelRule) -> bool:
    """Tell whether what is published in channels of a kind overtakes others: it is of crises."""
    raw = None if rule.subscribe is None else rule.subscribe.features.get("admission")
    return raw is not None and _decode(raw).traffic == "crisis"


def _has_inbox(principal: Principal) -> bool:
    """Return whether letters are read by it: no rule opens a part of them to narrow tokens."""
    return not principal.is_narrow or WHOLE in principal.scopes


def _path_of(channel: str) -> bytes:
    """Return a channel's name as a path."""
    return ("/" + "/".join(quote(one, safe="") for one in channel.split(":", 1))).encode()
