"""The ring: keys that seal nothing but other keys, the newest first.

To change the key, put another one before it: the newest seals from then on, the others still open.
When everything has been wrapped anew (`KeyStore.rewrap`), the old one may be taken away.  A key is
known by the first bytes of a digest, which tells nothing of it.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, Protocol

from tta_gateway.support.crypto.sealing import KEY_BYTES, NotSealed, derived, seal, unseal

ID_BYTES: Final = 8
_NAME: Final = b"tta-gateway key id\0"


class Wrapping(Protocol):
    """Who wraps keys: the ring, or a key management service behind the same questions."""

    newest: bytes
    """The id of the key that wraps now; what it wraps begins with it."""

    def wrap(self, key: bytes, *, purpose: bytes) -> bytes:
        """Return a key that only this can unwrap, for this purpose."""

    def unwrap(self, wrapped: bytes, *, purpose: bytes) -> bytes:
        """Return the key; NotSealed if it was wrapped by another, or for something else."""

    def is_newest(self, wrapped: bytes) -> bool:
        """Tell whether it was wrapped as a key would be now."""


class Ring:
    """Keys at hand, from files or the environment."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Seal with the first, open with any; ValueError if there is none, or one is no key."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a ring needs keys of {KEY_BYTES} bytes, one at least")
        self._keys = {id_of(key): key for key in keys}
        self.newest = id_of(keys[0])
        """the id of the key that seals"""
        self.ids = tuple(self._keys)
        """of all of them, the newest first"""

    def wrap(self, key: bytes, *, purpose: bytes) -> bytes:
        """Return a key that this ring can unwrap, for this purpose."""
        newest = self.newest
        return newest + seal(key, key=self._keys[newest], purpose=purpose)

    def unwrap(self, wrapped: bytes, *, purpose: bytes) -> bytes:
        """Return the key; NotSealed if it was wrapped by another, or for something else."""
        return unseal(wrapped[ID_BYTES:], key=self._at_hand(wrapped[:ID_BYTES]), purpose=purpose)

    def derived(self, id: bytes, purpose: bytes) -> bytes:
        """Return a key for one thing of the key with this id; NotSealed if that is not at hand."""
        return derived(self._at_hand(id), purpose)

    def _at_hand(self, id: bytes) -> bytes:
        key = self._keys.get(id)
        if key is None:
            raise NotSealed(f"sealed by way of key {id.hex()}, which is not at hand")
        return key

    def is_newest(self, wrapped: bytes) -> bool:
        """Tell whether it was wrapped with the key that seals now."""
        return wrapped[:ID_BYTES] == self.newest


def id_of(key: bytes) -> bytes:
    """Return what a key is known by."""
    return hashlib.sha256(_NAME + key).digest()[:ID_BYTES]
