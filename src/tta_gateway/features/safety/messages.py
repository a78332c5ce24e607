"""Listen to what is said through a service's WebSockets, in both directions.

What a person at risk says goes on, within a budget also where a limit of messages would stop it;
the card is told at once, ahead of what has not gone on yet, and the record is durable before the
service hears the message, so before any reply.  What a service says is looked at before it is
shown.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

import msgspec

from tta_gateway.features.safety.bound import safety_of
from tta_gateway.features.safety.card import chat_content, chat_metadata, frame
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.problems import WITHHELD
from tta_gateway.features.safety.telling import Telling, socket_of
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.listening import SILENCE, Heard, Judged, Listener, Place, Speaker
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Need, Said
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.kernel.verdict import NONE, Category
from tta_gateway.pipeline.budget import PerPerson
from tta_gateway.support.tasks import followed

PATIENCE: Final = 0.25
"""Seconds for which the card waits for the record."""
A_MINUTE: Final = 10
"""Messages of one person at risk that limits do not stop."""
_encode: Final = msgspec.json.Encoder().encode
Later = Callable[[Awaitable[bool]], None]


class Messages:
    """Acts on routes that are looked into."""

    name: ClassVar = "safety_messages"
    needs: ClassVar[frozenset[str]] = frozenset({"traffic"})
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        listener: Listener,
        helping: Helping,
        *,
        pseudonym: Callable[[str], str],
        clock: Callable[[], float],
        later: Later,
    ) -> None:
        """Listen by this, and give this help.

        `pseudonym` stands for the network of an address, where nobody knows who it is; `clock` is
        monotonic, in seconds; `later` sees to what nobody waits for.
        """
        self.listener = listener
        self.helping = helping
        self.pseudonym = pseudonym
        self.clock = clock
        self.later = later
        self.spared = PerPerson(A_MINUTE)
        self.telling = Telling()
        """tells services that asked"""

    def for_route(self, route: Route | None) -> "BoundMessages | None":
        """Act where what is said may be somebody's need."""
        if route is None or route.stream or safety_of(route).mode == "off":
            return None
        return BoundMessages(self, route)

    def speaker(self, exchange: Exchange) -> Speaker:
        """Return who speaks through a socket that this exchange has opened."""
        principal = exchange.principal
        return Speaker(
            self.pseudonym(exchange.client) if principal is None else principal.key,
            subject="" if principal is None else principal.subject,
            identity="unknown" if principal is None else "verified",
            connection=socket_of(exchange),
            correlation=exchange.request_id.decode("latin-1"),
        )


