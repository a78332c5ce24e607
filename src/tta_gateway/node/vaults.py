"""Vaults: what this node seals with in the store for state, whatever configuration is in force.

Other nodes must be able to open it.  So a store that the operator names, which others may share, is
sealed in with the operator's own keys alone.  Without any the configuration is refused, unless a
reason says that content may stand there in clear (`encryption.unsealed`).  The embedded one is this
node's alone.  Where no key can be had nothing is kept, and the log says so.
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
        """Return the vault; None if what is kept in the store may stand there in clear.

        Where it may not, and there is no key, it is shut.
        """
        is_own = snapshot.state is None or snapshot.state.embedded
        keys = snapshot.encryption_keys
        if not keys and not is_own:
            why = "others share the store, and `encryption` names no key"
            if snapshot.may_be_unsealed:
                self._say("content_in_clear", why)
                return None
            return self._shut(why)
        if self._vault is None or keys != self._keys:
            try:
                self._vault, self._keys = Vault(ring_of(snapshot)), keys
            except OSError as error:
                return self._shut(str(error))
        self._said = ""
        return self._vault

    def _shut(self, why: str) -> Vault:
        self._say("content_not_kept", why)
        return Vault(None, shut=why)

    def _say(self, event: str, why: str) -> None:
        """Say, once, what is wrong."""
        if why != self._said:
            self._said = why
            self._log.event(event, store="state", why=why)


def following(log: EventLog, snapshot: Callable[[], Snapshot]) -> Callable[[], Vault | None]:
    """Return what gives the vault of the snapshot that is in force when it is asked."""
    vaults = Vaults(log)
    return lambda: vaults.of(snapshot())
