"""Care and broken glass, kept in memory: held to the same contract as the one that lasts."""

import msgspec

from tta_gateway.features.access.store import Away, Glass, Relation


class MemoryStore:
    """Keeps both as long as the test runs; away if the test says so."""

    def __init__(self) -> None:
        self.is_away = False
        self._care: list[tuple[Relation, float]] = []  # with when it was ended
        self._glass: dict[str, Glass] = {}

    def _asked(self) -> None:
        if self.is_away:
            raise Away("as the test says")

    async def mark(self) -> tuple[float, ...]:
        self._asked()
        over = [ended for _, ended in self._care if ended]
        lasting = sum(one.until for one, ended in self._care if not ended)
        closed = [one for one in self._glass.values() if one.closed]
        return len(self._care), len(over), lasting, len(self._glass), len(closed)

    async def relations(self, now: float) -> list[Relation]:
        self._asked()
        found = [one for one, ended in self._care if not ended and one.until > now]
        return sorted(found, key=lambda one: (one.carer, one.person))

    async def glass(self, since: float) -> list[Glass]:
        self._asked()
        found = [one for one in self._glass.values() if one.opened >= since]
        return sorted(found, key=lambda one: (-one.opened, one.id))

    async def grant(self, one: Relation) -> None:
        self._asked()
        self._end(one.carer, one.person, one.granted)
        self._care.append((one, 0.0))

    async def end(self, carer: str, person: str, *, by: str, now: float) -> bool:
        self._asked()
        assert by
        return self._end(carer, person, now)

    def _end(self, carer: str, person: str, now: float) -> bool:
        before = list(self._care)
        self._care = [
            (one, now)
            if (one.carer, one.person, ended) == (carer, person, 0.0) and one.until > now
            else (one, ended)
            for one, ended in before
        ]
        return self._care != before

    async def open(self, one: Glass) -> None:
        self._asked()
        self._glass[one.id] = one

    async def close(self, id: str, *, by: str, now: float) -> bool:
        self._asked()
        one = self._glass.get(id)
        if one is None or one.closed or one.until <= now:
            return False
        self._glass[id] = msgspec.structs.replace(one, closed=now, closed_by=by)
        return True
