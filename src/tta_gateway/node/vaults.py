"""Vaults: what this node seals with in the store for state, whatever configuration is in force.

Other nodes must be able to open it.  So a store that the operator names, which others may share, is
sealed in with the operator's own keys alone: without any, its content stands there in clear, and
the log says so.  The embedded one is this node's alone.
"""

from collections.abc import Callable

from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.crypto.vault import Vault
from tta_gateway.support.log import EventLog


class Vaults:
    """Has the vault of the newest snapshot that it was shown."""

    def __init__(self, log: EventLog) -> None:
        """Begin with none."""
        self._log = log
        self._vault: Vault | None = None
        self._keys: tuple[bytes, ...] = ()  # that it was made of
        self._said = ""

    def of(self, snapshot: Snapshot) -> Vault | None:
        """Return the vault; None if what is kept in the store stands there in clear."""
        is_own = snapshot.state is None or snapshot.state.embedded
        keys = snapshot.encryption_keys
        if not keys and not is_own:
            self._say("others share the store, and `encryption` names no key")
            return None
        if self._vault is None or keys != self._keys:
            try:
                self._vault, self._keys = Vault(ring_of(snapshot)), keys
            except OSError as error:
                self._say(str(error))
                return None
        self._said = ""
        return self._vault

    def _say(self, why: str) -> None:
        """Say, once, that there is none."""
        if why != self._said:
            self._said = why
            self._log.event("content_in_clear", store="state", why=why)


def following(log: EventLog, snapshot: Callable[[], Snapshot]) -> Callable[[], Vault | None]:
    """Return what gives the vault of the snapshot that is in force when it is asked."""
    vaults = Vaults(log)
    return lambda: vaults.of(snapshot())
