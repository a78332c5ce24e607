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

    The operator's own come first.  One that stands in the state folder from before still opens what
    it has sealed.
    """
    own, beside = list(snapshot.encryption_keys), file_of(snapshot)
    if not own or beside.exists():
        own.append(key_in(beside))
    return Ring([derived(key, _PURPOSE) for key in own])


def file_of(snapshot: Snapshot) -> Path:
    """Return the file of the key that is made where the operator names none."""
    return Path(snapshot.state_dir) / NAME
