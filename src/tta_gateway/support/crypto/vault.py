"""The vault: content in a store that nodes share, sealed so that no copy of the store shows it.

    4 | id of a tree 4 | leaf 6 | nonce, ciphertext, tag
    3 | id of the key-encryption key 8 | nonce, ciphertext, tag

What seals is derived for each owner (a channel, somebody's inbox) from the key of whose it is: a
leaf of a tree of keys (forest.py), which stands in another place than the content.  So nothing has
to be looked up, and once the leaf is destroyed no copy of the store can be read either.

Where there is no forest it is derived from the key-encryption key: every node that has the same
keys can read it, to erase is to delete there, and copies can be read as long as there is that key.

What is not sealed is taken as it is: it was written before there was a vault.
"""

from typing import Final

from tta_gateway.support.crypto.forest import Forest
from tta_gateway.support.crypto.ring import ID_BYTES, Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed, derived, seal, unseal
from tta_gateway.support.crypto.tree import ID_BYTES as TREE_BYTES
from tta_gateway.support.crypto.tree import LEAF_BYTES, Tree

_SEALED: Final = (
    b"\x03"  # begins nothing that is not: a list in MessagePack begins with 0x80 or more
)
_GROWN: Final = b"\x04"
_PURPOSE: Final = b"tta-gateway store 1\0"
_AT: Final = 1 + ID_BYTES
_LEAF: Final = 1 + TREE_BYTES
_BEHIND: Final = _LEAF + LEAF_BYTES
_MOST: Final = 10_000  # keys in memory


class NoKey(Exception):
    """Nothing can be sealed now: it says why."""


class Vault:
    """Seals and opens what stands in a store."""

    def __init__(
        self, ring: Ring | None, *, forest: Forest | None = None, seals: bytes = b"", shut: str = ""
    ) -> None:
        """Use these keys; without any it is shut, for that reason: it takes and shows nothing.

        `seals` is the id of the tree that seals, if one does.
        """
        self._ring = ring
        self._forest = forest
        self._tree = None if forest is None else forest.find(seals)
        self._shut = shut
        self._heads: dict[str, bytes] = {}  # what stands before content, by whose it is
        self._known: dict[tuple[bytes, bytes], bytes] = {}  # by what stands before, and its owner

    def seal(self, data: bytes, *, owner: str, whose: str = "") -> bytes:
        """Return the data as it is to stand in the store; NoKey.

        `whose`: the name by which the key may be destroyed; left out, it is the owner's alone.
        """
        if self._ring is None:
            raise NoKey(self._shut)
        if self._tree is None:
            head = _SEALED + self._ring.newest
        else:
            head = self._head(self._tree, whose or owner)
        bound = _PURPOSE + owner.encode()
        return head + seal(data, key=self._key(head, bound), purpose=bound)

    def open(self, stored: bytes, *, owner: str) -> bytes:
        """Return the data; NotSealed if it is another's, or its key is not at hand; Erased."""
        if not is_sealed(stored):
            return stored
        at = _AT if stored[:1] == _SEALED else _BEHIND
        bound = _PURPOSE + owner.encode()
        return unseal(stored[at:], key=self._key(stored[:at], bound), purpose=bound)

    def _head(self, tree: Tree, whose: str) -> bytes:
        head = self._heads.get(whose)
        if head is None:
            head = _GROWN + tree.id + tree.leaf(whose).to_bytes(LEAF_BYTES)
            if len(self._heads) >= _MOST:
                del self._heads[next(iter(self._heads))]
            self._heads[whose] = head
        return head

    def _key(self, head: bytes, bound: bytes) -> bytes:
        """Return an owner's key: derived once, for it takes as long as to seal."""
        if self._ring is None:
            raise NotSealed(self._shut)
        key = self._known.get((head, bound))
        if key is None:
            key = self._derived(self._ring, head, bound)
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[head, bound] = key
        return key

    def _derived(self, ring: Ring, head: bytes, bound: bytes) -> bytes:
        if head[:1] == _SEALED:
            return ring.derived(head[1:], bound)
        tree = None if self._forest is None else self._forest.find(head[1:_LEAF])
        if tree is None:
            raise NotSealed("sealed with a tree of keys that is not at hand")
        return derived(tree.key(int.from_bytes(head[_LEAF:])), bound)


def is_sealed(stored: bytes) -> bool:
    """Tell whether a vault has sealed it."""
    return stored[:1] in (_SEALED, _GROWN)


def opened(vault: Vault | None, stored: bytes, *, owner: str) -> bytes:
    """Return what stands in a store; nothing if it cannot be read, which is no content.

    Erased if it was somebody's whose key has been destroyed.
    """
    if vault is None:
        return stored
    try:
        return vault.open(stored, owner=owner)
    except Erased:
        raise
    except NotSealed:
        return b""
