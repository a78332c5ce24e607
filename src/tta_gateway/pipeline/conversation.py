"""A conversation: policies are asked about what a client and a service say to each other.

It stands between two streams of messages, whoever has them: it holds no socket.  In each direction
one message is asked about at a time.  What policies answer decides:

    None                goes on, as it is or as they have made it
    an answer           was for the gateway: its body is told to the client, nothing goes on
    a refusal, a fault  does not go on, and whoever is there hears of it

Nothing is dropped in silence.  Where the route has words for it the client is told, and all goes
on: whoever writes fast is not cut off.  Who goes on all the same is, and so is everybody where
there are no words: by 1013 where it may be tried again later, 1008 where it may not, or 1011.
"""

from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.said import Hearing, Said, Talk, Wording

POLICY: Final = 1008  # RFC 6455 7.4.1
FAULT: Final = 1011
LATER: Final = 1013  # IANA's registry: try again later
IN_A_ROW: Final = 50
"""Refused messages of a client without one that goes on between them, of which it is told."""
_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_AGAIN: Final = frozenset((429, 503))


class Asker(Protocol):
    """Whoever asks the policies (pipeline.run)."""

    def ask(self, exchange: Exchange, said: Said, told: Callable[[Answer], None]) -> None:
        """Ask about one message; `told` hears the answer, now or later."""


class Passage:
    """One direction.  `decided` is called for each message that had to wait, once it is.

    `passes` is what goes on of the last message that was decided, or None: nothing does.
    """

    __slots__ = (
        "_asker",
        "_exchange",
        "_is_asking",
        "_is_decided",
        "_refused",
        "_said",
        "_talk",
        "_wording",
        "by_service",
        "decided",
        "is_open",
        "passes",
    )

    def __init__(self, exchange: Exchange, asker: Asker, talk: Talk, *, by_service: bool) -> None:
        """Ask about what one side says; nothing has been said yet."""
        plan = exchange.plan
        self._exchange = exchange
        self._asker = asker
        self._talk = talk
        self._wording: Wording | None = plan.wording
        self.by_service = by_service
        self.is_open = not (plan.reply if by_service else plan.message)
        """Whether nobody looks at what goes this way: then nothing need be whole."""
        self.decided: Callable[[], None] = _nobody
        self.passes: Said | None = None
        self._said: Said | None = None
        self._is_asking = self._is_decided = False
        self._refused = 0  # in a row

    def look(self, data: bytes, *, is_text: bool, heard: Hearing | None = None) -> bool:
        """Ask about a message; False: it must wait, and so must what follows it this way.

        `heard`: the scan has looked already, and has found this.
        """
        said = Said(data, is_text=is_text, by_service=self.by_service, talk=self._talk)
        if heard is not None:
            said.is_heard, said.need = True, heard.need
        self._said = said
        self.passes = None
        self._is_asking, self._is_decided = True, False
        self._asker.ask(self._exchange, said, self._told)
        self._is_asking = False
        return self._is_decided

    def _told(self, answer: Answer) -> None:
        """Take what the policies say of the message."""
        said, self._said = self._said, None
        assert said is not None  # one is asked about at a time, and told of once
        if answer is None:
            self._refused = 0
            self.passes = said
        elif isinstance(answer, Refusal):
            self._refuse(said, answer.response)
        elif answer.status >= _ERRORS:
            self._refuse(said, answer)
        elif answer.body:
            self._talk.tell(answer.body, is_text=True)
        self._is_decided = True
        if not self._is_asking:
            self.decided()

    def _refuse(self, said: Said, response: Response) -> None:
        """Have the client told, or end it all."""
        self._refused += 1
        wording = self._wording
        if wording is not None and self._refused <= IN_A_ROW:
            self._talk.tell(wording.refused(self._exchange, said, response), is_text=True)
            return
        code = b"refused" if response.problem is None else response.problem.code.encode()
        self._talk.close(self._code(response), code)

    def _code(self, response: Response) -> int:
        """Return the code of the Close; who has been told and goes on is not asked back."""
        if self._wording is not None and not self.by_service:
            return POLICY
        if response.status in _AGAIN:
            return LATER
        # What a service says is not the client's doing.
        return FAULT if response.status >= _SERVER_ERRORS or self.by_service else POLICY


class Conversation:
    """Both directions."""

    __slots__ = ("from_client", "from_service")

    def __init__(self, exchange: Exchange, asker: Asker, talk: Talk) -> None:
        """Ask the policies of this exchange's route; `talk` is the socket that it is about."""
        self.from_client = Passage(exchange, asker, talk, by_service=False)
        self.from_service = Passage(exchange, asker, talk, by_service=True)


def _nobody() -> None:
    """Stand where nobody waits yet."""
