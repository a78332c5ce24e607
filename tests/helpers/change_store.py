"""Changes in memory, as far as tests of who asks need them."""

import msgspec

from tta_gateway.features.changes.algorithm import Over, State, Step, after, refusal
from tta_gateway.features.changes.store import Apply, Away, Change, NotTheirs, Unknown


class MemoryChanges:
    """Keeps them as long as the test runs; a transaction is the list of what was made in it."""

    def __init__(self) -> None:
        self.is_away = False
        self.kept: dict[str, Change] = {}
        self.made: list[str] = []

    def _ask(self) -> None:
        if self.is_away:
            raise Away("as the test says")

    async def propose(self, one: Change) -> None:
        self._ask()
        self.kept[one.id] = one

    async def all(self, *, most: int) -> list[Change]:
        self._ask()
        return list(self.kept.values())[:most]

    async def applied(self, kind: str, since: float) -> list[Change]:
        self._ask()
        made = [one for one in self.kept.values() if one.state is State.APPLIED]
        found = [one for one in made if one.kind == kind and one.decided >= since]
        return sorted(found, key=lambda one: one.decided)

    async def take(
        self, id: str, step: Step, *, by: str, now: float, note: str, apply: Apply[list[str]]
    ) -> Change:
        self._ask()
        one = self.kept.get(id)
        if one is None:
            raise Unknown(id)
        state = after(one.state, step)
        words = refusal(step, by=by, proposer=one.proposed_by)
        if words:
            raise NotTheirs(words)
        made = msgspec.structs.replace(one, state=state, decided_by=by, decided=now, note=note)
        if one.until <= now:
            raise Over("expired")
        if state is State.APPLIED:
            await apply(self.made, made)
        self.kept[id] = made
        return made

    async def expire(self, now: float) -> list[Change]:
        self._ask()
        over = [one for one in self.kept.values() if one.state is State.PROPOSED]
        found = [
            msgspec.structs.replace(one, state=State.EXPIRED, decided=now)
            for one in over
            if one.until <= now
        ]
        self.kept.update({one.id: one for one in found})
        return found
