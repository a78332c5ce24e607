"""The keys of this node: read again and again, changed by the schedule, and used to sign."""

from collections.abc import Callable, Sequence

from tta_gateway.features.identity.bound import Issuing, OwnKeys
from tta_gateway.features.identity.keyring import (
    Change,
    Schedule,
    StoredKey,
    due,
    proving,
    rotated,
    signing,
)
from tta_gateway.features.identity.signing import Signer, is_sealed_with, key_set, made
from tta_gateway.features.identity.store import Keys
from tta_gateway.support.sql.away import Unavailable


class KeyKeeper:
    """Knows them."""

    def __init__(
        self,
        store: Keys,
        *,
        issuing: Callable[[], Issuing],
        sealing: Callable[[], bytes],
        wall: Callable[[], float],
    ) -> None:
        """Begin without any."""
        self._store = store
        self._issuing = issuing
        self._sealing = sealing
        self._wall = wall
        self.keys: list[StoredKey] = []
        self._signer: Signer | None = None
        self._opened: dict[tuple[str, bytes], bool] = {}

    async def look(self) -> bool:
        """Read them, and do what is due; tell if they are others than before.  Unavailable."""
        found = await self._store.all()
        if self._due(found).is_needed and await self._store.change(self._due, self._made):
            found = await self._store.all()
        changed, self.keys = found != self.keys, found
        return changed

    async def rotate(self, *, at_once: bool) -> None:
        """Have another key sign; at once: what the others have signed counts no more."""

        def decided(keys: Sequence[StoredKey]) -> Change:
            return rotated(keys, self._schedule(), at_once=at_once, now=self._wall())

        await self._store.change(decided, self._made)

    def told(self) -> OwnKeys:
        """Return the public ones, for whoever looks at tokens; the newest last."""
        return OwnKeys(keys=tuple(one.public.encode() for one in self._proving()))

    def key_set(self) -> dict[str, list[dict[str, object]]]:
        """Return the public ones as a JWK set."""
        return key_set(self._proving())

    def signer(self) -> Signer:
        """Return what signs now; Unavailable while there is none."""
        current = signing(self.keys, self._is_ours, self._wall())
        if current is None:
            raise Unavailable("no key")
        if self._signer is None or self._signer.id != current.id:
            self._signer = Signer(current, self._sealing())
        return self._signer

    def _proving(self) -> list[StoredKey]:
        return proving(self.keys, self._wall())

    def _schedule(self) -> Schedule:
        issuing = self._issuing()
        lasting = issuing.access + 2 * issuing.leeway
        return Schedule(issuing.rotate_every, issuing.rotate_ahead, lasting)

    def _due(self, keys: Sequence[StoredKey]) -> Change:
        return due(keys, self._is_ours, self._schedule(), now=self._wall())

    def _made(self, signs_from: float) -> StoredKey:
        return made(self._issuing().algorithm, self._sealing(), signs_from=signs_from)

    def _is_ours(self, key: StoredKey) -> bool:
        """Tell whether this node can sign with it, as the configuration says."""
        if key.algorithm != self._issuing().algorithm:
            return False
        place = (key.id, self._sealing())
        if place not in self._opened:
            self._opened[place] = is_sealed_with(key, place[1])
        return self._opened[place]
