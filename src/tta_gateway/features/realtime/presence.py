"""Presence: said in the store of who reads a channel, again and again while they do.

It counts for a while by itself, so that who is lost with a worker is not there for ever.  Nobody
waits for it, and a store that is away makes it late.
"""

from typing import Final

from tta_gateway.features.realtime.broker import Away, Broker
from tta_gateway.features.realtime.channels import Channels
from tta_gateway.features.realtime.doorkeeper import Access, Rules
from tta_gateway.features.realtime.session import Subscription
from tta_gateway.support.tasks import Died, spawn

PRESENCE: Final = 60
"""seconds that somebody counts as present unless it is said again"""
_SAID_AGAIN: Final = 27.0
_MOST_IN_VAIN: Final = 10  # channels behind each other for which the store is away


class Presence:
    """Says who is there, of the readers of one worker."""

    def __init__(
        self, broker: Broker, access: Access, channels: Channels, *, now: float, died: Died
    ) -> None:
        """Say it to this store, where a channel's rules want it."""
        self._broker: Final = broker
        self._access: Final = access
        self._channels: Final = channels
        self._died: Final = died
        self._said_at = now
        self._is_saying = False

    def came(self, subscription: Subscription, rules: Rules) -> None:
        """Say that somebody reads a channel."""
        if rules.presence or rules.announces:
            work = self._appear(subscription, rules)
            spawn(work, name="realtime presence", died=self._died)

    def went(self, subscription: Subscription) -> None:
        """Say that somebody reads it no longer."""
        rules = self._access.rules(subscription.channel)
        if rules is not None and (rules.presence or rules.announces):
            work = self._vanish(subscription, rules)
            spawn(work, name="realtime presence", died=self._died)

    def tick(self, now: float) -> None:
        """Say it again, when the time has come and the last time has come to its end."""
        if now - self._said_at >= _SAID_AGAIN and not self._is_saying:
            self._said_at = now
            self._is_saying = True
            spawn(self._say_again(), name="realtime presence", died=self._died)

    async def _appear(self, subscription: Subscription, rules: Rules) -> None:
        info, channel = subscription.info, subscription.channel
        try:
            if rules.presence:
                await self._broker.appear(channel, info, seconds=PRESENCE)
            if rules.announces:
                await self._broker.announce(channel, info, joined=True)
        except Away:
            return  # it is said again

    async def _vanish(self, subscription: Subscription, rules: Rules) -> None:
        info, channel = subscription.info, subscription.channel
        try:
            if rules.presence:
                await self._broker.vanish(channel, info)
            if rules.announces:
                await self._broker.announce(channel, info, joined=False)
        except Away:
            return  # it counts for a while longer

    async def _say_again(self) -> None:
        """Say of everybody who is present that they still are.

        One channel for which the store is away keeps no other from it.  But where it is away for
        many behind each other nobody waits for all of them: it is said again.
        """
        in_vain = 0
        try:
            for channel in self._channels.each():
                rules = self._access.rules(channel.name)
                if rules is None or not rules.presence:
                    continue
                try:
                    await self._say(channel.subscriptions())
                    in_vain = 0
                except Away:
                    in_vain += 1
                    if in_vain >= _MOST_IN_VAIN:
                        return
        finally:
            self._is_saying = False

    async def _say(self, readers: list[Subscription]) -> None:
        for each in readers:
            if each.session.subscriptions.get(each.channel) is each:  # else it has left meanwhile
                await self._broker.appear(each.channel, each.info, seconds=PRESENCE)
