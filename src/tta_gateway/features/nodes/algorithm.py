"""Leases and acknowledgements: who is waited for, and how long what is known may be gone by."""

from collections.abc import Mapping, Sequence
from typing import Final

LEASE: Final = 1.0
"""Seconds that a lease lasts, and that what SQL has said is gone by."""
RENEWED: Final = LEASE / 3  # seconds from one renewal to the next
LOOKED: Final = LEASE / 2  # seconds from one look at SQL to the next, without a lease
SURE: Final = LEASE - RENEWED - 0.05
"""Seconds of a lease that are left whenever it is renewed in time: with less, SQL is asked too, so
that its word is there when the lease has ended."""
BEHIND: Final = 0.2
"""Seconds for which a node that has not taken up what it was told goes on renewing its lease."""
PATIENCE: Final = LEASE + RENEWED + BEHIND
"""Seconds after which every node has acknowledged, or has no lease: it hears at its next renewal
at the latest, renews no more when it has been behind for a while, and then its lease runs out."""


class Held:
    """A lease as its holder sees it: it ends by its own clock before it does in the store.

    It is counted from before it was asked for.  `is_proved` says that all that was told before it
    began has been taken up.
    """

    def __init__(self, number: int, epoch: str, ends: float) -> None:
        """Hold it until then."""
        self.number = number
        self.epoch = epoch
        self.ends = ends
        self.is_proved = False

    def is_of(self, number: int, epoch: str) -> bool:
        """Tell whether it is the same one that the store speaks of."""
        return self.number == number and self.epoch == epoch


def may_renew(behind_since: float | None, now: float) -> bool:
    """Tell whether a node may hold on to its lease: not if others wait for it in vain."""
    return behind_since is None or now - behind_since <= BEHIND


def heard_until(held: Held | None, looked: float) -> float:
    """Return until when what is known may be gone by: `looked` is when SQL was asked last."""
    by_sql = looked + LEASE
    if held is None or not held.is_proved:
        return by_sql
    return max(held.ends, by_sql)


def due(known: Mapping[str, int], taken: Mapping[str, int]) -> list[str]:
    """Return the topics in which there is more than was taken up."""
    return [topic for topic, version in known.items() if version > taken.get(topic, 0)]


class Waiting:
    """For whom it is waited: the nodes that hold a lease and have not acknowledged.

    `told` is the version that they are to acknowledge.  A node whose lease has ended, or that holds
    another one than at the beginning, is waited for no longer: it takes up everything before it
    goes by its new lease.
    """

    def __init__(self, me: str, told: int, nodes: Sequence["Seen"]) -> None:
        """Wait for all of these but the one that asks."""
        self._me = me
        self._told = told
        self._first = {one.name: one.number for one in nodes if one.name != me}
        self.lapsed: set[str] = set()
        self.behind: set[str] = set()
        self.acknowledged: set[str] = set()

    def is_over(self, nodes: Sequence["Seen"], *, age: float) -> bool:
        """Take how it stands now; tell whether nobody need be waited for.

        A store that has been there for less than a lease (`age`, seconds) may not know all leases:
        it has been emptied, or begun again.
        """
        here = {one.name: one for one in nodes if one.name != self._me}
        for name, one in here.items():
            self._first.setdefault(name, one.number)
        for name, number in self._first.items():
            seen = here.get(name)
            if seen is None or seen.number != number:
                if name not in self.acknowledged:
                    self.lapsed.add(name)
            elif seen.acknowledged >= self._told:
                self.acknowledged.add(name)
        self.behind = {*self._first} - self.lapsed - self.acknowledged
        return not self.behind and age >= LEASE


class Seen:
    """A node as the store knows it, with its lease's number and for how many seconds it is left."""

    def __init__(self, name: str, *, number: int, acknowledged: int, left: float = LEASE) -> None:
        """Know that of it."""
        self.name = name
        self.number = number
        self.acknowledged = acknowledged
        self.left = left
