"""What flows through channels: publications, where they stand, and who is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ERASED: Final = "erased"
"""The tag of what is told in place of a publication whose person has been erased: `null`."""
LARGEST_TAGS: Final = 4096
"""bytes of the tags that services give a publication: they go with it wherever it goes"""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a channel: the offset of a publication, from 1 (0: before the first).

    Offsets of another epoch say nothing about those of this one.
    """

    offset: int = 0
    epoch: str = ""


NOWHERE: Final = Position()
"""Before the first publication of an epoch that is not known."""


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who a session is, as others in a channel see it; what is said about it is JSON, or empty."""

    user: str = ""
    client: str = ""
    about_session: bytes = b""
    about_subscription: bytes = b""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message of a channel: `data` is JSON of one line (as text; base64 is never used).

    `offset` is 0 in a channel without history; `time` is milliseconds of the epoch, 0 for unknown.
    """

    data: bytes
    offset: int = 0
    info: ClientInfo | None = None
    tags: dict[str, str] = field(default_factory=dict)
    time: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How much of a channel is kept: publications, for seconds; the epoch for longer ones.

    `durable`: whoever publishes waits until it is on disk, where the store can say that it is.
    """

    size: int = 0
    seconds: int = 0
    epoch_seconds: int = 30 * 24 * 3600
    durable: bool = False

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self.size > 0 and self.seconds > 0


def size_of(tags: Mapping[str, str]) -> int:
    """Return how many bytes tags have."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in tags.items())


def key_of_person(user: str) -> str:
    """Return what the key of a person is known by, with which is sealed what is theirs."""
    return f"person {user}"


def key_of_service(key: str) -> str:
    """Return what a service's key is known by: no client's message has the same (sending.py)."""
    return f"service:{key}" if key else ""
