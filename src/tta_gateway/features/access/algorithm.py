"""Who may: roles and permissions as bits, and who is tied to whom.

A bit for everybody, one for each role, and three for each permission, one for each reach.  What a
role holds is a mask, what somebody holds that of all their roles; a route's demand is the bits of
which one must be there.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from tta_gateway.features.access.bound import CLINICAL, REACHES, WHOLE

EVERYBODY: Final = 1
_EVERYTHING: Final = -1
_NO_SCOPES: Final[Mapping[str, Iterable[str]]] = {}
_MOST: Final = 10_000  # things whose owners are known; a worker's memory, a megabyte or two
_AWAY: Final = frozenset((401, 408, 421, 425, 429))
"""What a service answers that says nothing of whose something is: it may say so later."""
_REPLACED: Final = "\ufffd"  # stands for bytes of a path that are no text


class Verdict(Enum):
    """Why somebody may not; nothing else than that is ever told of it."""

    ROLE = "role"
    PERMISSION = "permission"
    METHOD = "method"  # the operator has said of it who may, and it is nobody
    OWNER = "owner"
    CLINICAL = "clinical"
    SCOPE = "scope"  # they may, and the program that asks for them has not been let do it
    LEVEL = "level"  # they may, once they have shown better or again who they are


class Demand:
    """What is asked of a method's caller; `held` has the bits of all three reaches."""

    __slots__ = ("any", "care", "held", "name", "own")

    def __init__(self, name: str, own: int, care: int, everyone: int) -> None:
        """Keep the bits of which one must be there, by how far they reach."""
        self.name = name
        self.own = own
        self.care = care
        self.any = everyone
        self.held = own | care | everyone


NOTHING: Final = Demand("", EVERYBODY, EVERYBODY, 0)
"""What is asked where no permission is: with an owner, that it is theirs, or of whom they care for.
"""


def split(permission: str) -> tuple[str, str]:
    """Return the name of what a role holds, and its reach: `any` where it says none."""
    name, _, reach = permission.rpartition(":")
    return (name, reach) if reach in REACHES else (permission, "any")


class Book:
    """Every role, and what it holds, as bits."""

    def __init__(
        self,
        roles: Mapping[str, Iterable[str]],
        scopes: Mapping[str, Iterable[str]] = _NO_SCOPES,
    ) -> None:
        """Give each role and each permission its bits; `scopes` stand for several of them."""
        self._scopes = {name: tuple(permissions) for name, permissions in scopes.items()}
        held = {role: [split(one) for one in permissions] for role, permissions in roles.items()}
        names = sorted({name for some in held.values() for name, _ in some} | {CLINICAL})
        self._role: dict[str, int] = {}
        self._first: dict[str, int] = {}
        at = 1
        for role in sorted(held):
            self._role[role] = 1 << at
            at += 1
        for name in names:
            self._first[name] = at
            at += len(REACHES)
        self._mask = {
            role: self._role[role] | self._bits(permissions) for role, permissions in held.items()
        }

    def _bits(self, permissions: Iterable[tuple[str, str]]) -> int:
        found = 0
        for name, reach in permissions:
            found |= 1 << self._first[name] + [*REACHES].index(reach)  # type: ignore[arg-type]  # split has looked
        return found

    def mask(self, roles: Iterable[str]) -> int:
        """Return what somebody in these roles holds; one that is not known holds nothing."""
        found = EVERYBODY
        for role in roles:
            found |= self._mask.get(role, 0)
        return found

    def within(self, permissions: Iterable[str]) -> int:
        """Return the bits beyond which somebody holds nothing who is permitted these alone.

        Each counts as far as it reaches for their roles, or no further than it says.  No role is
        among them: what a route asks of a role alone, they are not permitted.
        """
        found = EVERYBODY
        for one in permissions:
            whole = self.demand(one)
            if whole.held:
                found |= whole.held
                continue
            name, reach = split(one)
            found |= self.demand(name).held & self._reach(name, reach)
        return found

    def scoped(self, scopes: Iterable[str]) -> int:
        """Return the bits beyond which a program holds nothing that was let have these scopes.

        Each is a permission, or stands for some; any other word opens nothing here.  What is asked
        of a role alone, or of nobody but the owner, no scope but that of all opens.
        """
        found = 0
        for one in scopes:
            if one == WHOLE:
                return _EVERYTHING
            found |= self.within(self._scopes.get(one, (one,)))
        return found & ~EVERYBODY

    def _reach(self, name: str, reach: str) -> int:
        first = self._first.get(name, 0)
        return 1 << first + [*REACHES].index(reach)  # type: ignore[arg-type]  # split has looked

    def roles(self, names: Iterable[str]) -> int:
        """Return the bits of these roles."""
        found = 0
        for name in names:
            found |= self._role.get(name, 0)
        return found

    def demand(self, name: str) -> Demand:
        """Return what a permission demands: bits that nobody has, if no role holds it."""
        first = self._first.get(name)
        if first is None:
            return Demand(name, 0, 0, 0)
        return Demand(name, 1 << first, 2 << first, 4 << first)

    @property
    def clinical(self) -> int:
        """Return the bits of which a clinical role has one."""
        return self.demand(CLINICAL).held


