"""Signing keys in SQL: private parts are sealed, and nodes that change keys take turns."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.keyring import Change, StoredKey
from tta_gateway.features.identity.revoked import EVERYBODY
from tta_gateway.features.identity.sql_revocations import revoke
from tta_gateway.features.identity.sql_tables import KEYS
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_TURN: Final = 0x7474_6B65  # "ttke"
_NAMES: Final = [column.name for column in KEYS.c]
_ALL: Final = Prepared(select(KEYS).order_by(KEYS.c.signs_from, KEYS.c.id))


class SqlKeys:
    """Keeps them."""

    def __init__(self, database: Callable[[], "Database"]) -> None:
        """Keep them in this database."""
        self._database = database

    async def all(self) -> list[StoredKey]:
        """Return all of them, the oldest first."""
        return await self._database().seen(_all)

    async def change(
        self,
        decide: Callable[[Sequence[StoredKey]], Change],
        make: Callable[[float], StoredKey],
    ) -> bool:
        """Do with the keys that there are what is decided about them; tell if anything changed.

        `make` returns a key that signs from then.  Nodes that do so at once take turns.
        """
        async with self._database().write() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(select(func.pg_advisory_xact_lock(_TURN)))
            change = decide(await _all(connection))
            if change.signs_from is not None:
                await _add(connection, make(change.signs_from))
            for name, until in change.proves_until:
                await connection.execute(
                    update(KEYS).where(KEYS.c.id == name).values(proves_until=until)
                )
            await connection.execute(delete(KEYS).where(KEYS.c.id.in_(change.gone)))
            if change.revoked is not None:
                before, until = change.revoked
                await revoke(connection, "subject", EVERYBODY, before=before, until=until)
            return change.is_needed


async def _all(connection: AsyncConnection) -> list[StoredKey]:
    rows = await _ALL.all(connection)
    return [StoredKey(**dict(zip(_NAMES, row, strict=True))) for row in rows]


async def _add(connection: AsyncConnection, key: StoredKey) -> None:
    await connection.execute(
        insert(KEYS).values(
            id=key.id,
            algorithm=key.algorithm,
            public=key.public,
            private=key.private,
            signs_from=key.signs_from,
            proves_until=key.proves_until,
        )
    )
