"""The ring of a node: the operator's key-encryption keys, or one made in the state folder."""

from pathlib import Path
from typing import Final

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import derived, key_in

NAME: Final = "encryption.key"
"""The file of the key that is made where the operator names none."""
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
