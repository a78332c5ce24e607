"""Carries out what clients ask, once their session has found nothing against it.

What can be done at once is done at once, without a task; only what must wait for the store or for
somebody else returns something to wait for.  While it waits, the session gives no other command.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from tta_gateway.features.realtime.amending import amended
from tta_gateway.features.realtime.arrivals import RATE, Arrivals
from tta_gateway.features.realtime.broker import Broker, Published
from tta_gateway.features.realtime.channel import LARGEST_RECOVERED, MOST_RECOVERED, Channel, Place
from tta_gateway.features.realtime.channels import Channels
from tta_gateway.features.realtime.codes import (
    CONNECTION_EXPIRED,
    INTERNAL,
    INVALID_TOKEN,
    LIMIT_EXCEEDED,
    NOT_AVAILABLE,
    PERMISSION_DENIED,
    TOKEN_EXPIRED,
    TOO_MANY,
    UNAVAILABLE,
    UNKNOWN_CHANNEL,
    UNRECOVERABLE_POSITION,
    Disconnection,
    Refused,
)
from tta_gateway.features.realtime.command import (
    REJECT_UNRECOVERED,
    Command,
    ConnectRequest,
    ConnectResult,
    HistoryRequest,
    HistoryResult,
    PresenceRequest,
    PresenceResult,
    PresenceStatsRequest,
    PresenceStatsResult,
    PublishRequest,
    PublishResult,
    RefreshRequest,
    RefreshResult,
    RpcRequest,
    RpcResult,
    SendRequest,
    SubRefreshRequest,
    SubRefreshResult,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribeRequest,
    UnsubscribeResult,
)
from tta_gateway.features.realtime.doorkeeper import (
    Access,
    Admission,
    Admitted,
    Allowed,
    Amended,
    Caller,
    Grant,
    Granted,
    MayPublish,
    Procedures,
    Returned,
    Rules,
    Tokens,
    Verdict,
)
from tta_gateway.features.realtime.ear import Deaf, Ear, Noticed, said_by
from tta_gateway.features.realtime.publication import Keeping, Position, Publication, key_of_service
from tta_gateway.features.realtime.session import NEVER, Session, State, Subscription, Terms
from tta_gateway.support.clock import Clock
from tta_gateway.support.tasks import spawn

FOSSIL: Final = "fossil"
"""the one format of deltas"""
T = TypeVar("T")
Waiting: TypeAlias = Awaitable[None] | None
"""what is still to be waited for, if anything"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that the hub needs of others; `version` is told to clients.

    `arrivals` is how many a second are let in; `ear` listens to what clients say.
    """

    broker: Broker
    tokens: Tokens
    access: Access
    procedures: Procedures
    clock: Clock
    terms: Terms
    version: str
    arrivals: float = RATE
    ear: Ear = Deaf()  # noqa: RUF009 - it holds nothing


class Register(Protocol):
    """Who is connected and where: the hub."""

    def came(self, session: Session) -> None:
        """Take that it is known who a session is."""
        ...

    def joined_channel(self, subscription: Subscription, rules: Rules) -> None:
        """Take that a session reads a channel."""
        ...

    def departed(self, subscription: Subscription) -> None:
        """Take that it does no longer."""
        ...


class Attendant:
    """Carries out commands of any session of a worker."""

    def __init__(self, ports: Ports, *, channels: Channels, register: Register) -> None:
        """Take who is asked, where channels are, and who hears who comes and goes."""
        self._ports: Final = ports
        self._broker: Final = ports.broker
        self._tokens: Final = ports.tokens
        self._access: Final = ports.access
        self._channels: Final = channels
        self._register: Final = register
        self._arrivals: Final = Arrivals(ports.clock.monotonic, rate=ports.arrivals)

    def begin(self, session: Session, command: Command, address: str) -> Waiting:
        """Carry a command out and answer it, or return what still is to be waited for."""
        caller = Caller(session.user, session.client, address)
        noticed = self._heard(session, command)
        if noticed is None:
            return self._begin(session, command, caller)
        if not isinstance(command.request, PublishRequest | RpcRequest | SendRequest):
            return self._begin_noticed(session, command, caller, noticed)
        self._ports.ear.hold(session.client)  # at once: it may leave before anything is waited for
        return self._begin_held(session, command, caller, noticed)

    def hear_ahead(self, session: Session, until: float) -> bool:
        """Listen to commands that wait: help does not; False: the time is up, and some are left."""
        for command in session.unheard():
            hearing = self._hear(session, command)
            if isinstance(hearing, Awaitable):
                hearing = _begun(hearing)
            session.hearings[id(command)] = hearing
            if self._now() >= until:
                return False
        return True

    def undone(self, session: Session) -> Coroutine[Any, Any, None] | None:
        """Listen to what was not carried out; return how it is kept, if anybody may need help.

        It is listened to at once: soon nobody knows a client that has left.
        """
        left, session.left = session.left, []
        found = [one for one in (self._heard(session, each) for each in left) if one is not None]
        return _kept_undone(found) if found else None

    def _heard(
        self, session: Session, command: Command
    ) -> Noticed | Awaitable[Noticed | None] | None:
        """Return what is found in a command, once."""
        if id(command) in session.hearings:
            return session.hearings.pop(id(command))
        return self._hear(session, command)

    def _hear(
        self, session: Session, command: Command
    ) -> Noticed | Awaitable[Noticed | None] | None:
        channel, said = said_by(command.request)
        return self._ports.ear.hear(session.client, channel, said) if said else None

    async def _begin_held(
        self,
        session: Session,
        command: Command,
        caller: Caller,
        hearing: Noticed | Awaitable[Noticed | None],
    ) -> None:
        """Carry it out also where they leave meanwhile: what took no listening to would be."""
        try:
            await self._begin_noticed(session, command, caller, hearing)
        finally:
            self._ports.ear.let_go(session.client)

    async def _begin_noticed(
        self,
        session: Session,
        command: Command,
        caller: Caller,
        hearing: Noticed | Awaitable[Noticed | None],
    ) -> None:
        """Carry out what somebody may need help with; whatever comes of it, it is kept."""
        noticed = await hearing if isinstance(hearing, Awaitable) else hearing
        if noticed is None:
            more = self._begin(session, command, caller)
            if more is not None:
                await more
            return
        try:
            more = self._begin(session, command, replace(caller, noticed=noticed))
            if more is not None:
                await more
        finally:
            await noticed.keep(delivered=False)  # unless it is kept as delivered by now

    def _begin(self, session: Session, command: Command, caller: Caller) -> Waiting:
        request = command.request
        if isinstance(request, PublishRequest):
            return self._publish(session, request, caller)
        if isinstance(request, SubscribeRequest):
            return self._subscribe(session, request, caller)
        if isinstance(request, UnsubscribeRequest):
            self.unsubscribe(session.subscriptions[request.channel])
            session.reply(UnsubscribeResult())
            return None
        if isinstance(request, ConnectRequest):
            return self._connect(session, request, caller)
        return self._begin_other(session, command, caller)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Let somebody read a channel no longer, at once."""
        channel = self._channels.find(subscription.channel)
        if channel is not None:
            channel.detach(subscription)
        subscription.session.unsubscribe(subscription.channel)
        self._register.departed(subscription)

    def _begin_other(self, session: Session, command: Command, caller: Caller) -> Waiting:
        request = command.request
        if isinstance(request, SendRequest):
            return self._send(session, request, caller)
        if isinstance(request, RpcRequest):
            return self._rpc(session, request, caller)
        if isinstance(request, RefreshRequest):
            return self._refresh(session, request, caller)
        if isinstance(request, SubRefreshRequest):
            return self._sub_refresh(session, request, caller)
        if isinstance(request, HistoryRequest):
            return self._history(session, request, caller)
        assert isinstance(request, PresenceRequest | PresenceStatsRequest)  # session has the rest
        return self._presence(session, request, caller)

    # --- who it is ---

    def _connect(self, session: Session, request: ConnectRequest, caller: Caller) -> Waiting:
        admitted = self._tokens.connect(request, caller)
        return _when(admitted, partial(self._let_in, session, request))

    def _let_in(self, session: Session, request: ConnectRequest, admitted: Admitted) -> Waiting:
        if not isinstance(admitted, Admission):
            _turn_away(session, admitted)
            return None
        if session.state is not State.CONNECTING:
            return None  # it has gone meanwhile
        session.user = admitted.user
        session.about = admitted.about
        self._register.came(session)  # from now on it is found by who it is, and may be ended
        turn = self._arrivals.enter(admitted.traffic)
        if turn is not None:
            return self._let_in_later(session, request, admitted, turn)
        return self._enter(session, request, admitted)

    async def _let_in_later(
        self,
        session: Session,
        request: ConnectRequest,
        admitted: Admission,
        turn: Awaitable[bool],
    ) -> None:
        """Let somebody in when it is their turn, or have them come back."""
        if not await turn:
            session.close(TOO_MANY)
            return
        more = self._enter(session, request, admitted)
        if more is not None:
            await more

    def _enter(self, session: Session, request: ConnectRequest, admitted: Admission) -> Waiting:
        if admitted.further is not None:
            if session.state is not State.CONNECTING:
                return None  # it has gone meanwhile: nobody is asked about it
            return _when(admitted.further(), partial(self._enter_behind, session, request))
        if not admitted.channels:
            self._connected(session, admitted, {})
            return None
        return self._connect_with_channels(session, request, admitted)

    def _enter_behind(
        self, session: Session, request: ConnectRequest, admitted: Admitted
    ) -> Waiting:
        """Let somebody in about whom a service has been asked, whose turn it was."""
        if not isinstance(admitted, Admission):
            _turn_away(session, admitted)
            return None
        session.about = admitted.about
        return self._enter(session, request, admitted)

    async def _connect_with_channels(
        self, session: Session, request: ConnectRequest, admitted: Admission
    ) -> None:
        """Let somebody in, with the channels that the server has them read."""
        rules = {name: self._access.rules(name) for name in admitted.channels}
        known = {name: each for name, each in rules.items() if each is not None}
        wanted = {
            self._channels.made(name, each): _recovery(request.subs.get(name))
            for name, each in known.items()
        }
        places = _within(await self._channels.places(wanted))
        results = {
            channel.name: _result(channel, place, recovers=wanted[channel] is not None)
            for channel, place in places.items()
        }
        if self._connected(session, admitted, results):
            for channel, place in places.items():
                grant = Grant(about=admitted.channels[channel.name])
                joins = _Joins(session, channel, known[channel.name], grant, is_ours=True)
                self._attach(joins, place, results[channel.name])

    def _connected(
        self, session: Session, admitted: Admission, subs: dict[str, SubscribeResult]
    ) -> bool:
        """Open the session, unless it has ended meanwhile."""
        if session.state is not State.CONNECTING:
            return False
        ping = session.terms.ping
        session.connected(
            ConnectResult(
                client=session.client,
                version=self._ports.version,
                expires=admitted.seconds is not None and not admitted.is_quiet,
                ttl=0 if admitted.is_quiet else admitted.seconds or 0,
                data=admitted.data,
                subs=subs,
                ping=int(ping),
                pong=ping > 0,
                session=session.secret,
                node=session.node,
            ),
            now=self._now(),
        )
        if admitted.is_quiet and admitted.seconds is not None:
            session.lasts(admitted.seconds, now=self._now())
        return True

    def _refresh(self, session: Session, request: RefreshRequest, caller: Caller) -> Waiting:
        return _when(self._tokens.refresh(request.token, caller), partial(self._refreshed, session))

    def _refreshed(self, session: Session, admitted: Admitted) -> None:
        if admitted is TOKEN_EXPIRED:
            session.close(CONNECTION_EXPIRED)  # SDKs give up for good where it is refused instead
        elif not isinstance(admitted, Admission):
            _turn_away(session, admitted)
        elif admitted.user != session.user:
            session.close(INVALID_TOKEN)
        else:
            seconds = admitted.seconds
            session.lasts(NEVER if seconds is None else seconds, now=self._now())
            session.reply(
                RefreshResult(
                    client=session.client,
                    version=self._ports.version,
                    expires=seconds is not None,
                    ttl=seconds or 0,
                )
            )

    # --- channels ---

    def _subscribe(self, session: Session, request: SubscribeRequest, caller: Caller) -> Waiting:
        rules = self._access.rules(request.channel)
        if rules is None:
            session.refuse(UNKNOWN_CHANNEL)
            return None
        if request.token:
            granted = self._tokens.subscription(request.token, request.channel, caller)
        else:
            granted = self._access.may_subscribe(request.channel, caller, request.data)
        session.joining = request.channel
        return _when(granted, partial(self._join, session, request, rules))

    def _join(
        self, session: Session, request: SubscribeRequest, rules: Rules, granted: Granted
    ) -> Waiting:
        if not isinstance(granted, Grant):
            session.joining = ""
            _turn_away(session, granted)
            return None
        channel = self._channels.made(request.channel, rules)
        joins = _Joins(session, channel, rules, granted)
        if self._channels.is_followed(channel):
            place = channel.place(_recovery(request), None)
            if place is not None:
                self._joined(joins, request, place)
                return None
        return self._join_later(joins, request)

    async def _join_later(self, joins: "_Joins", request: SubscribeRequest) -> None:
        try:
            places = await self._channels.places({joins.channel: _recovery(request)})
        except BaseException:
            self._access.left(request.channel, joins.session.client)
            raise
        self._joined(joins, request, places[joins.channel])

    def _joined(self, joins: "_Joins", request: SubscribeRequest, place: Place) -> None:
        session = joins.session
        if session.state is not State.CONNECTED:
            return
        if session.joining != request.channel:
            self._access.left(request.channel, session.client)
            # The platform has ended it before it began.
            session.refuse(INTERNAL if session.may_rejoin else PERMISSION_DENIED)
            return
        session.joining = ""
        if request.recover and not place.recovered and request.flag & REJECT_UNRECOVERED:
            self._access.left(request.channel, session.client)
            session.refuse(UNRECOVERABLE_POSITION)
            return
        result = _result(
            joins.channel,
            place,
            recovers=request.recover,
            grant=joins.grant,
            deltas=joins.rules.deltas and request.delta == FOSSIL,
        )
        session.reply(result)
        self._attach(joins, place, result)

    def _attach(self, joins: "_Joins", place: Place, result: SubscribeResult) -> None:
        """Give a session what is published from now on: it has been told where it begins."""
        subscription = Subscription(
            joins.session,
            joins.channel.name,
            is_ours=joins.is_ours,
            hears_others=joins.rules.announces,
            takes_deltas=result.delta,
            about=joins.grant.about,
        )
        joins.session.subscribe(subscription, result, now=self._now())
        seconds = joins.grant.seconds
        if joins.grant.is_quiet and seconds is not None:
            joins.session.extend(subscription, seconds, now=self._now())
        joins.channel.attach(subscription, place)
        self._register.joined_channel(subscription, joins.rules)

    def _sub_refresh(self, session: Session, request: SubRefreshRequest, caller: Caller) -> Waiting:
        granted = self._tokens.subscription(request.token, request.channel, caller)
        return _when(granted, partial(self._sub_refreshed, session, request))

    def _sub_refreshed(
        self, session: Session, request: SubRefreshRequest, granted: Granted
    ) -> None:
        subscription = session.subscriptions.get(request.channel)
        if not isinstance(granted, Grant):
            _turn_away(session, granted)
        elif subscription is None:
            session.refuse(PERMISSION_DENIED)  # it has ended meanwhile
        else:
            seconds = granted.seconds
            lasts = NEVER if seconds is None else seconds
            session.extend(subscription, lasts, now=self._now())
            session.reply(SubRefreshResult(seconds is not None, seconds or 0))

    # --- messages ---

    def _publish(self, session: Session, request: PublishRequest, caller: Caller) -> Waiting:
        rules = self._access.rules(request.channel)
        if rules is None:
            session.refuse(UNKNOWN_CHANNEL)
            return None
        if len(request.data) > rules.largest:
            session.refuse(LIMIT_EXCEEDED)
            return None
        allowed = self._access.may_publish(request.channel, request.data, caller)
        return _when(allowed, partial(self._put, session, request, rules.keeping, caller.noticed))

    def _put(
        self,
        session: Session,
        request: PublishRequest,
        keeping: Keeping,
        noticed: Noticed | None,
        allowed: MayPublish,
    ) -> Waiting:
        if allowed is not None and not isinstance(allowed, Amended):
            _turn_away(session, allowed)
            return None
        there = session.subscriptions.get(request.channel)
        info = Subscription(session, request.channel).info if there is None else there.info
        made, kept = amended(Publication(request.data, info=info), keeping, allowed)
        key = "" if allowed is None else key_of_service(allowed.key)
        publish = self._broker.publish(request.channel, made, keeping=kept, key=key)
        return self._published(session, publish, noticed)

    async def _published(
        self, session: Session, publish: Awaitable[Published], noticed: Noticed | None
    ) -> None:
        await publish
        if noticed is not None:
            await noticed.keep(delivered=True)
        session.reply(PublishResult())

    def _history(self, session: Session, request: HistoryRequest, caller: Caller) -> Waiting:
        rules = self._access.rules(request.channel)
        if rules is None or not rules.keeping.is_on:
            session.refuse(UNKNOWN_CHANNEL if rules is None else NOT_AVAILABLE)
            return None
        allowed = self._access.may_see_history(request.channel, caller)
        then = partial(self._read, session, request)
        return _when(allowed, partial(_if_allowed, session, then))

    async def _read(self, session: Session, request: HistoryRequest) -> None:
        limit = MOST_RECOVERED if request.limit < 0 else min(request.limit, MOST_RECOVERED)
        since = request.since
        told = await self._broker.history(
            request.channel, since=since, limit=limit, reverse=request.reverse
        )
        if since is not None and since.epoch not in {"", told.top.epoch}:
            session.refuse(UNRECOVERABLE_POSITION)
            return
        session.reply(HistoryResult(_page(told.publications) if limit else (), told.top))

    def _presence(
        self, session: Session, request: PresenceRequest | PresenceStatsRequest, caller: Caller
    ) -> Waiting:
        rules = self._access.rules(request.channel)
        if rules is None or not rules.presence:
            session.refuse(UNKNOWN_CHANNEL if rules is None else NOT_AVAILABLE)
            return None
        allowed = self._access.may_see_presence(request.channel, caller)
        then = partial(self._see, session, request)
        return _when(allowed, partial(_if_allowed, session, then))

    async def _see(self, session: Session, request: PresenceRequest | PresenceStatsRequest) -> None:
        present = await self._broker.present(request.channel)
        if isinstance(request, PresenceRequest):
            session.reply(PresenceResult(present))
        else:
            users = {each.user for each in present}
            session.reply(PresenceStatsResult(len(present), len(users)))

    # --- procedures ---

    def _rpc(self, session: Session, request: RpcRequest, caller: Caller) -> Waiting:
        returned = self._ports.procedures.call(request.method, request.data, caller)
        return _when(returned, partial(_return, session, caller.noticed))

    def _send(self, session: Session, request: SendRequest, caller: Caller) -> Waiting:
        taken = self._ports.procedures.send(request.data, caller)
        return _when(taken, partial(_sent, session, caller.noticed))

    def _now(self) -> float:
        return self._ports.clock.monotonic()


