"""What a worker needs to decide who may see what, and what control tells it of care."""

from typing import Final, Literal
from zlib import crc32

import msgspec

Reach = Literal["own", "care", "any"]
REACHES: Final[tuple[Reach, ...]] = ("own", "care", "any")
CLINICAL: Final = "content:clinical"
"""The permission that makes a role a clinical one."""
WHOLE: Final = "all"
"""The scope of a client that may do whatever its user may."""
SHARDS: Final = 64
"""Live sections that say who cares for whom: one that changes is sent and read alone."""
GLASS: Final = "access/glass"
"""The name of the live section that says which glass is broken."""


class AccessBound(msgspec.Struct, frozen=True, kw_only=True):
    """Every role with what it holds; `None`: as they are if nobody says otherwise.

    `two_person` are the roles that nobody grants alone, `within` the seconds in which the second
    person has to approve.  `scopes` say by what name clients are let do several things.
    """

    roles: dict[str, tuple[str, ...]] | None = None
    scopes: dict[str, tuple[str, ...]] = {}
    two_person: tuple[str, ...] = ()
    within: float = 86_400.0


ASKED: Final = "@owner"
"""The parameter that stands for an owner of whom the path says nothing: its service is asked."""


class OwnerFrom(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service says whose something is: a template, filled from the path of the route.

    `field` is the member of the JSON object there that names the owner.  Where there is none, it is
    the caller's to whom the service answers at all.  It is known for `keep` seconds.
    """

    path: str
    field: str = ""
    keep: float = 5.0


class RouteAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What a route asks of who calls.

    `permissions` are by method, `default` for all others; where both are empty, none is needed.
    `owner` is the parameter of the path that says whose data it is, `roles` those of which the
    caller must have one.  `shadow`: what would be refused is told, and let through.

    `owner_from` is where that is asked instead; `owner` is `ASKED` then.

    `level` is how well the caller must have been proved (2: with a second factor; 0: nothing is
    said), `fresh` how many seconds ago at most, if not 0; with `spares_owner` nobody needs that for
    what is their own.
    """

    permissions: dict[str, str] = {}
    default: str = ""
    owner: str = ""
    roles: tuple[str, ...] = ()
    clinical: bool = False
    shadow: bool = False
    level: int = 0
    fresh: float = 0.0
    spares_owner: bool = False
    owner_from: OwnerFrom | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A live section: by who cares, for whom, and until when in seconds of the epoch."""

    until: dict[str, dict[str, float]] = {}


_held: Final = msgspec.msgpack.Decoder(Held)


def held_of(raw: msgspec.Raw) -> Held:
    """Return what a section holds; msgspec.DecodeError if it is none."""
    return _held.decode(raw)


def section_of(carer: str) -> str:
    """Return the name of the live section that says for whom somebody cares."""
    return section(crc32(carer.encode()) % SHARDS)


def section(number: int) -> str:
    """Return the name of one of them."""
    return f"access/care/{number}"


SECTIONS: Final = (*(section(number) for number in range(SHARDS)), GLASS)
"""The names of all live sections of this feature."""