class Ties:
    """Who cares for whom, and who has broken the glass before whose data; each until a time."""

    def __init__(self) -> None:
        """Begin with nobody tied to anybody."""
        self._care: dict[str, dict[str, float]] = {}
        self._glass: dict[str, dict[str, float]] = {}

    def care_for(self, before: Iterable[str], after: Mapping[str, dict[str, float]]) -> None:
        """Have those carers go by what there is now: each has its people, and until when."""
        for carer in before:
            self._care.pop(carer, None)
        self._care.update(after)

    def break_glass(self, after: Mapping[str, dict[str, float]]) -> None:
        """Have this glass be broken, and no other."""
        self._glass = {**after}

    def is_cared_for(self, person: str, carer: str, now: float) -> bool:
        """Tell whether somebody is in another's care at this time."""
        return _is_tied(self._care, person, carer, now)

    def is_behind_glass(self, person: str, carer: str, now: float) -> bool:
        """Tell whether somebody has broken the glass before a person's data, and still may look."""
        return _is_tied(self._glass, person, carer, now)


def _is_tied(ties: dict[str, dict[str, float]], person: str, carer: str, now: float) -> bool:
    people = ties.get(carer)
    if people is None:
        return False
    until = people.get(person)
    return until is not None and now < until


def is_name(person: str) -> bool:
    """Tell whether a part of a path is text: what is none could stand for several people."""
    return person.isascii() or person.find(_REPLACED) < 0


class Owners:
    """Whose things are, as their service has said: each for so many seconds, to one who asks.

    A thing is where its service is asked about it, and what else the answer hangs on; a service may
    say nothing to one person that it says to another, so that what it says counts for whoever
    asked, alone.
    """

    def __init__(self, keep: float) -> None:
        """Know of nothing."""
        self._keep = keep
        self._known: dict[tuple[str, bytes], tuple[str, float]] = {}

    def known(self, reader: str, thing: bytes, now: float) -> str:
        """Return whose it is; empty where that is not known, or not any more."""
        found = self._known.get((reader, thing))
        return found[0] if found is not None and now < found[1] else ""

    def learn(self, reader: str, thing: bytes, owner: str, now: float) -> None:
        """Know whose it is; where that is too much, what was learnt first is forgotten."""
        self._known.pop((reader, thing), None)
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[reader, thing] = owner, now + self._keep


def owner_in(status: int, body: bytes, *, field: str, reader: str) -> str | None:
    """Return whose something is, by what its service says to who asks.

    Empty is nobody that they may know of; None, that it cannot be told at the moment.
    """
    if 200 <= status < 300:
        return _named(body, field) if field else reader
    return "" if 400 <= status < 500 and status not in _AWAY else None


def _named(body: bytes, field: str) -> str | None:
    """Return the owner that an answer names; None where it is none that could."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    owner = said.get(field)
    return owner if isinstance(owner, str) and is_name(owner) else None
