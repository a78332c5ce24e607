"""What the crisis lane asks and tells: ports, and the help that is given whatever else fails."""

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.kernel.verdict import Category

Fate: TypeAlias = Literal["", "kept", "counted"]
"""What has become of a message that no service hears: it is kept, or only counted."""
HELPED: Final = "help given"
KEPT: Final = "message kept"
WITHHELD: Final = "answer withheld"
MODERATED: Final = "text found harmful"
"""What `Exchange.acted` says."""
SUPPORT: Final = b"x-crisis-support"


class Verdicts(Protocol):
    """Who can tell whether a body is of somebody in a crisis."""

    def look(self, exchange: Exchange, body: bytes) -> Iterator[bool]:
        """Yield whether it is, as far as has been looked: the last says.

        Each step takes a millisecond or two of the worker's time, at most; what is found stands on
        the exchange (`safety`).
        """


class Incidents(Protocol):
    """Who keeps crises until a human has taken care of them."""

    def open(self, exchange: Exchange, body: bytes) -> Awaitable[Fate]:
        """Open an incident, or fold this into the one that is open.

        Tell what has become of the message once that is durable; nothing if it is not.
        """


@dataclass(frozen=True, slots=True)
class Help:
    """Static help: a line for the header, and the card."""

    line: bytes
    card: bytes
    content_type: bytes = b"application/json"

    def add_to(self, response: Response) -> None:
        """Have an answer carry the line, once."""
        if response.get(SUPPORT) is None:
            response.fields.append((SUPPORT, self.line))

    def accepted(self) -> Response:
        """Return the answer to a message that is kept for delivery: 202, with the card."""
        fields: Fields = [(b"content-type", self.content_type), (b"cache-control", b"no-store")]
        made = Response(202, fields, self.card)
        self.add_to(made)
        return made


class Helps(Protocol):
    """Who knows the help for somebody: by their route, region and language."""

    def of(
        self, exchange: Exchange, level: int, categories: tuple[Category, ...] = (), fate: Fate = ""
    ) -> Help:
        """Return it; quick, and it never fails.  `level` is that of the verdict, 0 for an error."""