class BoundMessages:
    """Those of one route."""

    hears_replies: ClassVar = True
    scans_refused: ClassVar = True

    def __init__(self, messages: Messages, route: Route) -> None:
        """Listen there."""
        self._all = messages
        self._listener = messages.listener
        is_observed = safety_of(route).mode == "observe"
        self._place = Place(route.name, route.service, is_observed=is_observed)

    def explain(self) -> str:
        """Say what it does."""
        return "listens to what is said through WebSockets: help at once for people at risk"

    def on_finish(self, exchange: Exchange) -> None:
        """Forget what was said."""
        if exchange.socket_id:
            self._listener.over(exchange.socket_id)

    def on_message(self, exchange: Exchange, said: Said) -> Answer | Awaitable[Answer]:
        """Look at a message; it goes on, later where a record has to be durable first."""
        if said.by_service:
            judged = self._listener.judge(self._place, socket_of(exchange), said.data)
            if isinstance(judged, Judged):
                return self._judged(exchange, said, judged)
            return self._judge_later(exchange, said, judged)
        if said.is_heard:
            self._heard_before(exchange, said)
            return None
        said.is_heard = True
        speaker = self._all.speaker(exchange)
        heard = self._listener.listen(speaker, self._place, said.data)
        if isinstance(heard, Heard):
            return None if heard is SILENCE else self._heard(exchange, said, speaker, heard)
        return self._hear_later(exchange, said, speaker, heard)

    # What people say

    def _heard_before(self, exchange: Exchange, said: Said) -> None:
        """Let what was looked at before go on: it was refused, or has waited."""
        need = said.need
        if need is not None:
            exchange.traffic = CRISIS
            if need.is_spared:
                said.refusal = None
            if not need.is_told:
                need.is_told = self._tell(exchange, said, need.level, need.categories)

    def _tell(
        self, exchange: Exchange, said: Said, level: int, categories: tuple[Category, ...]
    ) -> bool:
        """Tell the service, if it has asked, ahead of a message that goes on; False if not yet."""
        if said.refusal is not None:
            return False
        word = self._all.telling.word(exchange, level, categories)
        return not word or said.talk.inform(word)

    async def _hear_later(
        self, exchange: Exchange, said: Said, speaker: Speaker, hearing: Awaitable[Heard]
    ) -> Answer:
        answer = self._heard(exchange, said, speaker, await hearing)
        return None if answer is None else await answer

    def _heard(
        self, exchange: Exchange, said: Said, speaker: Speaker, heard: Heard
    ) -> Awaitable[Answer] | None:
        """Do what a message comes to; the record of one that is not urgent delays nobody."""
        if not heard.level:
            return None
        if heard.is_urgent:
            exchange.traffic = CRISIS
            return self._keep(exchange, said, speaker, heard)
        self._tell(exchange, said, heard.level, heard.verdict.categories)
        report = self._listener.report(speaker, self._place, heard, delivered=said.refusal is None)
        self._all.later(report)
        return None

    async def _keep(self, exchange: Exchange, said: Said, speaker: Speaker, heard: Heard) -> Answer:
        """Let a refused message go on, if there is budget; have it kept before it does."""
        refusal = said.refusal
        is_spared = self._all.spared.take(speaker.key, self._all.clock())

        def undelivered() -> None:
            self._all.later(self._listener.report(speaker, self._place, heard, delivered=False))

        need = said.need = Need(heard.level, is_spared=is_spared, undelivered=undelivered)
        need.categories = heard.verdict.categories
        if refusal is not None:
            if is_spared:
                said.refusal = None
            else:
                self._with_help(exchange, refusal, heard)
        report = self._listener.report(speaker, self._place, heard, delivered=said.refusal is None)

        def give() -> None:
            if heard.needs_card:
                said.talk.tell(self._card(exchange, heard), is_text=True, is_help=True)

        await followed(report, give, seconds=PATIENCE)
        need.is_kept = bool(heard.report and heard.text)
        need.is_told = self._tell(exchange, said, need.level, need.categories)
        return None

    def _with_help(self, exchange: Exchange, refusal: Response, heard: Heard) -> None:
        """Have a refusal that stands say where help is: none is bare."""
        card = self._all.helping.card_of(exchange, heard.level, heard.verdict.categories, "counted")
        refusal.members = {**(refusal.members or {}), "help": card}

    def _card(self, exchange: Exchange, heard: Heard) -> bytes:
        categories = heard.verdict.categories
        card = self._all.helping.card_of(exchange, heard.level, categories)
        wording = exchange.plan.wording
        if wording is None:
            return _encode(frame(card, categories))
        return wording.says(exchange, chat_content(card), chat_metadata(card, categories))

    def farewell(self, exchange: Exchange, fate: Fate = "") -> bytes:
        """Return static help, for whoever hears that a socket ends, and what waited came to."""
        card = self._all.helping.card_of(exchange, NONE, (), fate)
        wording = exchange.plan.wording
        if wording is None:
            return _encode(frame(card, ()))
        return wording.event(exchange, "help", {"help": card})

    # What services say

    async def _judge_later(
        self, exchange: Exchange, said: Said, judging: Awaitable[Judged]
    ) -> Answer:
        return self._judged(exchange, said, await judging)

    def _judged(self, exchange: Exchange, said: Said, judged: Judged) -> Answer:
        said.data = judged.data
        found = judged.verdict
        if found is None:
            return None
        if not judged.data:
            return answer_of(WITHHELD)
        self._all.later(
            self._listener.report(
                self._all.speaker(exchange),
                self._place,
                Heard(found, level=found.level, text=judged.text),
                delivered=False,
                source="reply",
            )
        )
        return None