class _Joins:
    """Somebody who is about to read a channel."""

    def __init__(
        self,
        session: Session,
        channel: Channel,
        rules: Rules,
        grant: Grant,
        *,
        is_ours: bool = False,
    ) -> None:
        self.session = session
        self.channel = channel
        self.rules = rules
        self.grant = grant
        self.is_ours = is_ours


def _when(asked: T | Awaitable[T], then: Callable[[T], Waiting]) -> Waiting:
    """Go on with an answer at once, or as soon as it is there."""
    if isinstance(asked, Awaitable):
        return _later(asked, then)
    return then(asked)


async def _later(asked: Awaitable[T], then: Callable[[T], Waiting]) -> None:
    more = then(await asked)
    if more is not None:
        await more


def _begun(hearing: Awaitable[Noticed | None]) -> Awaitable[Noticed | None]:
    """Listen now, whoever waits for it later."""
    told: asyncio.Future[Noticed | None] = asyncio.get_running_loop().create_future()

    async def listened() -> None:
        try:
            found = await hearing
        except Exception as error:  # noqa: BLE001 - whoever waits for it hears of it
            if not told.done():
                told.set_exception(error)
        else:
            if not told.done():
                told.set_result(found)

    spawn(listened(), name="realtime hearing", died=_no_more)
    return told


