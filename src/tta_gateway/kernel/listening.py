"""Listening to what is said through sockets: the port between those who carry it and safety.

The hub and the inspecting proxy ask about each message, whole, before it goes on.  Whatever is
found, what a person says is delivered; what is found decides what else happens.
"""

from collections.abc import Awaitable
from typing import Final, Protocol

from tta_gateway.kernel.incident import Identity, Source
from tta_gateway.kernel.verdict import HIGH, NONE, Verdict

SAFETY_LEVEL: Final = b"x-safety-level"
"""The field by which a service that asked for it is told how much at risk somebody is: 1 to 3."""


class Speaker:
    """Who says something, as far as is known.

    `person` is the key of the principal, or a pseudonym of their network; `subject` is who they are
    to the platform, or empty.  `connection` is what they speak through, `correlation` the request
    that opened it.
    """

    __slots__ = ("connection", "correlation", "identity", "person", "subject")

    def __init__(
        self,
        person: str,
        *,
        subject: str,
        identity: Identity,
        connection: str,
        correlation: str,
    ) -> None:
        """Be this one."""
        self.person = person
        self.subject = subject
        self.identity = identity
        self.connection = connection
        self.correlation = correlation

    @property
    def key(self) -> str:
        """Return by what they are told from others: a network is many people."""
        return f"{self.person} {self.connection}" if self.identity == "unknown" else self.person


class Place:
    """Where it is said: a route, or a kind of channels; and the service behind it, if any.

    `is_observed`: what is found there is only counted.
    """

    __slots__ = ("is_observed", "route", "service")

    def __init__(self, route: str, service: str, *, is_observed: bool = False) -> None:
        """Be this one."""
        self.route = route
        self.service = service
        self.is_observed = is_observed


class Heard:
    """What was found in a message of a person's.

    `verdict` is of what was said, `level` is what it comes to with what was said before; `text` is
    what was found, for the incident alone.  `needs_card`: the person is to be given help at once;
    they have not had it there lately, or the level has risen.  `report` is the id of the first
    record of it, once that is durable; `is_counted` says that one with others tells of it instead.
    """

    __slots__ = ("is_counted", "level", "needs_card", "report", "text", "verdict")

    def __init__(
        self, verdict: Verdict, *, level: int, text: str = "", needs_card: bool = False
    ) -> None:
        """Say this."""
        self.verdict = verdict
        self.level = level
        self.text = text
        self.needs_card = needs_card
        self.report = ""
        self.is_counted = False

    def __repr__(self) -> str:
        """Say how much: what was said is somebody's."""
        return f"<heard level {self.level}>"

    @property
    def is_urgent(self) -> bool:
        """Tell whether somebody should hear of it soon: it is never refused bare."""
        return self.level >= HIGH


SILENCE: Final = Heard(Verdict(), level=NONE)
"""Nothing that anybody need do something about."""


class Judged:
    """What a service's message comes to: what is shown, and what was found, if it was changed."""

    __slots__ = ("data", "text", "verdict")

    def __init__(self, data: bytes, verdict: Verdict | None = None, text: str = "") -> None:
        """Show this."""
        self.data = data
        self.verdict = verdict
        self.text = text

    def __repr__(self) -> str:
        """Say what was done."""
        return f"<judged {'as it is' if self.verdict is None else 'replaced'}>"


class Listener(Protocol):
    """Who listens to people, and looks at what services say to them."""

    def listen(self, speaker: Speaker, place: Place, data: bytes) -> Heard | Awaitable[Heard]:
        """Return what is in a message of a person's; a long one is looked at in several turns."""

    def report(
        self,
        speaker: Speaker,
        place: Place,
        heard: Heard,
        *,
        delivered: bool,
        source: Source = "message",
    ) -> Awaitable[bool]:
        """Keep it for whoever takes care of people; True once that is durable.  Never raises.

        What is reported again amends the first record: it is of the same message.
        """

    def judge(
        self, place: Place, said_in: str, data: bytes, *, goes_on: bool = True
    ) -> Judged | Awaitable[Judged]:
        """Return what is shown of a service's message: as it is, or with safe words in places.

        `said_in` is the connection or channel in which a reply comes in parts; empty: it is whole.
        What follows something that is not shown is not shown either, where it `goes_on` with it.
        """

    def over(self, said_in: str) -> None:
        """Take that nothing more is said there."""
