"""Logins in SQL: what each asks and writes, in as few transactions as there can be."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.bound import Lockout
from tta_gateway.features.identity.sql_factors import has_factor
from tta_gateway.features.identity.sql_failures import Waits, counted, good
from tta_gateway.features.identity.sql_sessions import begun
from tta_gateway.features.identity.sql_users import named_user
from tta_gateway.features.identity.store import Guarded, Session, Tried, User

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database


class SqlLogins:
    """Keeps them."""

    def __init__(
        self, database: Callable[[], "Database"], *, lockout: Callable[[], Lockout]
    ) -> None:
        """Keep them in this database."""
        self._database = database
        self._lockout = lockout

    async def tried(self, name: str, keys: Sequence[tuple[bytes, int]], *, now: float) -> Tried:
        """Count a login for each key, with its free failures, and return who is called so."""

        async def work(connection: AsyncConnection) -> User | None:
            await counted(connection, keys, self._lockout(), now=now)
            return await named_user(connection, name)

        try:
            return Tried(await self._database().written(work))
        except Waits as waits:
            return Tried(None, waits.seconds)

    async def begin(
        self,
        session: Session,
        token: str,
        *,
        known: float,
        tried: tuple[bytes, bytes],
        unguarded: bool = False,
    ) -> tuple[User, Session] | None:
        """Begin a session, and have its try be a good one, also if the user may not any more.

        Guarded, where it is to be `unguarded` and is not; nothing is done then.
        """

        async def work(connection: AsyncConnection) -> tuple[User, Session] | None:
            made = await begun(connection, session, token, known=known)
            # Behind the user's row, which whoever adds a factor holds.
            if unguarded and made is not None and await has_factor(connection, session.user_id):
                raise Guarded
            # Last: all who come from there take turns at this row.
            await good(connection, account=tried[0], origin=tried[1])
            return made

        return await self._database().written(work)
