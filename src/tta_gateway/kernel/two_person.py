"""Changes that need two people: the port of whoever can make one of a kind.

Somebody proposes a change, somebody else approves it, and only then is it made: once, in the
transaction in which it is approved.  What a change is stands in JSON, as its kind has prepared it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

T_contra = TypeVar("T_contra", contravariant=True)


class Unfit(Exception):
    """What is asked for cannot be; the words are for who asks."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change as it is kept, and one line about it for who is to approve."""

    change: str
    summary: str


class Kind(Protocol[T_contra]):
    """Changes of one kind; the type is that of a transaction."""

    async def prepare(self, asked: Mapping[str, object]) -> Prepared:
        """Return the change that is asked for; Unfit if there can be none."""

    async def apply(
        self, transaction: T_contra, change: str, *, id: str, by: str, now: float
    ) -> None:
        """Make the change of this id, which that person has approved; Unfit if it cannot be made.

        Nor may it be made where who has approved it is whom it is about.
        """

    async def applied(self) -> None:
        """Tell everybody concerned that one has been made."""