def _no_more(name: str, error: BaseException) -> None:
    """Tell nobody twice."""


async def _kept_undone(found: Sequence[Noticed | Awaitable[Noticed | None]]) -> None:
    for one in found:
        noticed = await one if isinstance(one, Awaitable) else one
        if noticed is not None:
            await noticed.keep(delivered=False)


def _if_allowed(session: Session, then: Callable[[], Waiting], allowed: Allowed) -> Waiting:
    if allowed is None:
        return then()
    _turn_away(session, allowed)
    return None


def _turn_away(session: Session, why: Verdict) -> None:
    if isinstance(why, Refused):
        session.refuse(why)
    else:
        session.close(why)


def _return(session: Session, noticed: Noticed | None, returned: Returned) -> Waiting:
    if noticed is not None:
        return _return_kept(session, noticed, returned)
    _returned(session, returned)
    return None


async def _return_kept(session: Session, noticed: Noticed, returned: Returned) -> None:
    await noticed.keep(delivered=isinstance(returned, bytes))
    _returned(session, returned)


def _returned(session: Session, returned: Returned) -> None:
    if isinstance(returned, bytes):
        session.reply(RpcResult(returned))
    else:
        _turn_away(session, returned)


def _sent(session: Session, noticed: Noticed | None, taken: Allowed) -> Waiting:
    """End a message that has no answer, and so cannot be refused: the connection ends instead."""
    session.done()
    if taken is not None:
        session.close(taken if isinstance(taken, Disconnection) else UNAVAILABLE)
    return None if noticed is None else noticed.keep(delivered=taken is None)


