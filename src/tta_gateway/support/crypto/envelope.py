"""The envelope: content sealed with the key of the person whose it is.

    1 | key id 16 | nonce, ciphertext, tag                        the key is in the store
    2 | key id 16 | length 2 | wrapped key | nonce, …             the key travels with it

`purpose` and `about` are bound to it: what was sealed as evidence of one report is taken for
neither that of another nor anything else.
"""

from typing import Final, Protocol

from tta_gateway.support.crypto.key_store import ID_BYTES, DataKey, KeyStore
from tta_gateway.support.crypto.sealing import Erased, NotSealed, seal, unseal

_KEPT: Final = b"\x01"
_TRAVELS: Final = b"\x02"
_PURPOSE: Final = b"tta-gateway content 1"
_AT: Final = 1 + ID_BYTES


class Opening(Protocol):
    """Who has the keys that content was sealed with."""

    def by_id(self, id: bytes) -> bytes:
        """Return a key; Erased if it is gone, NotSealed if what wrapped it is not at hand."""

    def unwrapped(self, id: bytes, wrapped: bytes) -> bytes:
        """Return a key that has travelled; NotSealed if what wrapped it is not at hand."""


class Envelope:
    """Seals and opens what people have written.  One thread uses it."""

    def __init__(self, store: KeyStore) -> None:
        """Use the keys of this store."""
        self.store = store

    def seal(self, data: bytes, *, person: str, purpose: str, about: str) -> bytes:
        """Return the data sealed with the person's key; it never fails."""
        return sealed_with(self.store.of(person), data, purpose=purpose, about=about)

    def travelling(self, sealed: bytes) -> bytes:
        """Return it with its key, for who has other keys of people, but what wraps them.

        As it is where the key is gone, or travels already; OSError if the keys cannot be read.
        """
        id, rest = sealed[1:_AT], sealed[_AT:]
        if sealed[:1] != _KEPT:
            return sealed
        try:
            return _travels(id, self.store.wrapped(id), rest)
        except Erased:
            return sealed

    def open(self, sealed: bytes, *, purpose: str, about: str) -> bytes:
        """Return the data; Erased if its key is gone, NotSealed if it is something else.

        OSError if the keys cannot be read.
        """
        return opened_by(self.store, sealed, purpose=purpose, about=about)


def sealed_with(key: DataKey, data: bytes, *, purpose: str, about: str) -> bytes:
    """Return the data sealed with this key, which travels with it if it is not kept."""
    sealed = seal(data, key=key.key, purpose=_bound(purpose, about))
    if key.is_kept:
        return _KEPT + key.id + sealed
    return _travels(key.id, key.wrapped, sealed)


def opened_by(keys: Opening, sealed: bytes, *, purpose: str, about: str) -> bytes:
    """Return the data; Erased if its key is gone, NotSealed if it is something else."""
    kind, id, rest = sealed[:1], sealed[1:_AT], sealed[_AT:]
    if kind == _KEPT:
        key = keys.by_id(id)
    elif kind == _TRAVELS:
        length = int.from_bytes(rest[:2], "big")
        wrapped, rest = rest[2 : 2 + length], rest[2 + length :]
        key = keys.unwrapped(id, wrapped)
    else:
        raise NotSealed("not sealed as content of this version")
    return unseal(rest, key=key, purpose=_bound(purpose, about))


def key_of(sealed: bytes) -> bytes:
    """Return the id of the key that must be kept to open it; nothing where there is none."""
    return sealed[1:_AT] if sealed[:1] == _KEPT else b""


def _travels(id: bytes, wrapped: bytes, sealed: bytes) -> bytes:
    return b"".join((_TRAVELS, id, len(wrapped).to_bytes(2, "big"), wrapped, sealed))


def _bound(purpose: str, about: str) -> bytes:
    return b"\0".join((_PURPOSE, purpose.encode(), about.encode()))
