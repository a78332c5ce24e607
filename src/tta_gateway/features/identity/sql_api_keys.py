"""API keys in SQL: nodes that change those of one name take turns."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy import RowMapping, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.api_key_store import ApiKey
from tta_gateway.features.identity.sql_tables import put, stamp

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_TURN: Final = 0x7474_616B  # "ttak"
_TABLE: Final = sa.Table(
    "api_keys",
    sa.MetaData(),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("digest", sa.LargeBinary),
    sa.Column("hint", sa.String),
    sa.Column("roles", sa.Text),
    sa.Column("permissions", sa.Text),
    sa.Column("created", sa.Double),
    sa.Column("expires", sa.Double),
    sa.Column("revoked", sa.Double),
    sa.Column("changed", sa.Double),
)
_C: Final = _TABLE.c
_ORDER: Final = _C.name, _C.created, _C.id
_SINCE: Final = sa.select(_TABLE).where(_C.changed > sa.bindparam("since")).order_by(*_ORDER)


class SqlApiKeys:
    """Keeps them."""

    def __init__(self, database: "Callable[[], Database]") -> None:
        """Keep them in this database."""
        self._database = database

    async def all(self) -> list[ApiKey]:
        """Return all of them, by name and age."""
        async with self._database().read() as connection:
            return await _found(connection, select(_TABLE))

    async def changed(self, since: float) -> list[ApiKey]:
        """Return those that have changed since then, by the clock that all nodes share."""

        async def work(connection: AsyncConnection) -> list[ApiKey]:
            rows = await connection.execute(_SINCE, {"since": since})
            return [_key(row) for row in rows.mappings()]

        return await self._database().seen(work)

    async def change(
        self, name: str, decide: Callable[[Sequence[ApiKey]], Sequence[ApiKey]]
    ) -> list[ApiKey]:
        """Write what is decided of the keys of a name; return it."""
        async with self._database().write() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(select(func.pg_advisory_xact_lock(_TURN)))
            known = await _found(connection, select(_TABLE).where(_C.name == name))
            written = list(decide(known))
            for one in written:
                await put(connection, _TABLE, **await _row(connection, one))
            return written

    async def count(self, now: float) -> int:
        """Return how many count at this time."""
        asked = select(func.count()).where(_C.revoked.is_(None), _C.expires > now)
        async with self._database().read() as connection:
            return int((await connection.execute(asked)).scalar_one())

    async def tidy(self, before: float) -> None:
        """Forget those that were over by then."""
        over = or_(_C.expires < before, _C.revoked < before)
        async with self._database().write() as connection:
            await connection.execute(delete(_TABLE).where(over))


async def _found(connection: AsyncConnection, asked: "sa.Select[Any]") -> list[ApiKey]:
    rows = await connection.execute(asked.order_by(*_ORDER))
    return [_key(row) for row in rows.mappings()]


async def _row(connection: AsyncConnection, key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "digest": key.digest,
        "hint": key.hint,
        "roles": json.dumps(key.roles),
        "permissions": json.dumps(key.permissions),
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "changed": await stamp(connection, max(key.created, key.revoked or 0.0, key.changed)),
    }


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        digest=bytes(row["digest"]),
        hint=row["hint"],
        roles=tuple(json.loads(row["roles"])),
        permissions=tuple(json.loads(row["permissions"])),
        created=row["created"],
        expires=row["expires"],
        revoked=row["revoked"],
        changed=row["changed"],
    )
