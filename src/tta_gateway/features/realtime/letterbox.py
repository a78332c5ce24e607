"""The letterbox of a worker: whoever connects is subscribed to their inbox, and given what waits.

`Threshold` stands before the desk (the ports Tokens and Access): whom the desk lets in reads their
inbox too, where there are any.  `Letterbox` stands before the hub as its Listener: whoever is sent
a letter is looked at by the postman, until they have acknowledged it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from tta_gateway.features.realtime.broker import Away, Listener
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import (
    Access,
    Admission,
    Admitted,
    Allowed,
    Caller,
    Further,
    Granted,
    MayPublish,
    Rules,
    Tokens,
)
from tta_gateway.features.realtime.inbox import FIRST, Inbox, Page, channel_of, user_of
from tta_gateway.features.realtime.postman import Postman
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication
from tta_gateway.features.realtime.session import Subscription
from tta_gateway.support.tasks import Died, spawn
from tta_gateway.support.valkey.client import Tell

_INBOX: Final = Rules()
_SPREAD: Final = 10_000  # milliseconds over which all who are here are looked at
_PAUSE: Final = 0.05  # seconds until a client that is full is looked at again


class Desk(Tokens, Access, Protocol):
    """Who lets people in, and says what they may do."""


class Threshold:
    """The desk, with an inbox for everybody who has said who they are while `has_inboxes`."""

    def __init__(self, desk: Desk) -> None:
        """Ask this desk; there are no inboxes yet."""
        self._desk: Final = desk
        self.has_inboxes = False

    def connect(self, request: ConnectRequest, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a connection is, and that they read their inbox."""
        admitted = self._desk.connect(request, caller)
        return self._later(admitted) if isinstance(admitted, Awaitable) else self._in(admitted)

    def refresh(self, token: str, caller: Caller) -> Admitted | Awaitable[Admitted]:
        """Return whose a new token is."""
        return self._desk.refresh(token, caller)

    def subscription(
        self, token: str, channel: str, caller: Caller
    ) -> Granted | Awaitable[Granted]:
        """Return what a token of a subscription gives."""
        return self._desk.subscription(token, channel, caller)

    def rules(self, channel: str) -> Rules | None:
        """Return what holds in a channel."""
        return _INBOX if user_of(channel) else self._desk.rules(channel)

    def may_subscribe(
        self, channel: str, caller: Caller, data: bytes = b""
    ) -> Granted | Awaitable[Granted]:
        """Say whether somebody may read a channel."""
        return self._desk.may_subscribe(channel, caller, data)

    def left(self, channel: str, client: str) -> None:
        """Take that a connection reads a channel no longer."""
        self._desk.left(channel, client)

    def may_publish(
        self, channel: str, data: bytes, caller: Caller
    ) -> MayPublish | Awaitable[MayPublish]:
        """Say whether somebody may write this into a channel."""
        return self._desk.may_publish(channel, data, caller)

    def may_see_presence(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may see who is there."""
        return self._desk.may_see_presence(channel, caller)

    def may_see_history(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may read what a channel keeps."""
        return self._desk.may_see_history(channel, caller)

    async def _later(self, admitted: Awaitable[Admitted]) -> Admitted:
        return self._in(await admitted)

    def _behind(self, further: Further) -> Admitted | Awaitable[Admitted]:
        admitted = further()
        return self._later(admitted) if isinstance(admitted, Awaitable) else self._in(admitted)

    def _in(self, admitted: Admitted) -> Admitted:
        if not self.has_inboxes or not isinstance(admitted, Admission):
            return admitted
        if admitted.further is not None:
            return replace(admitted, further=partial(self._behind, admitted.further))
        if not admitted.user or not admitted.has_inbox:
            return admitted
        return replace(admitted, channels={**admitted.channels, channel_of(admitted.user): b""})


class House(Listener, Protocol):
    """The hub: what it hears, and what is done with those who are connected to it."""

    def is_here(self, user: str) -> bool:
        """Return whether somebody is connected."""
        ...

    def users(self) -> list[str]:
        """Return who is connected."""
        ...

    def give(self, subscription: Subscription, publication: Publication) -> bool:
        """Give one session something of a channel; False while it can take no more."""
        ...


class Letterbox:
    """Gives letters to those who come, and has the postman go round; a Listener before the hub."""

    def __init__(
        self,
        hub: House,
        inbox: Inbox,
        *,
        is_open: Callable[[], bool],
        monotonic: Callable[[], float],
        tell: Tell,
        died: Died,
    ) -> None:
        """Give what stands in this inbox, while there are any."""
        self._hub: Final = hub
        self._inbox: Final = inbox
        self._is_open: Final = is_open
        self._died: Final = died
        self._postman: Final = Postman(inbox, monotonic=monotonic, tell=tell, is_here=hub.is_here)
        self._is_out = False

    def entered(self, subscription: Subscription) -> None:
        """Give what waits to somebody who has just come."""
        user = user_of(subscription.channel)
        if user:
            spawn(self._greet(subscription, user), name="letters", died=self._died)

    def tick(self) -> None:
        """Have the postman go round when something is due."""
        if self._is_open() and not self._is_out and self._postman.is_due():
            self._is_out = True
            spawn(self._go_round(), name="postman", died=self._died)

    # --- what the store tells (Listener) ---

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        """Pass a publication on; whoever has been sent a letter will be looked at."""
        user = user_of(channel)
        if user:
            self._postman.expect(user)
        self._hub.published(channel, publication, top)

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Pass on that somebody came."""
        self._hub.joined(channel, info)

    def left(self, channel: str, info: ClientInfo) -> None:
        """Pass on that somebody left."""
        self._hub.left(channel, info)

    def lost(self) -> None:
        """Pass it on; letters may be among what was missed, and nobody would look at their user."""
        for at, user in enumerate(self._hub.users() if self._is_open() else ()):
            self._postman.expect(user, FIRST + at % _SPREAD)
        self._hub.lost()

    # --- within ---

    async def _greet(self, subscription: Subscription, user: str) -> None:
        self._postman.expect(user)  # there may be some, whether or not they can be read now
        page = Page(after=0)
        while page.after >= 0:
            try:
                page = await self._inbox.drain(user, page.after)
            except Away:
                return  # they come when the postman goes round
            for one in page.letters:
                if not await self._given(subscription, one):
                    return

    async def _given(self, subscription: Subscription, letter: Publication) -> bool:
        """Give a letter as soon as there is room for it; False if nobody is there any more."""
        session = subscription.session
        while session.subscriptions.get(subscription.channel) is subscription:
            if self._hub.give(subscription, letter):
                return True
            await asyncio.sleep(_PAUSE)
        return False

    async def _go_round(self) -> None:
        try:
            await self._postman.go_round()
        finally:
            self._is_out = False
