"""The kept snapshot, sealed and read: with a key that stands beside it in the state folder.

No secret of a configuration is in clear on the disk because of it.
"""

from pathlib import Path
from typing import Final

import msgspec

from tta_gateway.kernel.own import OWN, endpoint
from tta_gateway.kernel.route import Service
from tta_gateway.snapshot.encode import decode, encode
from tta_gateway.snapshot.kept import NAME, Compiled
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.sealing import NotSealed, key_in, seal, unseal
from tta_gateway.support.valkey.topology import Address, Store

KEY: Final = "snapshot.key"
"""The file of the key with which everything in a state folder is sealed."""
# Another number wherever an older snapshot would be read for what it is not.
_PURPOSE: Final = b"tta-gateway snapshot 2"


def compiled(data: bytes, state: Path, *, begun: bytes = b"") -> bytes:
    """Return an encoded snapshot and its sealed form as one; OSError if there can be no key.

    `begun` is the same snapshot with live sections, if there are any: they are not kept with it.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealed = seal(data, key=key_in(state / KEY), purpose=_PURPOSE)
    return msgspec.msgpack.encode(Compiled(data=begun or data, sealed=sealed))


def kept(state: Path) -> bytes:
    """Return the encoded snapshot that is kept, as one of this folder, wherever it was written for.

    An OSError says what to do if none can be read.
    """
    try:
        sealed = (state / NAME).read_bytes()
        key = (state / KEY).read_bytes()
        snapshot = decode(unseal(sealed, key=key, purpose=_PURPOSE))
    except FileNotFoundError as error:
        raise OSError(f"{state} holds no kept configuration: run a good one first") from error
    except NotSealed as error:
        raise OSError(
            f"{state / NAME} does not fit {state / KEY}, or is of another version: run a good one "
            "anew"
        ) from error
    except msgspec.DecodeError as error:
        raise OSError(f"{state / NAME} is of another version: run a good one anew") from error
    return encode(in_folder(snapshot, state))


def in_folder(snapshot: Snapshot, state: Path) -> Snapshot:
    """Return the snapshot with this state folder; what is embedded is reached there.

    Files of secrets are not looked at: it holds what stood in them, and is to be served as it is.
    """
    return msgspec.structs.replace(
        snapshot,
        state_dir=str(state),
        secret_files=(),
        state=_store_in(snapshot.state, state),
        cache=_store_in(snapshot.cache, state),
        services=tuple(_service_in(service, state) for service in snapshot.services),
    )


def _service_in(service: Service, state: Path) -> Service:
    """Return a service; the gateway's own is reached in the folder."""
    if service.name != OWN:
        return service
    return msgspec.structs.replace(service, endpoints=(endpoint(str(state)),))


def _store_in(store: Store | None, state: Path) -> Store | None:
    if store is None or not store.embedded:
        return store
    names = [Path(one.unix).name for one in store.addresses]
    addresses = tuple(Address(unix=str(state / "valkey" / name)) for name in names)
    return msgspec.structs.replace(store, addresses=addresses)