def _page(publications: Sequence[Publication]) -> Sequence[Publication]:
    """Return as many as one answer holds, and one at least: who wants more asks behind these."""
    size = 0
    for count, one in enumerate(publications):
        size += len(one.data)
        if count and size > LARGEST_RECOVERED:
            return publications[:count]
    return publications


def _within(places: Mapping[Channel, Place]) -> dict[Channel, Place]:
    """Return places of which all together give no more than one may: the others begin anew."""
    found: dict[Channel, Place] = {}
    left = LARGEST_RECOVERED
    for channel, place in places.items():
        size = sum(len(one.data) for one in place.missed)
        if size > left:
            found[channel] = Place(Position(place.offset, place.position.epoch), place.offset)
        else:
            found[channel], left = place, left - size
    return found


def _recovery(request: SubscribeRequest | None) -> Position | None:
    return request.position if request is not None and request.recover else None


def _result(
    channel: Channel,
    place: Place,
    *,
    recovers: bool,
    grant: Grant | None = None,
    deltas: bool = False,
) -> SubscribeResult:
    seconds = None if grant is None or grant.is_quiet else grant.seconds
    return SubscribeResult(
        expires=seconds is not None,
        ttl=seconds or 0,
        recoverable=channel.keeps,
        positioned=channel.keeps,
        position=place.position,
        publications=place.missed,
        recovered=place.recovered,
        was_recovering=recovers and channel.keeps,
        data=b"" if grant is None else grant.data,
        delta=deltas,
    )
