"""The vault: content in a store that nodes share, sealed so that no copy of the store shows it.

    3 | id of the key-encryption key 8 | nonce, ciphertext, tag

What seals is derived from the key-encryption key for each owner (a channel, somebody's inbox), so
that every node that has the same keys can read it, and nothing has to be looked up.  It cannot be
erased apart from the content: a key that stood in the same store would be no different.  To erase
is to delete there; what backups of the store hold ends with the key-encryption key.

What is not sealed is taken as it is: it was written before there was a vault.
"""

from typing import Final

from tta_gateway.support.crypto.ring import ID_BYTES, Ring
from tta_gateway.support.crypto.sealing import NotSealed, seal, unseal

_SEALED: Final = (
    b"\x03"  # begins nothing that is not: a list in MessagePack begins with 0x80 or more
)
_PURPOSE: Final = b"tta-gateway store 1\0"
_AT: Final = 1 + ID_BYTES
_MOST: Final = 10_000  # keys in memory


class NoKey(Exception):
    """Nothing can be sealed now: it says why."""


class Vault:
    """Seals and opens what stands in a store."""

    def __init__(self, ring: Ring | None, *, shut: str = "") -> None:
        """Use these keys; without any it is shut, for that reason: it takes and shows nothing."""
        self._ring = ring
        self._shut = shut
        self._known: dict[tuple[bytes, bytes], bytes] = {}

    def seal(self, data: bytes, *, owner: str) -> bytes:
        """Return the data as it is to stand in the store; NoKey."""
        if self._ring is None:
            raise NoKey(self._shut)
        id = self._ring.newest
        bound = _PURPOSE + owner.encode()
        return b"".join((_SEALED, id, seal(data, key=self._key(id, bound), purpose=bound)))

    def open(self, stored: bytes, *, owner: str) -> bytes:
        """Return the data; NotSealed if it is another's, or its key is not at hand."""
        if not is_sealed(stored):
            return stored
        bound = _PURPOSE + owner.encode()
        return unseal(stored[_AT:], key=self._key(stored[1:_AT], bound), purpose=bound)

    def _key(self, id: bytes, bound: bytes) -> bytes:
        """Return an owner's key: derived once, for it takes as long as to seal."""
        if self._ring is None:
            raise NotSealed(self._shut)
        key = self._known.get((id, bound))
        if key is None:
            key = self._ring.derived(id, bound)
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[id, bound] = key
        return key


def is_sealed(stored: bytes) -> bool:
    """Tell whether a vault has sealed it."""
    return stored[:1] == _SEALED


def opened(vault: Vault | None, stored: bytes, *, owner: str) -> bytes:
    """Return what stands in a store; nothing if it cannot be read, which is no content."""
    if vault is None:
        return stored
    try:
        return vault.open(stored, owner=owner)
    except NotSealed:
        return b""
