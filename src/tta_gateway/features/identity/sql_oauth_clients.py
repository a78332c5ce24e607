"""Clients of OAuth in SQL, with their secrets: only digests stand there."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.oauth_client import (
    MOST_SECRETS,
    OAuthClient,
    SecretKept,
    Terms,
    is_id,
)
from tta_gateway.features.identity.oauth_store import NameInUse, SecretsFull
from tta_gateway.features.identity.oauth_tables import ASSERTIONS, CLIENTS, CODES, SECRETS
from tta_gateway.features.identity.sql_revocations import end_session, revoke
from tta_gateway.features.identity.sql_tables import SESSIONS
from tta_gateway.features.identity.store import ACTIVE
from tta_gateway.support.sql.away import Conflict

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_encode = msgspec.json.Encoder().encode
_terms = msgspec.json.Decoder(Terms).decode


class SqlOAuthClients:
    """Keeps them."""

    def __init__(self, database: Callable[[], "Database"], *, lasting: Callable[[], float]) -> None:
        """Keep them in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._lasting = lasting

    async def create(self, client: OAuthClient) -> None:
        """Add a client; NameInUse."""
        try:
            async with self._database().write() as connection:
                await connection.execute(
                    insert(CLIENTS).values(
                        id=client.id,
                        name=client.name,
                        terms=_encode(client.terms).decode(),
                        state=client.state,
                        created=client.created,
                        epoch=client.epoch,
                    )
                )
        except Conflict:
            raise NameInUse(client.name) from None

    async def of(self, client_id: str) -> OAuthClient | None:
        """Return the client of this id."""
        if not is_id(client_id):  # PostgreSQL takes no NUL, for one
            return None
        found = await self._found(select(CLIENTS).where(CLIENTS.c.id == client_id))
        return found[0] if found else None

    async def all(self) -> list[OAuthClient]:
        """Return all of them, by name."""
        return await self._found(select(CLIENTS).order_by(CLIENTS.c.name))

    async def _found(self, asked: Select[tuple[object, ...]]) -> list[OAuthClient]:
        async with self._database().read() as connection:
            rows = (await connection.execute(asked)).mappings().all()
            ids = [row["id"] for row in rows]
            kept = await connection.execute(
                select(SECRETS).where(SECRETS.c.client_id.in_(ids)).order_by(SECRETS.c.created)
            )
            secrets: dict[str, list[SecretKept]] = {}
            for one in kept.mappings():
                made = SecretKept(one["digest"], one["created"])
                secrets.setdefault(one["client_id"], []).append(made)
        return [_client(row, tuple(secrets.get(row["id"], ()))) for row in rows]

    async def change(self, client_id: str, terms: Terms, *, epoch: str, now: float) -> None:
        """Let it do this from now on; tokens of its own count no more."""
        async with self._database().write() as connection:
            await self._renew(connection, client_id, epoch, now)
            await _set(connection, client_id, terms=_encode(terms).decode())

    async def set_state(self, client_id: str, state: str, *, epoch: str, now: float) -> None:
        """Let it in, or not; who may not has no session and no token any more."""
        async with self._database().write() as connection:
            await self._renew(connection, client_id, epoch, now)
            await _set(connection, client_id, state=state)
            if state != ACTIVE:
                await self._end(connection, client_id, now)

    async def add_secret(self, client_id: str, digest: bytes, *, now: float) -> None:
        """Give it another secret; SecretsFull."""
        async with self._database().write() as connection:
            await _held(connection, client_id)
            theirs = select(func.count()).where(SECRETS.c.client_id == client_id)
            if (await connection.scalar(theirs) or 0) >= MOST_SECRETS:
                raise SecretsFull
            await connection.execute(
                insert(SECRETS).values(digest=digest, client_id=client_id, created=now)
            )

    async def withdraw(self, client_id: str, digest: bytes, *, epoch: str, now: float) -> None:
        """Have a secret count no more, nor tokens of its own."""
        theirs = SECRETS.c.client_id == client_id, SECRETS.c.digest == digest
        async with self._database().write() as connection:
            await self._renew(connection, client_id, epoch, now)
            await connection.execute(delete(SECRETS).where(*theirs))

    async def renew(self, client_id: str, *, epoch: str, now: float) -> None:
        """Have tokens of its own count no more."""
        async with self._database().write() as connection:
            await self._renew(connection, client_id, epoch, now)

    async def remove(self, client_id: str, *, now: float) -> None:
        """Forget it; its sessions and tokens are over."""
        async with self._database().write() as connection:
            await self._renew(connection, client_id, "", now)
            await self._end(connection, client_id, now)
            await connection.execute(delete(SECRETS).where(SECRETS.c.client_id == client_id))
            await connection.execute(delete(CLIENTS).where(CLIENTS.c.id == client_id))

    async def first_shown(self, digest: bytes, *, until: float) -> bool:
        """Note an assertion; False if it has been shown before."""
        try:
            async with self._database().write() as connection:
                await connection.execute(insert(ASSERTIONS).values(digest=digest, until=until))
        except Conflict:
            return False
        return True

    async def _renew(
        self, connection: AsyncConnection, client_id: str, epoch: str, now: float
    ) -> None:
        """Have tokens of before count no more: those of its own are of its epoch as of a session.

        No clock decides: what is issued from now on is of another one.
        """
        before = await _held(connection, client_id)
        if before:
            until = now + self._lasting()
            await revoke(connection, "session", before, before=now, until=until)
        await _set(connection, client_id, epoch=epoch)

    async def _end(self, connection: AsyncConnection, client_id: str, now: float) -> None:
        await connection.execute(delete(CODES).where(CODES.c.client_id == client_id))
        theirs = SESSIONS.c.client == client_id, SESSIONS.c.ended.is_(None)
        found = (await connection.execute(select(SESSIONS.c.id).where(*theirs))).scalars().all()
        for session_id in found:
            until = now + self._lasting()
            await end_session(connection, session_id, why="client", now=now, until=until)


async def _held(connection: AsyncConnection, client_id: str) -> str:
    """Hold a client until the end of the transaction; return its epoch, nothing if it has gone."""
    asked = select(CLIENTS.c.epoch).where(CLIENTS.c.id == client_id).with_for_update()
    found: str | None = await connection.scalar(asked)
    return found or ""


async def _set(connection: AsyncConnection, client_id: str, **values: str) -> None:
    await connection.execute(update(CLIENTS).where(CLIENTS.c.id == client_id).values(**values))


def _client(row: RowMapping, secrets: tuple[SecretKept, ...]) -> OAuthClient:
    return OAuthClient(
        id=row["id"],
        name=row["name"],
        terms=_terms(row["terms"]),
        state=row["state"],
        created=row["created"],
        epoch=row["epoch"],
        secrets=secrets,
    )
