"""What is said through a socket, as policies see it, and how the gateway itself speaks there."""

from collections.abc import Callable, Iterable
from typing import Protocol

from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.verdict import Category


class Talk(Protocol):
    """The socket that messages go through, as policies may use it, also when one is long gone."""

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:
        """Say something to the client, before all that is not with it yet; text is UTF-8.

        `is_help`: it is the help card, which is kept for who is away, where anything is.
        """

    def inform(self, data: bytes) -> bool:
        """Say a text of the gateway's own to the service, before what has not gone on to it yet.

        False: no service is there.
        """

    def close(self, code: int, reason: bytes) -> None:
        """End it: the client hears this, and the service that its client goes."""


class Need:
    """What was found in a message of somebody who may need help: how grave it is, 2 or 3.

    `categories` say what it is about; `is_told`: the service knows, if it has asked; `is_kept`: the
    words are on the disk, for whoever takes care of people.
    `is_spared`: limits do not stop it, there is budget left for that.  `undelivered` is called
    where it was let through and did not arrive all the same.
    """

    __slots__ = ("_undelivered", "categories", "is_kept", "is_spared", "is_told", "level")

    def __init__(self, level: int, *, is_spared: bool, undelivered: Callable[[], None]) -> None:
        """Be this one."""
        self.level = level
        self.is_spared = is_spared
        self.is_told = self.is_kept = False
        self.categories: tuple[Category, ...] = ()
        self._undelivered: Callable[[], None] | None = undelivered

    def lost(self) -> None:
        """Take that it has not arrived; that is kept, once."""
        undelivered, self._undelivered = self._undelivered, None
        if undelivered is not None:
            undelivered()


class Hearing:
    """What is heard of a message that waits, before it is anybody's turn to pass it on."""

    __slots__ = ("_is_lost", "is_done", "need")

    def __init__(self) -> None:
        """Begin to listen."""
        self.is_done = False
        self.need: Need | None = None
        self._is_lost = False

    def done(self, need: Need | None) -> None:
        """Take what was found."""
        self.is_done = True
        self.need = need
        if self._is_lost:
            self.lost()

    def lost(self) -> None:
        """Take that the message goes nowhere."""
        self._is_lost = True
        if self.need is not None:
            self.need.lost()


def fate_of(hearings: Iterable[Hearing | None]) -> Fate:
    """Return what becomes of messages that waited and go nowhere; empty: nobody need be told."""
    needs = [one.need for one in hearings if one is not None and one.need is not None]
    if not needs:
        return ""
    return "kept" if all(one.is_kept for one in needs) else "counted"


class Said:
    """A message on its way, whole.

    `by_service` tells who said it.  A policy that wants another to go on in its place sets `data`,
    and `is_text`; those behind it see that.  Text is UTF-8.  `refusal` is set while the safety scan
    is asked about a message that another policy refuses (a limit): None from then on lifts that.
    `is_heard` says that the scan has looked: it does so once; `need` is what it has found, if it
    is urgent.
    """

    __slots__ = ("by_service", "data", "is_heard", "is_text", "need", "refusal", "talk")

    def __init__(self, data: bytes, *, is_text: bool, by_service: bool, talk: Talk) -> None:
        """Keep what was said."""
        self.data = data
        self.is_text = is_text
        self.by_service = by_service
        self.talk = talk
        self.refusal: Response | None = None
        self.is_heard = False
        self.need: Need | None = None

    def __repr__(self) -> str:
        """Say how long it is: what is in it is somebody's."""
        who = "service" if self.by_service else "client"
        return f"<{'text' if self.is_text else 'binary'} of {len(self.data)} bytes by the {who}>"


class Wording(Protocol):
    """How the gateway speaks for itself in the sockets of a route: in the words of its clients.

    What it returns is text.  Where a route has none, nobody can be told anything but by a Close.
    """

    def refused(self, exchange: Exchange, said: Said, response: Response) -> bytes:
        """Return what tells a client that this message was not passed on, and why."""

    def event(self, exchange: Exchange, name: str, members: dict[str, object]) -> bytes:
        """Return what tells a client that something has happened; `members` say more of it."""

    def says(
        self, exchange: Exchange, content: dict[str, object], metadata: dict[str, object]
    ) -> bytes:
        """Return what a person reads as said by the gateway itself."""

    def heard(self, exchange: Exchange, data: bytes, *, by_service: bool) -> bytes:
        """Return what tells a client what was said at another socket, or in the channel of both."""
