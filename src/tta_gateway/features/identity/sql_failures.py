"""Failed logins in SQL: counted for all nodes together."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.bound import Lockout
from tta_gateway.features.identity.sql_tables import TRIES, put, put_all, put_all_new, put_new
from tta_gateway.features.identity.tries import Tries, taken, taken_back
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database


_THEIRS = TRIES.c.key == bindparam("tried")
_FORGET = Prepared(delete(TRIES).where(_THEIRS))
_ONE_LESS = Prepared(
    update(TRIES)
    .where(_THEIRS)
    .values(failures=case((TRIES.c.failures > 0, TRIES.c.failures - 1), else_=0), waits_until=0.0)
)
_HELD = Prepared(select(TRIES).where(_THEIRS).with_for_update())
_ALL_HELD = (
    select(TRIES)
    .where(TRIES.c.key.in_(bindparam("tried", expanding=True)))
    .order_by(TRIES.c.key)
    .with_for_update()
)


class Waits(Exception):
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

        async def work(connection: AsyncConnection) -> None:
            await counted(connection, keys, self._lockout(), now=now)

        try:
            await self._database().written(work)
        except Waits as waits:
            return waits.seconds
        return 0.0

    async def waits(self, keys: Sequence[bytes], *, now: float) -> float:
        """Return the seconds that one of these has to wait still."""
        asked = select(func.max(TRIES.c.waits_until)).where(TRIES.c.key.in_(keys))
        async with self._database().read() as connection:
            until: float | None = await connection.scalar(asked)
        return max(0.0, (until or 0.0) - now)

    async def take_back(self, key: bytes) -> None:
        """Take a good one back."""

        async def work(connection: AsyncConnection) -> None:
            await _keep(connection, key, taken_back(await _known(connection, key)))

        await self._database().written(work)

    async def good(self, account: bytes, origin: bytes) -> None:
        """Forget those of an account, and take one back of where it came from."""
        await self._database().written(partial(good, account=account, origin=origin))

    async def forgive(self, key: bytes) -> None:
        """Forget all of them."""
        async with self._database().write() as connection:
            await connection.execute(delete(TRIES).where(TRIES.c.key == key))


async def counted(
    connection: AsyncConnection,
    keys: Sequence[tuple[bytes, int]],
    lockout: Lockout,
    *,
    now: float,
) -> None:
    """Count a login for each key in this transaction.

    Where one has to wait `Waits` undoes it: nothing is written, however many names are tried.
    """
    known = await _all_known(connection, [key for key, _ in keys])
    rows = []
    for key, free in keys:
        after, wait = taken(known.get(key) or Tries(), free, lockout, now=now)
        if wait:
            raise Waits(wait)
        rows.append(_row(key, after))
    await put_all(connection, TRIES, rows)


async def good(connection: AsyncConnection, *, account: bytes, origin: bytes) -> None:
    """Forget those of an account in this transaction, and one of where it came from."""
    for key in sorted((account, origin)):  # as in `_all_known`
        await (_FORGET if key == account else _ONE_LESS).do(connection, tried=key)


async def _all_known(connection: AsyncConnection, keys: Sequence[bytes]) -> dict[bytes, Tries]:
    """Return what is known of keys, held in one order, so that nobody waits in a ring.

    What is not there cannot be held: it is made first, so that the first ones count one another.
    On SQLite who writes is alone.
    """
    ordered = sorted(keys)
    if connection.dialect.name == "postgresql":
        await put_all_new(connection, TRIES, [_row(key, Tries()) for key in ordered])
        held = (await connection.execute(_ALL_HELD, {"tried": ordered})).all()
        return {row[0]: Tries(*row[1:]) for row in held}
    found = [await _HELD.first(connection, tried=key) for key in ordered]
    return {row[0]: Tries(*row[1:]) for row in found if row is not None}


async def _known(connection: AsyncConnection, key: bytes) -> Tries:
    """Return what is known of a key, which nobody else can change until the end.

    What is not there cannot be held: it is made first, so that the first ones count one another.
    """
    row = await _HELD.first(connection, tried=key)
    if row is None:
        await put_new(connection, TRIES, key=key, failures=0, last=0.0, waits_until=0.0)
        row = await _HELD.first(connection, tried=key)
    if row is None:  # forgotten in this moment, by a good one
        return Tries()
    return Tries(*row[1:])


def _row(key: bytes, tries: Tries) -> dict[str, object]:
    return {
        "key": key,
        "failures": tries.failures,
        "last": tries.last,
        "waits_until": tries.waits_until,
    }


async def _keep(connection: AsyncConnection, key: bytes, tries: Tries) -> None:
    await put(connection, TRIES, **_row(key, tries))
