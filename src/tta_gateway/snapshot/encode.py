"""Snapshots to bytes and back (msgpack)."""

import msgspec

from tta_gateway.snapshot.model import Snapshot

_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes."""
    return msgspec.msgpack.encode(snapshot)


def decode(data: bytes) -> Snapshot:
    """Return the snapshot that the bytes hold; msgspec.DecodeError if they hold none."""
    return _decoder.decode(data)
