"""Codes of accounts in SQL: what one is good for is done in the transaction that uses it up."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.account_code import CodePurpose
from tta_gateway.features.identity.account_code_store import AccountCode, Spent
from tta_gateway.features.identity.sql_revocations import (
    end_session,
    end_sessions,
    void_resets,
)
from tta_gateway.features.identity.sql_tables import ACCOUNT_CODES as CODES
from tta_gateway.features.identity.sql_tables import SESSIONS, USERS
from tta_gateway.features.identity.sql_users import added, user_where
from tta_gateway.features.identity.store import NameTaken, User
from tta_gateway.support.sql.away import Conflict

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_REMEMBERED: Final = 30 * 86_400.0  # seconds


class SqlAccountCodes:
    """Keeps them."""

    def __init__(self, database: Callable[[], "Database"], *, lasting: Callable[[], float]) -> None:
        """Keep them in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._lasting = lasting

    async def add(self, digest: bytes, code: AccountCode) -> None:
        """Keep a code; of resets each person has one: those before it are no good any more."""
        async with self._database().write() as connection:
            if code.purpose is CodePurpose.RESET:
                # The user first: of two that are made at once the second is good.
                await user_where(connection, USERS.c.id == code.user_id, lock=True)
                await void_resets(connection, code.user_id)
            await connection.execute(
                insert(CODES).values(
                    digest=digest,
                    id=code.id,
                    purpose=code.purpose.value,
                    user_id=code.user_id,
                    roles=json.dumps(code.roles),
                    made=code.made,
                    made_by=code.made_by,
                    until=code.until,
                    used_by="",
                )
            )

    async def find(self, digest: bytes, *, now: float) -> AccountCode | None:
        """Return a code that is good; nothing is done with it."""
        async with self._database().read() as connection:
            return await _good(connection, digest, now=now)

    async def register(self, user: User, *, by: str, invitation: bytes | None, now: float) -> None:
        """Make a user, by an invitation that is used up with that; NameTaken, Spent."""
        try:
            async with self._database().write() as connection:
                if invitation is not None:
                    await _use(connection, invitation, by=user.id, now=now)
                await added(connection, user, by=by)
        except Conflict:
            raise NameTaken(user.name) from None

    async def reset(self, digest: bytes, password: str, *, now: float) -> User:
        """Keep the hash of a password for whom the code is of, and end their sessions; Spent."""
        async with self._database().write() as connection:
            code = await _good(connection, digest, now=now)
            if code is None:
                raise Spent
            # The user first, as whoever refreshes does: so nobody waits in a ring.
            user = await user_where(connection, USERS.c.id == code.user_id, lock=True)
            if user is None or not user.is_active:
                raise Spent
            await _use(connection, digest, by=user.id, now=now)
            await _set(connection, user.id, password)
            until = now + self._lasting()
            await end_sessions(connection, user.id, why="reset", now=now, until=until)
            return user

    async def change(self, user_id: str, password: str, *, but: str, now: float) -> None:
        """Keep the hash of a new password, and end all sessions but one; codes of theirs too."""
        until = now + self._lasting()
        lasting = SESSIONS.c.user_id == user_id, SESSIONS.c.ended.is_(None)
        asked = select(SESSIONS.c.id).where(*lasting).order_by(SESSIONS.c.id)
        async with self._database().write() as connection:
            user = await user_where(connection, USERS.c.id == user_id, lock=True)
            found = (await connection.execute(asked)).scalars().all()
            # Hashes take a while: whoever has been shut out meanwhile chooses nothing any more.
            if user is None or not user.is_active or but not in found:
                raise Spent
            await _set(connection, user_id, password)
            # What is under way, codes of OAuth and challenges, was begun with the old one.
            changed = {"changed": max(now, user.changed)}  # of a node whose clock is ahead, perhaps
            await connection.execute(update(USERS).where(USERS.c.id == user_id).values(changed))
            for session_id in found:
                if session_id != but:
                    await end_session(connection, session_id, why="password", now=now, until=until)
            await void_resets(connection, user_id)

    async def open(self, purpose: CodePurpose, *, now: float) -> list[AccountCode]:
        """Return those that are good, the oldest first."""
        good = (
            CODES.c.purpose == purpose.value,
            CODES.c.used.is_(None),
            CODES.c.until > now,
        )
        asked = select(CODES).where(*good).order_by(CODES.c.made, CODES.c.id)
        async with self._database().read() as connection:
            return [_code(row) for row in (await connection.execute(asked)).mappings()]

    async def withdraw(self, id: str, purpose: CodePurpose) -> bool:
        """Have a code be no good any more; False if it was not."""
        unused = (
            CODES.c.id == id,
            CODES.c.purpose == purpose.value,
            CODES.c.used.is_(None),
        )
        async with self._database().write() as connection:
            return (await connection.execute(delete(CODES).where(*unused))).rowcount == 1

    async def tidy(self, now: float) -> None:
        """Forget what is long over."""
        async with self._database().write() as connection:
            await connection.execute(delete(CODES).where(CODES.c.until < now - _REMEMBERED))


async def _good(connection: AsyncConnection, digest: bytes, *, now: float) -> AccountCode | None:
    asked = select(CODES).where(
        CODES.c.digest == digest,
        CODES.c.used.is_(None),
        CODES.c.until > now,
    )
    row = (await connection.execute(asked)).mappings().first()
    return None if row is None else _code(row)


async def _use(connection: AsyncConnection, digest: bytes, *, by: str, now: float) -> None:
    """Use a code up; Spent if somebody else has, or it is over."""
    good = (
        CODES.c.digest == digest,
        CODES.c.used.is_(None),
        CODES.c.until > now,
    )
    used = await connection.execute(update(CODES).where(*good).values(used=now, used_by=by))
    if used.rowcount != 1:
        raise Spent


async def _set(connection: AsyncConnection, user_id: str, password: str) -> None:
    await connection.execute(update(USERS).where(USERS.c.id == user_id).values(password=password))


def _code(row: RowMapping) -> AccountCode:
    return AccountCode(
        id=row["id"],
        purpose=CodePurpose(row["purpose"]),
        made=row["made"],
        made_by=row["made_by"],
        until=row["until"],
        user_id=row["user_id"],
        roles=tuple(json.loads(row["roles"])),
    )
