"""Changes in SQL."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Double,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    case,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.changes.algorithm import Over, State, Step, after, refusal
from tta_gateway.features.changes.store import Apply, Away, Change, NotTheirs, Unknown
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database

_CHANGES: Final = Table(
    "two_person_changes",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("change", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(320), nullable=False),
    Column("proposed", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_by", String(320), nullable=False),
    Column("decided", Double, nullable=False),
    Column("note", Text, nullable=False),
)
_IS_OPEN: Final = _CHANGES.c.state == State.PROPOSED.value


class SqlStore:
    """Keeps them in a database."""

    def __init__(self, database: Callable[[], Database]) -> None:
        """Ask this database, which may raise Unavailable itself."""
        self._database = database

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database().write() as connection:
                yield connection
        except (Unavailable, Conflict) as error:
            raise Away(str(error)) from error

    async def propose(self, one: Change) -> None:
        """Keep a change."""
        async with self._write() as connection:
            await connection.execute(
                insert(_CHANGES).values(**{**msgspec.structs.asdict(one), "state": one.state.value})
            )

    async def all(self, *, most: int) -> list[Change]:
        """Return the newest first: those that are proposed before all others."""
        first = case((_IS_OPEN, 0), else_=1)
        asked = select(_CHANGES).order_by(first, _CHANGES.c.proposed.desc()).limit(most)
        try:
            async with self._database().read() as connection:
                return [_change(row) for row in (await connection.execute(asked)).mappings()]
        except Unavailable as error:
            raise Away(str(error)) from error

    async def applied(self, kind: str, since: float) -> list[Change]:
        """Return those of a kind that were made since, the oldest first."""
        is_made = _CHANGES.c.state == State.APPLIED.value
        asked = select(_CHANGES).where(
            _CHANGES.c.kind == kind, is_made, _CHANGES.c.decided >= since
        )
        try:
            async with self._database().read() as connection:
                rows = await connection.execute(asked.order_by(_CHANGES.c.decided, _CHANGES.c.id))
                return [_change(row) for row in rows.mappings()]
        except Unavailable as error:
            raise Away(str(error)) from error

    async def take(
        self, id: str, step: Step, *, by: str, now: float, note: str, apply: Apply[AsyncConnection]
    ) -> Change:
        """Take a step; where it applies the change, make it in the same transaction."""
        async with self._write() as connection:
            asked = select(_CHANGES).where(_CHANGES.c.id == id).with_for_update()
            row = (await connection.execute(asked)).mappings().first()
            if row is None:
                raise Unknown(id)
            before = _change(row)
            state = after(before.state, step)
            if before.until <= now:
                raise Over(State.EXPIRED.value)
            words = refusal(step, by=by, proposer=before.proposed_by)
            if words:
                raise NotTheirs(words)
            made = msgspec.structs.replace(
                before, state=state, decided_by=by, decided=now, note=note
            )
            await _decide(connection, made)
            if state is State.APPLIED:
                await apply(connection, made)
            return made

    async def expire(self, now: float) -> list[Change]:
        """Have all that are past their time be expired; return those, each once over all nodes."""
        over = select(_CHANGES).where(_IS_OPEN, _CHANGES.c.until <= now).with_for_update()
        async with self._write() as connection:
            found = [_change(row) for row in (await connection.execute(over)).mappings()]
            made = [
                msgspec.structs.replace(one, state=after(one.state, Step.EXPIRE), decided=now)
                for one in found
            ]
            for one in made:
                await _decide(connection, one)
            return made


async def _decide(connection: AsyncConnection, one: Change) -> None:
    await connection.execute(
        update(_CHANGES)
        .where(_CHANGES.c.id == one.id)
        .values(
            state=one.state.value, decided_by=one.decided_by, decided=one.decided, note=one.note
        )
    )


def _change(row: RowMapping) -> Change:
    return Change(**{**row, "state": State(row["state"])})
