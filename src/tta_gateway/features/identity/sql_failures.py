"""Failed logins in SQL: counted for all nodes together."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import RowMapping, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.bound import Lockout
from tta_gateway.features.identity.sql_tables import TRIES, put, put_all, put_all_new, put_new
from tta_gateway.features.identity.tries import Tries, taken, taken_back

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database


class _Waits(Exception):
    """One has to wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


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
        try:
            async with self._database().write() as connection:
                known = await _all_known(connection, [key for key, _ in keys])
                rows = [self._counted(key, known[key], free, now=now) for key, free in keys]
                await put_all(connection, TRIES, rows)
        except _Waits as waits:  # and so nothing is written, however many names are tried
            return waits.seconds
        return 0.0

    def _counted(self, key: bytes, before: Tries, free: int, *, now: float) -> dict[str, object]:
        after, wait = taken(before, free, self._lockout(), now=now)
        if wait:
            raise _Waits(wait)
        return _row(key, after)

    async def waits(self, keys: Sequence[bytes], *, now: float) -> float:
        """Return the seconds that one of these has to wait still."""
        asked = select(func.max(TRIES.c.waits_until)).where(TRIES.c.key.in_(keys))
        async with self._database().read() as connection:
            until: float | None = await connection.scalar(asked)
        return max(0.0, (until or 0.0) - now)

    async def take_back(self, key: bytes) -> None:
        """Take a good one back."""
        async with self._database().write() as connection:
            await _keep(connection, key, taken_back(await _known(connection, key)))

    async def good(self, account: bytes, origin: bytes) -> None:
        """Forget those of an account, and take one back of where it came from."""
        one_less = case((TRIES.c.failures > 0, TRIES.c.failures - 1), else_=0)
        theirs, less = delete(TRIES), update(TRIES).values(failures=one_less, waits_until=0.0)
        async with self._database().write() as connection:
            for key in sorted((account, origin)):  # as in `_all_known`
                await connection.execute(
                    (theirs if key == account else less).where(TRIES.c.key == key)
                )

    async def forgive(self, key: bytes) -> None:
        """Forget all of them."""
        async with self._database().write() as connection:
            await connection.execute(delete(TRIES).where(TRIES.c.key == key))


async def _all_known(connection: AsyncConnection, keys: Sequence[bytes]) -> dict[bytes, Tries]:
    """Return what is known of keys, likewise; held in one order, so that nobody waits in a ring."""
    ordered = sorted(keys)
    new = [_row(key, Tries()) for key in ordered]
    await put_all_new(connection, TRIES, new)
    asked = select(TRIES).where(TRIES.c.key.in_(ordered)).order_by(TRIES.c.key).with_for_update()
    rows = (await connection.execute(asked)).mappings().all()
    return {row["key"]: _tries(row) for row in rows}


async def _known(connection: AsyncConnection, key: bytes) -> Tries:
    """Return what is known of a key, which nobody else can change until the end.

    What is not there cannot be held: it is made first, so that the first ones count one another.
    """
    asked = select(TRIES).where(TRIES.c.key == key).with_for_update()
    row = (await connection.execute(asked)).mappings().first()
    if row is None:
        await put_new(connection, TRIES, key=key, failures=0, last=0.0, waits_until=0.0)
        row = (await connection.execute(asked)).mappings().one()
    return _tries(row)


def _tries(row: RowMapping) -> Tries:
    return Tries(row["failures"], row["last"], row["waits_until"])


def _row(key: bytes, tries: Tries) -> dict[str, object]:
    return {
        "key": key,
        "failures": tries.failures,
        "last": tries.last,
        "waits_until": tries.waits_until,
    }


async def _keep(connection: AsyncConnection, key: bytes, tries: Tries) -> None:
    await put(connection, TRIES, **_row(key, tries))
