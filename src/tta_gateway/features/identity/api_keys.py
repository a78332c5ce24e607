"""API keys as a worker knows them: by their digests, in sections of which each is replaced whole.

A key costs what a token costs that has been proved before: a digest, and a look into a dict.
"""

from collections.abc import Callable
from typing import Final

from tta_gateway.features.identity.api_key import LENGTH, digest
from tta_gateway.features.identity.bound import OWN_ISSUER, ApiKeysTold, KeyTold
from tta_gateway.features.identity.problems import KEY_EXPIRED, KEY_UNKNOWN
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

SUBJECT: Final = "key:"
"""Stands before the names of keys, so that no person is called like one."""
_METHODS: Final = frozenset(("api_key",))
_NONE: Final = ApiKeysTold()


class ApiKeys:
    """All that count."""

    def __init__(self) -> None:
        """Know of none."""
        self.ended: Callable[[list[str]], None] = _nobody
        """Hears the sessions of keys that count no more: what they have opened ends."""
        self._known: dict[bytes, Principal] = {}
        self._counting: set[str] = set()  # their sessions
        self._sections: dict[str, ApiKeysTold] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def find(self, key: bytes, now: float) -> Principal | Problem:
        """Return whose key it is at this time of the epoch, or what is wrong with it."""
        found = self._known.get(digest(key)) if len(key) == LENGTH else None
        if found is None:
            return KEY_UNKNOWN
        return found if now < found.expires else KEY_EXPIRED

    def counts(self, principal: Principal) -> bool:
        """Tell whether somebody has come in by no key, or by one that counts."""
        is_key = principal.issuer == OWN_ISSUER and principal.methods == _METHODS
        return not is_key or principal.session in self._counting

    def take(self, name: str, told: ApiKeysTold | None) -> None:
        """Have the keys of a section be these; None: there are none."""
        before, after = self._sections.get(name, _NONE), told or _NONE
        gone = before.keys.keys() - after.keys.keys()
        for one in gone:
            self._counting.discard(self._known.pop(one).session)
        for one, said in after.keys.items():
            if before.keys.get(one) != said:
                self._known[one] = made = _principal(said)
                self._counting.add(made.session)
        if told is None:
            self._sections.pop(name, None)
        else:
            self._sections[name] = told
        changed = [one for one, said in before.keys.items() if after.keys.get(one) != said]
        if changed:
            self.ended([session(before.keys[one].id) for one in changed])


def session(id: str) -> str:
    """Return what stands for the session of a key."""
    return f"{SUBJECT}{id}"


def _principal(told: KeyTold) -> Principal:
    return Principal(
        subject=f"{SUBJECT}{told.name}",
        issuer=OWN_ISSUER,
        roles=frozenset(told.roles),
        session=session(told.id),
        expires=told.expires,
        methods=_METHODS,
        permitted=frozenset(told.permissions),
    )


def _nobody(_: list[str]) -> None:
    """Tell nobody."""
