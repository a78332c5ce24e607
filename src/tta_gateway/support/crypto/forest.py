"""The forest: the trees of keys (tree.py) with which content is sealed in a store for state.

The newest that all nodes know seals, all of them open.  Where a thousand keys have been destroyed
in one another is planted, so that none grows for ever; it is given up when nothing that it has
sealed is kept any more.  It is kept wrapped by the operator's keys, wherever nodes that share the
store share it too.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from tta_gateway.support.crypto.ring import Wrapping
from tta_gateway.support.crypto.tree import Tree, grown

MOST: Final = 1000
"""Keys that are destroyed in a tree before another one follows it."""
LASTS: Final = 90 * 86_400.0
"""Seconds for which a tree opens what it has sealed, once another follows it: nothing is kept in a
store for longer than two months."""
_PURPOSE: Final = b"tta-gateway forest 1"


class Planted(msgspec.Struct, frozen=True, array_like=True):
    """A tree, since when it is there (seconds of the epoch), and how many keys it has lost."""

    tree: Tree
    since: float
    erased: int = 0


class Forest(msgspec.Struct, frozen=True, array_like=True):
    """All that open, the newest last."""

    trees: tuple[Planted, ...]

    def sealing(self, *, before: float) -> bytes:
        """Return the id of the newest tree that was there before that time; empty if none was."""
        return next((one.tree.id for one in reversed(self.trees) if one.since <= before), b"")

    def find(self, id: bytes) -> Tree | None:
        """Return the tree with this id; None if there is none any more."""
        return next((one.tree for one in self.trees if one.tree.id == id), None)

    def without(self, name: str, *, now: float) -> "Forest":
        """Return it without the key of a name, in any of its trees."""
        trees = [
            Planted(one.tree.without(one.tree.leaf(name)), one.since, one.erased + 1)
            for one in self.trees
        ]
        if trees[-1].erased >= MOST:
            trees.append(Planted(grown(), now))
        return Forest(tuple(trees)).tended(now)

    def tended(self, now: float) -> "Forest":
        """Return it without trees that have been followed by others for that long."""
        nexts = zip(self.trees[:-1], self.trees[1:], strict=True)
        old = [one for one, following in nexts if following.since < now - LASTS]
        return self if not old else Forest(tuple(one for one in self.trees if one not in old))


Made = Callable[[bytes | None], bytes]
"""What makes a wrapped forest of the one that is kept, or of none; NotSealed."""


class Shelf(Protocol):
    """Where the forest is kept, for all that share a store for state."""

    async def revision(self) -> int:
        """Return a number that is another whenever it has changed; OSError or Unavailable."""
        ...

    async def changed(self, made: Made, *, once: str = "") -> tuple[int, bytes]:
        """Keep what is made of it, in one step; return its number, and what is kept then.

        What bears the id `once` is done a single time.  OSError or Unavailable.
        """
        ...


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Forest).decode


def opened(keys: Wrapping, wrapped: bytes) -> Forest:
    """Return a forest; NotSealed if other keys have wrapped it."""
    return _decode(keys.unwrap(wrapped, purpose=_PURPOSE))


def kept(keys: Wrapping, wrapped: bytes | None, *, now: float) -> bytes:
    """Return it as it is to be kept: planted, tended, and wrapped by the newest key; NotSealed."""
    if wrapped is None:
        return _wrapped(keys, Forest((Planted(grown(), now),)))
    forest = opened(keys, wrapped)
    tended = forest.tended(now)
    if tended is forest and keys.is_newest(wrapped):
        return wrapped
    return _wrapped(keys, tended)


def rewrapped(keys: Wrapping, wrapped: bytes) -> bytes:
    """Return it wrapped by the newest key; NotSealed."""
    return wrapped if keys.is_newest(wrapped) else _wrapped(keys, opened(keys, wrapped))


def without(keys: Wrapping, wrapped: bytes | None, *, name: str, now: float) -> bytes:
    """Return it without the key of a name; NotSealed."""
    forest = opened(keys, kept(keys, wrapped, now=now))
    return _wrapped(keys, forest.without(name, now=now))


def _wrapped(keys: Wrapping, forest: Forest) -> bytes:
    return keys.wrap(_encode(forest), purpose=_PURPOSE)
