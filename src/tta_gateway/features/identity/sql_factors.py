"""Second factors in SQL.

Counters and codes are used up by one statement each, which tells whether it was the one: so of two
that show the same at once, on any node, one is refused.
"""

from collections.abc import Callable, Collection
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.factor import MOST, Factor, LastOne, Taken
from tta_gateway.features.identity.sql_revocations import end_sessions
from tta_gateway.features.identity.sql_tables import ALL, ROLES, USERS
from tta_gateway.support.sql.away import Conflict
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

FACTORS = sa.Table(
    "factors",
    ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("user_id", sa.String),
    sa.Column("kind", sa.String),
    sa.Column("label", sa.String),
    sa.Column("created", sa.Double),
    sa.Column("used", sa.Double),
    sa.Column("counter", sa.BigInteger),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("credential", sa.LargeBinary),
    sa.Column("public_key", sa.LargeBinary),
)
CODES = sa.Table(
    "recovery_codes",
    ALL,
    sa.Column("user_id", sa.String, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
)
SPENT = sa.Table(
    "spent_challenges",
    ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("until", sa.Double),
)
_THEIRS = Prepared(
    select(FACTORS)
    .where(FACTORS.c.user_id == sa.bindparam("whose"))
    .order_by(FACTORS.c.created, FACTORS.c.id)
)
_ANY = Prepared(select(FACTORS.c.id).where(FACTORS.c.user_id == sa.bindparam("whose")).limit(1))


class SqlFactors:
    """Keeps them."""

    def __init__(self, database: Callable[[], "Database"], *, lasting: Callable[[], float]) -> None:
        """Keep them in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._lasting = lasting

    async def of(self, user_id: str) -> list[Factor]:
        """Return somebody's, the oldest first."""
        return await self._database().seen(partial(_of, user_id=user_id))

    async def codes_left(self, user_id: str) -> int:
        """Return how many recovery codes somebody has left."""
        asked = select(func.count()).select_from(CODES).where(CODES.c.user_id == user_id)
        async with self._database().read() as connection:
            return int((await connection.execute(asked)).scalar_one())

    async def granted(self, user_id: str, roles: Collection[str]) -> float | None:
        """Return when the first of these roles was granted to somebody."""
        theirs = ROLES.c.user_id == user_id, ROLES.c.role.in_(sorted(roles))

        async def work(connection: AsyncConnection) -> float | None:
            granted = await connection.scalar(select(func.min(ROLES.c.granted)).where(*theirs))
            return None if granted is None else float(granted)

        return await self._database().seen(work)

    async def add(self, factor: Factor, codes: Collection[bytes], *, is_first: bool) -> None:
        """Add one; the first comes with recovery codes, and only while there is none.  Taken."""
        try:
            async with self._database().write() as connection:
                await _lock(connection, factor.user_id)
                count = len(await _of(connection, factor.user_id))
                if count >= (1 if is_first else MOST):
                    raise Taken
                await connection.execute(insert(FACTORS).values(**asdict(factor)))
                if is_first:
                    await _set_codes(connection, factor.user_id, codes)
        except Conflict:
            raise Taken from None

    async def advance(self, factor_id: str, counter: int, *, now: float) -> bool:
        """Have a counter go on; False if it has been there before, or there is no such factor.

        A security key that does not count stays at 0.
        """
        goes_on = FACTORS.c.counter < counter if counter else FACTORS.c.counter == 0
        async with self._database().write() as connection:
            done = await connection.execute(
                update(FACTORS)
                .where(FACTORS.c.id == factor_id, goes_on)
                .values(counter=counter, used=now)
            )
            return done.rowcount == 1

    async def remove(self, user_id: str, factor_id: str, *, keeps_one: bool) -> Factor | None:
        """Take one away, and with the last the recovery codes; None if it is none of theirs.

        LastOne, where one must stay.
        """
        async with self._database().write() as connection:
            await _lock(connection, user_id)
            found = await _of(connection, user_id)
            gone = next((one for one in found if one.id == factor_id), None)
            if gone is None:
                return None
            if len(found) == 1:
                if keeps_one:
                    raise LastOne
                await connection.execute(delete(CODES).where(CODES.c.user_id == user_id))
            await connection.execute(delete(FACTORS).where(FACTORS.c.id == factor_id))
            return gone

    async def clear(self, user_id: str, *, now: float) -> int:
        """Take all of them away, and end all sessions; return how many factors there were."""
        until = now + self._lasting()
        async with self._database().write() as connection:
            await end_sessions(connection, user_id, why="factors", now=now, until=until)
            done = await connection.execute(delete(FACTORS).where(FACTORS.c.user_id == user_id))
            await connection.execute(delete(CODES).where(CODES.c.user_id == user_id))
            return int(done.rowcount)

    async def set_codes(self, user_id: str, codes: Collection[bytes]) -> None:
        """Have these recovery codes count, and no others."""
        async with self._database().write() as connection:
            await _lock(connection, user_id)
            await _set_codes(connection, user_id, codes)

    async def take_code(self, user_id: str, code: bytes) -> bool:
        """Use a recovery code up; False if it is none of theirs that is left."""
        theirs = CODES.c.user_id == user_id, CODES.c.digest == code
        async with self._database().write() as connection:
            done = await connection.execute(delete(CODES).where(*theirs))
            return done.rowcount == 1

    async def spend(self, challenge_id: str, *, until: float, now: float) -> bool:
        """Use a challenge up; False if it has been before."""
        try:
            async with self._database().write() as connection:
                await connection.execute(delete(SPENT).where(SPENT.c.until < now))
                await connection.execute(insert(SPENT).values(id=challenge_id, until=until))
        except Conflict:
            return False
        return True


async def has_factor(connection: AsyncConnection, user_id: str) -> bool:
    """Tell whether somebody has one, in this transaction."""
    return await _ANY.first(connection, whose=user_id) is not None


async def _of(connection: AsyncConnection, user_id: str) -> list[Factor]:
    return [Factor(*row) for row in await _THEIRS.all(connection, whose=user_id)]


async def _lock(connection: AsyncConnection, user_id: str) -> None:
    """Have whoever else changes this user wait."""
    await connection.execute(select(USERS.c.id).where(USERS.c.id == user_id).with_for_update())


async def _set_codes(connection: AsyncConnection, user_id: str, codes: Collection[bytes]) -> None:
    await connection.execute(delete(CODES).where(CODES.c.user_id == user_id))
    rows: list[dict[str, Any]] = [{"user_id": user_id, "digest": one} for one in codes]
    if rows:
        await connection.execute(insert(CODES), rows)
