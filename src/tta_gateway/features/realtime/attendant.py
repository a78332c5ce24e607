"""Carries out what clients ask, once their session has found nothing against it.

What can be done at once is done at once, without a task; only what must wait for the store or for
somebody else returns something to wait for.  While it waits, the session gives no other command.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from tta_gateway.features.realtime.amending import amended
from tta_gateway.features.realtime.answering import Waiting, if_allowed, turn_away, when
from tta_gateway.features.realtime.arrivals import RATE, Arrivals
from tta_gateway.features.realtime.broker import Broker, Published
from tta_gateway.features.realtime.channel import LARGEST_RECOVERED, MOST_RECOVERED
from tta_gateway.features.realtime.channels import Channels
from tta_gateway.features.realtime.codes import (
    CONNECTION_EXPIRED,
    INVALID_TOKEN,
    LIMIT_EXCEEDED,
    NOT_AVAILABLE,
    TOKEN_EXPIRED,
    TOO_MANY,
    UNAVAILABLE,
    UNKNOWN_CHANNEL,
    UNRECOVERABLE_POSITION,
    Disconnection,
)
from tta_gateway.features.realtime.command import (
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
    MayPublish,
    Procedures,
    Returned,
    Tokens,
)
from tta_gateway.features.realtime.ear import Deaf, Ear, Noticed
from tta_gateway.features.realtime.hearings import Hearings
from tta_gateway.features.realtime.joining import Joining, Register
from tta_gateway.features.realtime.publication import Keeping, Publication, key_of_service
from tta_gateway.features.realtime.session import NEVER, Session, State, Subscription, Terms
from tta_gateway.support.clock import Clock


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


class Attendant:
    """Carries out commands of any session of a worker."""

    def __init__(self, ports: Ports, *, channels: Channels, register: Register) -> None:
        """Take who is asked, where channels are, and who hears who comes and goes."""
        self._ports: Final = ports
        self._broker: Final = ports.broker
        self._tokens: Final = ports.tokens
        self._access: Final = ports.access
        self._register: Final = register
        self.hearings: Final = Hearings(ports.ear, ports.clock.monotonic)
        self.joining: Final = Joining(
            ports.tokens, ports.access, channels, register, now=ports.clock.monotonic
        )
        self._arrivals: Final = Arrivals(ports.clock.monotonic, rate=ports.arrivals)

    def begin(self, session: Session, command: Command, address: str) -> Waiting:
        """Carry a command out and answer it, or return what still is to be waited for."""
        caller = Caller(session.user, session.client, address)
        noticed = self.hearings.of(session, command)
        if noticed is None:
            return self._begin(session, command, caller)
        if not isinstance(command.request, PublishRequest | RpcRequest | SendRequest):
            return self._begin_noticed(session, command, caller, noticed)
        self._ports.ear.hold(session.client)  # at once: it may leave before anything is waited for
        return self._begin_held(session, command, caller, noticed)

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
            return self.joining.subscribe(session, request, caller)
        if isinstance(request, UnsubscribeRequest):
            self.joining.unsubscribe(session.subscriptions[request.channel])
            session.reply(UnsubscribeResult())
            return None
        if isinstance(request, ConnectRequest):
            return self._connect(session, request, caller)
        return self._begin_other(session, command, caller)

    def _begin_other(self, session: Session, command: Command, caller: Caller) -> Waiting:
        request = command.request
        if isinstance(request, SendRequest):
            return self._send(session, request, caller)
        if isinstance(request, RpcRequest):
            return self._rpc(session, request, caller)
        if isinstance(request, RefreshRequest):
            return self._refresh(session, request, caller)
        if isinstance(request, SubRefreshRequest):
            return self.joining.refresh(session, request, caller)
        if isinstance(request, HistoryRequest):
            return self._history(session, request, caller)
        assert isinstance(request, PresenceRequest | PresenceStatsRequest)  # session has the rest
        return self._presence(session, request, caller)

    # --- who it is ---

    def _connect(self, session: Session, request: ConnectRequest, caller: Caller) -> Waiting:
        admitted = self._tokens.connect(request, caller)
        return when(admitted, partial(self._let_in, session, request))

    def _let_in(self, session: Session, request: ConnectRequest, admitted: Admitted) -> Waiting:
        if not isinstance(admitted, Admission):
            turn_away(session, admitted)
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
            return when(admitted.further(), partial(self._enter_behind, session, request))
        if not admitted.channels:
            self._connected(session, admitted, {})
            return None
        return self._connect_with_channels(session, request, admitted)

    def _enter_behind(
        self, session: Session, request: ConnectRequest, admitted: Admitted
    ) -> Waiting:
        """Let somebody in about whom a service has been asked, whose turn it was."""
        if not isinstance(admitted, Admission):
            turn_away(session, admitted)
            return None
        session.about = admitted.about
        return self._enter(session, request, admitted)

    async def _connect_with_channels(
        self, session: Session, request: ConnectRequest, admitted: Admission
    ) -> None:
        """Let somebody in, with the channels that the server has them read."""
        begun = await self.joining.begin_ours(session, admitted.channels, request.subs)
        if self._connected(session, admitted, {one.channel.name: told for one, _, told in begun}):
            for one, place, told in begun:
                self.joining.attach(one, place, told)

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
        return when(self._tokens.refresh(request.token, caller), partial(self._refreshed, session))

    def _refreshed(self, session: Session, admitted: Admitted) -> None:
        if admitted is TOKEN_EXPIRED:
            session.close(CONNECTION_EXPIRED)  # SDKs give up for good where it is refused instead
        elif not isinstance(admitted, Admission):
            turn_away(session, admitted)
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
        return when(allowed, partial(self._put, session, request, rules.keeping, caller.noticed))

    def _put(
        self,
        session: Session,
        request: PublishRequest,
        keeping: Keeping,
        noticed: Noticed | None,
        allowed: MayPublish,
    ) -> Waiting:
        if allowed is not None and not isinstance(allowed, Amended):
            turn_away(session, allowed)
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
        return when(allowed, partial(if_allowed, session, then))

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
        return when(allowed, partial(if_allowed, session, then))

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
        return when(returned, partial(_return, session, caller.noticed))

    def _send(self, session: Session, request: SendRequest, caller: Caller) -> Waiting:
        taken = self._ports.procedures.send(request.data, caller)
        return when(taken, partial(_sent, session, caller.noticed))

    def _now(self) -> float:
        return self._ports.clock.monotonic()


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
        turn_away(session, returned)


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
