"""Failed logins in SQL: counted for all nodes together."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.bound import Lockout
from tta_gateway.features.identity.sql_tables import TRIES, put
from tta_gateway.features.identity.tries import Tries, taken, taken_back

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database


class SqlFailures:
    """Counts them."""

    def __init__(
        self, database: Callable[[], "Database"], *, lockout: Callable[[], Lockout]
    ) -> None:
        """Count them in this database."""
        self._database = database
        self._lockout = lockout

    async def count(self, keys: Sequence[tuple[bytes, int]], *, now: float) -> float:
        """Count a login for each key, with its free failures; return the seconds to wait.

        Where one has to wait none is counted.
        """
        lockout = self._lockout()
        async with self._database().write() as connection:
            known = [
                (key, taken(await _known(connection, key), free, lockout, now=now))
                for key, free in sorted(keys)
            ]
            wait = max((wait for _, (_, wait) in known), default=0.0)
            if not wait:
                for key, (after, _) in known:
                    await _keep(connection, key, after)
            return wait

    async def take_back(self, key: bytes) -> None:
        """Take a good one back."""
        async with self._database().write() as connection:
            await _keep(connection, key, taken_back(await _known(connection, key)))

    async def forgive(self, key: bytes) -> None:
        """Forget all of them."""
        async with self._database().write() as connection:
            await connection.execute(delete(TRIES).where(TRIES.c.key == key))


async def _known(connection: AsyncConnection, key: bytes) -> Tries:
    asked = select(TRIES).where(TRIES.c.key == key).with_for_update()
    row = (await connection.execute(asked)).mappings().first()
    if row is None:
        return Tries()
    return Tries(row["failures"], row["last"], row["waits_until"])


async def _keep(connection: AsyncConnection, key: bytes, tries: Tries) -> None:
    await put(
        connection,
        TRIES,
        key=key,
        failures=tries.failures,
        last=tries.last,
        waits_until=tries.waits_until,
    )
