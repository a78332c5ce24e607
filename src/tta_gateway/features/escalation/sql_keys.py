"""Keys of people in SQL: all nodes seal with them what they keep there; one erases for all.

They are wrapped by the operator's keys, which all nodes have.  Where these are not named, each node
has others: then nothing is sealed there, and it is told of (node/carrying.py).  Within a step the
keys that are needed are fetched first, for sealing itself waits for nothing.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.escalation.register import OtherKeys
from tta_gateway.features.escalation.sealing import ERASED, Seal
from tta_gateway.features.escalation.sql_tables import ERASURES, KEYS
from tta_gateway.kernel.incident import whose_key
from tta_gateway.support.crypto.envelope import key_of
from tta_gateway.support.crypto.key_store import DataKey, made, unwrapped, wrapped_by
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed, derived

_MARKS: Final = b"tta-gateway marks of people in need 1"
_NOBODY: Final = ""  # whose key marks are made with
_TOGETHER: Final = 100
_OTHERS: Final = "incidents in the database are sealed with other keys: name the same at all nodes"


class SqlKeys:
    """Those that have been fetched (sealing.py, Keys)."""

    def __init__(self, ring: Ring) -> None:
        """Wrap by these."""
        self._ring = ring
        self.wrapped: dict[bytes, bytes] = {}
        self.persons: dict[str, DataKey] = {}

    def of(self, person: str) -> DataKey:
        """Return the key of a person, which has been fetched."""
        return self.persons[person]

    def by_id(self, id: bytes) -> bytes:
        """Return a key that has been fetched; Erased if there is none, NotSealed."""
        found = self.wrapped.get(id)
        if found is None:
            raise Erased("its key has been erased")
        return self.unwrapped(id, found)

    def unwrapped(self, id: bytes, wrapped: bytes) -> bytes:
        """Return a key; NotSealed if what wrapped it is not at hand."""
        return unwrapped(self._ring, id, wrapped)


class Sealing:
    """What seals and opens rows within a step."""

    def __init__(self, connection: AsyncConnection, ring: Ring | None) -> None:
        """Nothing is sealed without a ring."""
        self._connection = connection
        self.ring = ring
        self._keys = None if ring is None else SqlKeys(ring)
        self.seal = Seal(None)

    async def begin(self, *, is_writing: bool) -> None:
        """Fetch what marks are made with, and make it where there is none; OtherKeys."""
        row = (await self._connection.execute(_key(KEYS.c.person == _NOBODY))).first()
        if self.ring is None:
            if row is not None:
                raise OtherKeys(_OTHERS)
            return
        if row is None and not is_writing:
            return  # there is nothing yet that is sealed
        key = await self._secret(row)
        self.seal = Seal(self.ring, self._keys, marks=(derived(key, _MARKS),))

    async def _secret(self, row: Any) -> bytes:  # noqa: ANN401 - of columns
        return (await self._make(_NOBODY)).key if row is None else self._opened(row.id, row.wrapped)

    def _opened(self, id: str, wrapped: bytes) -> bytes:
        assert self.ring is not None  # see begin
        try:
            return unwrapped(self.ring, bytes.fromhex(id), wrapped)
        except NotSealed as error:
            raise OtherKeys(_OTHERS) from error

    async def _make(self, mark: str) -> DataKey:
        assert self.ring is not None  # see begin
        key = made(self.ring)
        row = {"id": key.id.hex(), "person": mark, **_wrapped(self.ring, key.wrapped)}
        await self._connection.execute(insert(KEYS).values(**row))
        return key

    async def know(self, bodies: Iterable[bytes | None]) -> None:
        """Fetch the keys that these were sealed with, as far as they are there."""
        if self._keys is None:
            return
        ids = {key_of(one) for one in bodies if one} - self._keys.wrapped.keys() - {b""}
        wanted = [one.hex() for one in ids]
        for at in range(0, len(wanted), _TOGETHER):
            asked = _key(KEYS.c.id.in_(wanted[at : at + _TOGETHER]))
            for row in await self._connection.execute(asked):
                self._keys.wrapped[bytes.fromhex(row.id)] = bytes(row.wrapped)

    async def prepare(self, persons: Iterable[str]) -> None:
        """Have keys for these people."""
        if self._keys is None:
            return
        wanted = {whose_key(one) for one in persons} - {"", ERASED}
        for person in wanted - self._keys.persons.keys():
            mark = self.seal.mark(person)
            row = (await self._connection.execute(_key(KEYS.c.person == mark))).first()
            if row is None:
                key = await self._make(mark)
            else:
                key = self._had(bytes.fromhex(row.id), bytes(row.wrapped))
            self._keys.persons[person] = key
            if key.is_kept:
                self._keys.wrapped[key.id] = key.wrapped

    def _had(self, id: bytes, wrapped: bytes) -> DataKey:
        """Return a person's key; one that travels where what wrapped theirs is not at hand."""
        assert self.ring is not None  # see begin
        try:
            return DataKey(id, unwrapped(self.ring, id, wrapped), wrapped, True)
        except NotSealed:
            return made(self.ring, is_kept=False)

    async def erased(self, persons: Iterable[str]) -> dict[str, float]:
        """Return until when all of people is erased that they wrote, where it is at all."""
        marks = {self.seal.mark(whose_key(one)): one for one in persons}
        at = func.max(ERASURES.c.at).label("at")
        asked = select(ERASURES.c.person, at).where(ERASURES.c.person.in_(list(marks)))
        found = (await self._connection.execute(asked.group_by(ERASURES.c.person))).all()
        until = {row.person: float(row.at) for row in found}
        return {one: until[mark] for mark, one in marks.items() if mark in until}

    async def erase(self, person: str, *, id: str, at: float) -> bool:
        """Destroy the key of a person, once for each id; tell whether that was not done yet."""
        asked = select(ERASURES.c.id).where(ERASURES.c.id == id)
        if (await self._connection.execute(asked)).first() is not None:
            return False
        mark = self.seal.mark(whose_key(person))
        await self._connection.execute(insert(ERASURES).values(id=id, person=mark, at=at))
        await self._connection.execute(delete(KEYS).where(KEYS.c.person == mark))
        return True

    def older(self) -> list[str]:
        """Return the ids of keys of the operator's that are at hand, and seal no more."""
        return [] if self.ring is None else [one.hex() for one in self.ring.ids[1:]]

    async def rewrap(self) -> int:
        """Wrap anew what an older key of the operator's has wrapped; return how many."""
        if self.ring is None:
            return 0
        old = _key(KEYS.c.wrapped_by.in_(self.older())).limit(_TOGETHER)
        rows = (await self._connection.execute(old)).all()
        for row in rows:
            id = bytes.fromhex(row.id)
            anew = wrapped_by(self.ring, id, self._opened(row.id, bytes(row.wrapped)))
            changed = update(KEYS).where(KEYS.c.id == row.id).values(**_wrapped(self.ring, anew))
            await self._connection.execute(changed)
        return len(rows)


def _key(where: ColumnElement[bool]) -> Select[Any]:
    return select(KEYS.c.id, KEYS.c.wrapped).where(where)


def _wrapped(ring: Ring, wrapped: bytes) -> dict[str, object]:
    return {"wrapped_by": ring.newest.hex(), "wrapped": wrapped}
