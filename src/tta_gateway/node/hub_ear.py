"""Listens to clients of the hub: who speaks, where, and what they are given (the port Ear).

What is urgent is durable before the card is given, and that before anything else comes of it; a
disk that takes its time does not keep the card from anybody.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.safety.card import frame
from tta_gateway.features.safety.help import Helping
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.listening import Heard, Listener, Place, Speaker
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.hub_visitor import Visitor
from tta_gateway.pipeline.budget import PerPerson
from tta_gateway.support.tasks import Died, followed, spawn

A_MINUTE: Final = 10
"""Commands of one person at risk that limits do not stop."""
PATIENCE: Final = 0.25
"""Seconds for which the card waits for the record."""
_encode: Final = msgspec.json.Encoder().encode
Give = Callable[[str, bytes, int], object]


class HubEar:
    """Listens to the clients of one worker's hub."""

    def __init__(
        self,
        listener: Listener,
        desk: HubDesk,
        *,
        give: Give,
        clock: Callable[[], float],
        pseudonym: Callable[[str], str],
        died: Died,
    ) -> None:
        """Have cards given by `give`: to a connection, the card, of this level.

        `pseudonym` stands for the network of an address, where nobody knows who it is.
        """
        self.helping: Helping | None = None
        """of the configuration; without one nobody is listened to"""
        self._listener = listener
        self._desk = desk
        self._give = give
        self._clock = clock
        self._pseudonym = pseudonym
        self._died = died
        self._spared = PerPerson(A_MINUTE)

    def hear(
        self, client: str, channel: str, data: bytes
    ) -> Noticed | Awaitable[Noticed | None] | None:
        """Listen to what a client says, in a channel or in none."""
        visitor = self._desk.visitor(client)
        kind, mode = self._desk.safety_in(channel) if channel else ("", "scan")
        if visitor is None or self.helping is None or mode == "off":
            return None
        speaker = self._speaker(client, visitor)
        place = Place(f"realtime {kind}".strip(), "", is_observed=mode == "observe")
        heard = self._listener.listen(speaker, place, data)
        if not isinstance(heard, Heard):
            return self._hear_later(visitor, speaker, place, heard)
        if not heard.level:
            return None
        return self._noticed(visitor, speaker, place, heard)

    def hold(self, client: str) -> None:
        """Have the desk know a client on; see the port."""
        self._desk.hold(client)

    def let_go(self, client: str) -> None:
        """Have it known no longer."""
        self._desk.let_go(client)

    async def _hear_later(
        self, visitor: Visitor, speaker: Speaker, place: Place, hearing: Awaitable[Heard]
    ) -> Noticed | None:
        heard = await hearing
        if not heard.level:
            return None
        noticed = self._noticed(visitor, speaker, place, heard)
        return noticed if isinstance(noticed, Found) else await noticed

    def _noticed(
        self, visitor: Visitor, speaker: Speaker, place: Place, heard: Heard
    ) -> "Found | Awaitable[Found]":
        found = Found(self, speaker, place, heard)
        if not heard.is_urgent:
            return found
        visitor.opening.traffic = CRISIS
        if visitor.connected is not None:
            visitor.connected.exchange.traffic = CRISIS
        found.is_spared = self._spared.take(speaker.key, self._clock())
        return self._urgent(visitor.opening, found)

    async def _urgent(self, opening: Exchange, found: "Found") -> "Found":
        """Have it kept, then the card given: who has been given help is known to somebody."""
        heard, client = found.heard, found.speaker.connection

        def give() -> None:
            if heard.needs_card and self.helping is not None:
                categories = heard.verdict.categories
                card = self.helping.card_of(opening, heard.level, categories)
                self._give(client, _encode(frame(card, categories)), heard.level)

        await followed(found.report(delivered=True), give, seconds=PATIENCE)
        return found

    def _speaker(self, client: str, visitor: Visitor) -> Speaker:
        opening, connected = visitor.opening, visitor.connected
        principal = opening.principal if connected is None else connected.exchange.principal
        return Speaker(
            self._pseudonym(opening.client) if principal is None else principal.key,
            subject="" if principal is None else principal.subject,
            identity="unknown" if principal is None else "verified",
            connection=client,
            correlation=opening.request_id.decode("latin-1"),
        )

    def report(self, found: "Found", *, delivered: bool) -> Awaitable[bool]:
        """Have it kept."""
        return self._listener.report(found.speaker, found.place, found.heard, delivered=delivered)

    def later(self, work: Awaitable[bool]) -> None:
        """See to what nobody waits for."""

        async def done() -> None:
            await work

        spawn(done(), name="safety report", died=self._died)


class Found:
    """What was found in what a client has said (the port Noticed)."""

    __slots__ = ("_ear", "_is_kept", "heard", "is_spared", "place", "speaker")

    def __init__(self, ear: HubEar, speaker: Speaker, place: Place, heard: Heard) -> None:
        """Nothing has come of it yet."""
        self.speaker = speaker
        self.place = place
        self.heard = heard
        self.is_spared = False
        self._ear = ear
        self._is_kept = False

    @property
    def level(self) -> int:
        """Return how grave it is."""
        return self.heard.level

    def report(self, *, delivered: bool) -> Awaitable[bool]:
        """Have it kept."""
        return self._ear.report(self, delivered=delivered)

    async def keep(self, *, delivered: bool) -> None:
        """Take what has come of it, once: what is urgent is kept already, as if it were delivered.

        Where it was not, a second record says so.
        """
        if self._is_kept:
            return
        self._is_kept = True
        if not self.heard.is_urgent:
            self._ear.later(self.report(delivered=delivered))
        elif not delivered:
            await self.report(delivered=False)
