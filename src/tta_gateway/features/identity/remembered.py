"""Tokens that have been proved, by their digest: no token is kept as it came."""

from hashlib import blake2b
from typing import Final

from tta_gateway.kernel.principal import Principal

_MOST: Final = 8192  # of a generation
_DIGEST: Final = 16  # bytes


class Remembered:
    """Remembers the last tokens in two generations: who is not asked for in one is forgotten.

    Cheaper than to keep them in the order of their use (bench/paper.py).
    """

    def __init__(self, most: int = _MOST) -> None:
        """Remember none; a generation has so many."""
        self._most = most
        self._young: dict[bytes, Principal] = {}
        self._old: dict[bytes, Principal] = {}

    def find(self, token: bytes) -> Principal | None:
        """Return whose token it is, if that is known."""
        digest = _digest(token)
        found = self._young.get(digest)
        if found is None:
            found = self._old.pop(digest, None)
            if found is not None:
                self._keep(digest, found)
        return found

    def keep(self, token: bytes, principal: Principal) -> None:
        """Remember whose token it is."""
        self._keep(_digest(token), principal)

    def _keep(self, digest: bytes, principal: Principal) -> None:
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[digest] = principal


def _digest(token: bytes) -> bytes:
    return blake2b(token, digest_size=_DIGEST).digest()
