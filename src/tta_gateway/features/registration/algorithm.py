"""Leases: what an instance may be called, and who is there still."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from tta_gateway.features.registration.record import Registration

_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LONGEST_ID: Final = 128
_BEATS: Final = 3  # signs of life in a lease


Change: TypeAlias = tuple[Registration | None, Registration | None]
"""A registration as it was and as it is; None where there was, or is, none."""


def renew_after(lease: float) -> float:
    """Return after how many seconds a lease should be renewed."""
    return lease / _BEATS


def is_id(text: str) -> bool:
    """Tell whether the text may name an instance."""
    return 0 < len(text) <= _LONGEST_ID and _LETTERS.issuperset(text)


class Known:
    """Who is there, as one node sees it: what the store says, and who is missed there.

    A store that comes back has forgotten whose lease ran out while nobody could renew it, and a new
    one knows nobody.  Whoever was known before is given a whole lease to say something.
    """

    def __init__(self, known: Iterable[Registration] = ()) -> None:
        """Begin with what a control before this one knew."""
        self.all: dict[str, Registration] = {}
        self._of: dict[str, dict[str, Registration]] = {}  # by service
        self._missed: dict[str, float] = {}  # until when each is waited for
        for one in known:
            self._set(one.name, one)

    def shaken(self, now: float) -> None:
        """Take note that the store has been away, or is another: nobody known is gone for that."""
        for name, one in self.all.items():
            self._missed[name] = now + one.lease

    def told(self, found: Iterable[Registration], now: float) -> list[Change]:
        """Take all that the store holds; return what that changes."""
        there: dict[str, Registration | None] = {one.name: one for one in found}
        return self.heard({**dict.fromkeys(self.all.keys() - there.keys()), **there}, now)

    def heard(self, said: Mapping[str, Registration | None], now: float) -> list[Change]:
        """Take what the store says of these, None of those that it does not have; likewise."""
        for name, one in said.items():
            if one is not None:
                self._missed.pop(name, None)
        changes = self.passed(now)
        for name, one in said.items():
            if name not in self._missed:
                changes += self._set(name, one)
        return changes

    def passed(self, now: float) -> list[Change]:
        """Let those go that were waited for in vain; return who that was."""
        over = [name for name, until in self._missed.items() if until <= now]
        return [change for name in over for change in self.left(name)]

    def left(self, name: str) -> list[Change]:
        """Wait for this one no longer: it has said that it leaves; likewise."""
        return [] if self._missed.pop(name, None) is None else self._set(name, None)

    def _set(self, name: str, one: Registration | None) -> list[Change]:
        before = self.all.get(name)
        if before == one:
            return []
        if before is not None:
            del self.all[name], self._of[before.service][name]
            if not self._of[before.service]:
                del self._of[before.service]
        if one is not None:
            self.all[name] = one
            self._of.setdefault(one.service, {})[name] = one
        return [(before, one)]

    @property
    def services(self) -> Iterable[str]:
        """Return those that have instances."""
        return self._of.keys()

    def count(self, service: str) -> int:
        """Return how many instances a service has."""
        return len(self._of.get(service, ()))

    def of(self, service: str) -> list[Registration]:
        """Return the instances of a service."""
        return list(self._of.get(service, {}).values())
