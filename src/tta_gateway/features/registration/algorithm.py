"""Leases: what an instance may be called, what others declare, and who is there still."""

from collections.abc import Iterable
from typing import Final

from tta_gateway.features.registration.record import Registration
from tta_gateway.kernel.registered import Declared

_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LONGEST_ID: Final = 128
_BEATS: Final = 3  # signs of life in a lease


def renew_after(lease: float) -> float:
    """Return after how many seconds a lease should be renewed."""
    return lease / _BEATS


def is_id(text: str) -> bool:
    """Tell whether the text may name an instance."""
    return 0 < len(text) <= _LONGEST_ID and _LETTERS.issuperset(text)


def held_by(others: Iterable[Registration], but_for: Registration) -> list[tuple[str, Declared]]:
    """Return what other services declare, each route once, however many instances do."""
    found = {
        (other.service, declared): None
        for other in others
        if other.service != but_for.service
        for declared in other.routes
    }
    return list(found)


class Known:
    """Who is there, as one node sees it: what the store says, and who is missed there.

    A store that comes back has forgotten whose lease ran out while nobody could renew it, and a new
    one knows nobody.  Whoever was known before is given a whole lease to say something.
    """

    def __init__(self, known: Iterable[Registration] = ()) -> None:
        """Begin with what a control before this one knew."""
        self.all = {one.name: one for one in known}
        self._missed: dict[str, float] = {}  # until when each is waited for

    def shaken(self, now: float) -> None:
        """Take note that the store has been away, or is another: nobody known is gone for that."""
        for name, one in self.all.items():
            self._missed[name] = now + one.lease

    def told(self, found: Iterable[Registration], now: float) -> bool:
        """Take what the store holds; tell whether that changes anything."""
        there = {one.name: one for one in found}
        for name in there:
            self._missed.pop(name, None)
        self._missed = {name: until for name, until in self._missed.items() if until > now}
        kept = {name: self.all[name] for name in self._missed if name in self.all}
        return self._take({**kept, **there})

    def passed(self, now: float) -> bool:
        """Let those go that were waited for in vain; tell whether there were any."""
        over = [name for name, until in self._missed.items() if until <= now]
        for name in over:
            del self._missed[name]
        return self._take({name: one for name, one in self.all.items() if name not in over})

    def left(self, name: str) -> None:
        """Wait for this one no longer: it has said that it leaves."""
        self._missed.pop(name, None)

    def _take(self, now_known: dict[str, Registration]) -> bool:
        changed = now_known != self.all
        self.all = now_known
        return changed

    def of(self, service: str) -> list[Registration]:
        """Return the instances of a service."""
        return [one for one in self.all.values() if one.service == service]
