"""How clients come to read channels, from where they were, and how they end that.

A client is told where it begins before anything is given to it: what is published from then on
follows without a gap.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from tta_gateway.features.realtime.answering import Waiting, turn_away, when
from tta_gateway.features.realtime.channel import LARGEST_RECOVERED, Channel, Place
from tta_gateway.features.realtime.channels import Channels
from tta_gateway.features.realtime.codes import (
    INTERNAL,
    PERMISSION_DENIED,
    UNKNOWN_CHANNEL,
    UNRECOVERABLE_POSITION,
)
from tta_gateway.features.realtime.command import (
    REJECT_UNRECOVERED,
    SubRefreshRequest,
    SubRefreshResult,
    SubscribeRequest,
    SubscribeResult,
)
from tta_gateway.features.realtime.doorkeeper import (
    Access,
    Caller,
    Grant,
    Granted,
    Rules,
    Tokens,
)
from tta_gateway.features.realtime.publication import Position
from tta_gateway.features.realtime.session import NEVER, Session, State, Subscription

FOSSIL: Final = "fossil"
"""the one format of deltas"""


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


class Joins:
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


class Joining:
    """Lets sessions of a worker read channels."""

    def __init__(
        self,
        tokens: Tokens,
        access: Access,
        channels: Channels,
        register: Register,
        *,
        now: Callable[[], float],
    ) -> None:
        """Take who is asked, where channels are, and who hears who comes and goes."""
        self._tokens: Final = tokens
        self._access: Final = access
        self._channels: Final = channels
        self._register: Final = register
        self._now: Final = now

    def subscribe(self, session: Session, request: SubscribeRequest, caller: Caller) -> Waiting:
        rules = self._access.rules(request.channel)
        if rules is None:
            session.refuse(UNKNOWN_CHANNEL)
            return None
        if request.token:
            granted = self._tokens.subscription(request.token, request.channel, caller)
        else:
            granted = self._access.may_subscribe(request.channel, caller, request.data)
        session.joining = request.channel
        return when(granted, partial(self._join, session, request, rules))

    def _join(
        self, session: Session, request: SubscribeRequest, rules: Rules, granted: Granted
    ) -> Waiting:
        if not isinstance(granted, Grant):
            session.joining = ""
            turn_away(session, granted)
            return None
        channel = self._channels.made(request.channel, rules)
        joins = Joins(session, channel, rules, granted)
        if self._channels.is_followed(channel):
            place = channel.place(_recovery(request), None)
            if place is not None:
                self._joined(joins, request, place)
                return None
        return self._join_later(joins, request)

    async def _join_later(self, joins: Joins, request: SubscribeRequest) -> None:
        try:
            places = await self._channels.places({joins.channel: _recovery(request)})
        except BaseException:
            self._access.left(request.channel, joins.session.client)
            raise
        self._joined(joins, request, places[joins.channel])

    def _joined(self, joins: Joins, request: SubscribeRequest, place: Place) -> None:
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
        self.attach(joins, place, result)

    def attach(self, joins: Joins, place: Place, result: SubscribeResult) -> None:
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

    def refresh(self, session: Session, request: SubRefreshRequest, caller: Caller) -> Waiting:
        granted = self._tokens.subscription(request.token, request.channel, caller)
        return when(granted, partial(self._refreshed, session, request))

    def _refreshed(self, session: Session, request: SubRefreshRequest, granted: Granted) -> None:
        subscription = session.subscriptions.get(request.channel)
        if not isinstance(granted, Grant):
            turn_away(session, granted)
        elif subscription is None:
            session.refuse(PERMISSION_DENIED)  # it has ended meanwhile
        else:
            seconds = granted.seconds
            lasts = NEVER if seconds is None else seconds
            session.extend(subscription, lasts, now=self._now())
            session.reply(SubRefreshResult(seconds is not None, seconds or 0))

    def unsubscribe(self, subscription: Subscription) -> None:
        """Let somebody read a channel no longer, at once."""
        channel = self._channels.find(subscription.channel)
        if channel is not None:
            channel.detach(subscription)
        subscription.session.unsubscribe(subscription.channel)
        self._register.departed(subscription)

    async def begin_ours(
        self,
        session: Session,
        channels: Mapping[str, bytes],
        subs: Mapping[str, SubscribeRequest],
    ) -> list[tuple[Joins, Place, SubscribeResult]]:
        """Return what is to be told and attached of channels that the server has somebody read.

        What is said with each is for the service; of those that there are not none is begun.
        """
        rules = {name: self._access.rules(name) for name in channels}
        known = {name: each for name, each in rules.items() if each is not None}
        wanted = {
            self._channels.made(name, each): _recovery(subs.get(name))
            for name, each in known.items()
        }
        places = _within(await self._channels.places(wanted))
        begun = []
        for channel, place in places.items():
            grant = Grant(about=channels[channel.name])
            joins = Joins(session, channel, known[channel.name], grant, is_ours=True)
            told = _result(channel, place, recovers=wanted[channel] is not None)
            begun.append((joins, place, told))
        return begun


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
