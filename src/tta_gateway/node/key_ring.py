"""The ring of a node: the operator's key-encryption keys, or one made in the state folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import derived, key_in
from tta_gateway.support.redaction.pseudonym import Pseudonyms

NAME: Final = "encryption.key"
"""The file of the key that is made where the operator names none."""
PEOPLE: Final = b"tta-gateway pseudonyms of people 1"
"""What the key of pseudonyms in logs is made for."""
_PURPOSE: Final = b"tta-gateway key encryption 1"


def ring_of(snapshot: Snapshot) -> Ring:
    """Return the keys that wrap data keys; OSError if there are none and none can be made.

    The operator's own come first, and suffice.  One that stands in the state folder from before
    still opens what it has sealed, if it is one: see `spoilt`.
    """
    own = list(snapshot.encryption_keys)
    if not own:
        own.append(key_in(file_of(snapshot)))
    elif (beside := _beside(snapshot)) is not None:
        own.append(beside)
    return Ring([derived(key, _PURPOSE) for key in own])


def key_for(snapshot: Snapshot, purpose: bytes) -> bytes:
    """Return a key for one thing, made of the newest at hand; OSError if there is none."""
    own = snapshot.encryption_keys
    return derived(own[0] if own else key_in(file_of(snapshot)), purpose)


def people_of(snapshot: Snapshot, wall: Callable[[], float]) -> Pseudonyms:
    """Return what people are called in the logs of this node."""
    return Pseudonyms(wall, lambda: key_for(snapshot, PEOPLE))


def spoilt(snapshot: Snapshot) -> str:
    """Return why a key in the state folder opens nothing any more; empty if it does, or is none."""
    try:
        _ = file_of(snapshot).exists() and key_in(file_of(snapshot))
    except OSError as error:
        return str(error)
    return ""


def _beside(snapshot: Snapshot) -> bytes | None:
    try:
        return key_in(file_of(snapshot)) if file_of(snapshot).exists() else None
    except OSError:
        return None


def file_of(snapshot: Snapshot) -> Path:
    """Return the file of the key that is made where the operator names none."""
    return Path(snapshot.state_dir) / NAME
