"""A tree of keys: everybody's key follows from one secret, and single ones can be destroyed.

A pseudorandom function by a tree (Goldreich, Goldwasser, Micali 1986), punctured as in Boneh and
Waters (2013): who has the secret of a node can work out what is below.  At first the tree is its
root.  To destroy a leaf is to keep, in place of the node above it, the nodes beside the way that
leads there: nobody can go that way any more, and every other key is what it was.  Each erasure adds
some 35 nodes of 39 bytes; nobody has to be asked for a key, and none has to be made and spread.

A name has a leaf by chance, of 2^48: of a million people one in 3e8 loses a key with another's.  A
name whose leaf is gone has another one from then on.
"""

import secrets
from bisect import bisect_right
from hashlib import blake2b
from itertools import count
from typing import Final

import msgspec

from tta_gateway.support.crypto.sealing import KEY_BYTES, Erased

BITS: Final = 48
"""the depth of the leaves"""
ID_BYTES: Final = 4
LEAF_BYTES: Final = BITS // 8
_AT_SECRET: Final = LEAF_BYTES + 1
_NODE: Final = _AT_SECRET + KEY_BYTES
_SIDES: Final = (b"left", b"right")


class Tree(msgspec.Struct, frozen=True, array_like=True):
    """What is left of it: `nodes` are their first leaf, depth and secret, in order, one by one."""

    id: bytes
    salt: bytes
    nodes: bytes

    def leaf(self, name: str) -> int:
        """Return the leaf of a name, whose key has not been destroyed."""
        for turn in count():
            said = f"{turn} {name}".encode()
            leaf = int.from_bytes(blake2b(said, key=self.salt, digest_size=LEAF_BYTES).digest())
            if self._above(leaf) is not None:
                return leaf
        raise AssertionError  # there is no end of turns

    def key(self, leaf: int) -> bytes:
        """Return the key of a leaf; Erased."""
        above = self._above(leaf)
        if above is None:
            raise Erased("its key has been erased")
        secret = self._secret(above)
        for depth in range(self._depth(above), BITS):
            secret = _below(secret, _side(leaf, depth))
        return secret

    def without(self, leaf: int) -> "Tree":
        """Return it without the key of a leaf, for good."""
        above = self._above(leaf)
        if above is None:
            return self
        secret, beside = self._secret(above), []
        for depth in range(self._depth(above), BITS):
            side, height = _side(leaf, depth), BITS - 1 - depth
            first = ((leaf >> height) ^ 1) << height
            node = first.to_bytes(LEAF_BYTES) + bytes([depth + 1]) + _below(secret, 1 - side)
            beside.append(node)
            secret = _below(secret, side)
        at = above * _NODE
        parts = (self.nodes[:at], *sorted(beside), self.nodes[at + _NODE :])
        return msgspec.structs.replace(self, nodes=b"".join(parts))

    def _above(self, leaf: int) -> int | None:
        """Return the number of the node that is above a leaf; None if there is none any more."""
        above = bisect_right(range(len(self.nodes) // _NODE), leaf, key=self._first) - 1
        if above < 0 or leaf >= self._first(above) + (1 << (BITS - self._depth(above))):
            return None
        return above

    def _first(self, node: int) -> int:
        return int.from_bytes(self.nodes[node * _NODE : node * _NODE + LEAF_BYTES])

    def _depth(self, node: int) -> int:
        return self.nodes[node * _NODE + LEAF_BYTES]

    def _secret(self, node: int) -> bytes:
        return self.nodes[node * _NODE + _AT_SECRET : (node + 1) * _NODE]


def grown() -> Tree:
    """Return a new tree, with all its leaves."""
    root = bytes(_AT_SECRET) + secrets.token_bytes(KEY_BYTES)
    return Tree(secrets.token_bytes(ID_BYTES), secrets.token_bytes(KEY_BYTES), root)


def _side(leaf: int, depth: int) -> int:
    """Return to which side the way to a leaf leads below a depth: 0 or 1."""
    return (leaf >> (BITS - 1 - depth)) & 1


def _below(secret: bytes, side: int) -> bytes:
    return blake2b(_SIDES[side], key=secret, digest_size=KEY_BYTES).digest()
