"""The kept snapshot, sealed and read: with a key that stands beside it in the state folder.

No secret of a configuration is in clear on the disk because of it.
"""

from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.snapshot.kept import NAME, Compiled
from tta_gateway.support.crypto import NotSealed, key_in, seal, unseal

_KEY: Final = "snapshot.key"
_PURPOSE: Final = b"tta-gateway snapshot 1"


def compiled(data: bytes, state: Path) -> bytes:
    """Return an encoded snapshot and its sealed form as one; OSError if there can be no key."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealed = seal(data, key=key_in(state / _KEY), purpose=_PURPOSE)
    return msgspec.msgpack.encode(Compiled(data=data, sealed=sealed))


def kept(state: Path) -> bytes:
    """Return the encoded snapshot that is kept; OSError, with what to do, if none can be read."""
    try:
        sealed = (state / NAME).read_bytes()
        key = (state / _KEY).read_bytes()
        return unseal(sealed, key=key, purpose=_PURPOSE)
    except FileNotFoundError as error:
        raise OSError(f"{state} holds no kept configuration: run a good one first") from error
    except NotSealed as error:
        raise OSError(f"{state / NAME} does not fit {state / _KEY}: run a good one anew") from error
