"""Snapshots to bytes and back (msgpack), in parts."""

from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import decode_parts, encoded, parted, whole


def encode(snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes."""
    return encoded(parted(snapshot))


def decode(data: bytes) -> Snapshot:
    """Return the snapshot that the bytes hold; msgspec.DecodeError if they hold none."""
    return whole(decode_parts(data))
