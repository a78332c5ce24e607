"""Vaults: what this node seals with in the store for state, whatever configuration is in force.

Other nodes must be able to open it.  So a store that the operator names, which others may share, is
sealed in with the operator's own keys alone.  Without any the configuration is refused, unless a
reason says that content may stand there in clear (`encryption.unsealed`).  The embedded one is this
node's alone.  Where no key can be had nothing is kept, and the log says so.

Each person has a key of their own there, by what control tells of it (store_keys.py); until it has
been told, and where it cannot be, content is sealed by the operator's keys alone.
"""

from collections.abc import Callable, Mapping

import msgspec

from tta_gateway.features.erasure.bound import STORE_KEYS, StoreKeys
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.store_keys import is_kept, is_shared
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.forest import opened
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.log import EventLog

_told = msgspec.msgpack.Decoder(StoreKeys).decode


class Vaults:
    """Has the vault of the newest snapshot that it was shown."""

    def __init__(self, log: EventLog) -> None:
        """Begin with none."""
        self._log = log
        self._vault: Vault | None = None
        self._keys: tuple[bytes, ...] = ()  # that it was made of
        self._forest: bytes | None = None  # likewise
        self._is_shared = False  # likewise
        self._said = ""

    def of(self, snapshot: Snapshot, live: Mapping[str, bytes]) -> Vault | None:
        """Return the vault; None if what is kept in the store may stand there in clear.

        Where it may not, and there is no key, it is shut.  `live` are the live sections.
        """
        shared = is_shared(snapshot)
        keys = snapshot.encryption_keys
        if not keys and shared:
            why = "others share the store, and `encryption` names no key"
            if snapshot.may_be_unsealed:
                self._say("content_in_clear", why)
                return None
            return self._shut(why)
        forest = live.get(STORE_KEYS) if is_kept(snapshot) else None
        if forest == self._forest:
            self._forest = forest  # where it is the same once more, the next look is quick
        is_other = keys != self._keys or shared is not self._is_shared
        if self._vault is None or is_other or forest is not self._forest:
            try:
                ring = ring_of(snapshot)
            except OSError as error:
                return self._shut(str(error))
            self._vault = self._made(ring, forest, is_shared=shared)
            self._keys, self._forest, self._is_shared = keys, forest, shared
        return self._vault

    def _made(self, ring: Ring, told: bytes | None, *, is_shared: bool) -> Vault:
        self._said = ""
        if told is None:
            return Vault(ring)
        try:
            read = _told(told)
            if read.is_shared != is_shared:  # of the store that was there before: told anew soon
                return Vault(ring)
            return Vault(ring, forest=opened(ring, read.forest), seals=read.seals)
        except (NotSealed, msgspec.DecodeError) as error:
            self._say("store_keys_not_read", str(error))
            return Vault(ring)

    def _shut(self, why: str) -> Vault:
        self._say("content_not_kept", why)
        return Vault(None, shut=why)

    def _say(self, event: str, why: str) -> None:
        """Say, once, what is wrong."""
        if why != self._said:
            self._said = why
            self._log.event(event, store="state", why=why)


def following(
    log: EventLog,
    snapshot: Callable[[], Snapshot],
    live: Callable[[], Mapping[str, bytes]],
) -> Callable[[], Vault | None]:
    """Return what gives the vault of what is in force when it is asked."""
    vaults = Vaults(log)
    return lambda: vaults.of(snapshot(), live())
