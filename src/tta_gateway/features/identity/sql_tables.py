"""The tables, as this version asks them; support/sql/steps makes them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.support.sql.prepared import Prepared

ALL: Final = sa.MetaData()
USERS: Final = sa.Table(
    "users",
    ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("provider", sa.String),
    sa.Column("name", sa.String),
    sa.Column("password", sa.Text),
    sa.Column("state", sa.String),
    sa.Column("created", sa.Double),
    sa.Column("changed", sa.Double),
    sa.Column("called", sa.String),
)
ROLES: Final = sa.Table(
    "user_roles",
    ALL,
    sa.Column("user_id", sa.String, primary_key=True),
    sa.Column("role", sa.String, primary_key=True),
    sa.Column("granted_by", sa.String),
    sa.Column("granted", sa.Double),
)
SESSIONS: Final = sa.Table(
    "sessions",
    ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("user_id", sa.String),
    sa.Column("begun", sa.Double),
    sa.Column("used", sa.Double),
    sa.Column("ends", sa.Double),
    sa.Column("methods", sa.String),
    sa.Column("ended", sa.Double),
    sa.Column("why_ended", sa.String),
    sa.Column("client", sa.String),
    sa.Column("scope", sa.Text),
    sa.Column("proved", sa.Double),
)
TOKENS: Final = sa.Table(
    "refresh_tokens",
    ALL,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("session_id", sa.String),
    sa.Column("issued", sa.Double),
    sa.Column("used", sa.Double),
)
KEYS: Final = sa.Table(
    "signing_keys",
    ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("algorithm", sa.String),
    sa.Column("public", sa.Text),
    sa.Column("private", sa.LargeBinary),
    sa.Column("signs_from", sa.Double),
    sa.Column("proves_until", sa.Double),
)
REVOCATIONS: Final = sa.Table(
    "revocations",
    ALL,
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("value", sa.String, primary_key=True),
    sa.Column("before", sa.Double),
    sa.Column("until", sa.Double),
    sa.Column("changed", sa.Double),
)
TRIES: Final = sa.Table(
    "login_tries",
    ALL,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer),
    sa.Column("last", sa.Double),
    sa.Column("waits_until", sa.Double),
)

ACCOUNT_CODES: Final = sa.Table(
    "account_codes",
    ALL,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("id", sa.String),
    sa.Column("purpose", sa.String),
    sa.Column("user_id", sa.String),
    sa.Column("roles", sa.Text),
    sa.Column("made", sa.Double),
    sa.Column("made_by", sa.String),
    sa.Column("until", sa.Double),
    sa.Column("used", sa.Double),
    sa.Column("used_by", sa.String),
)


def _insert(connection: AsyncConnection, table: sa.Table) -> Any:  # noqa: ANN401 - of one of both
    is_postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgres else sqlite.insert(table)


@cache
def _replacing(dialect: str, table: sa.Table, names: tuple[str, ...]) -> Prepared:
    """Return what writes rows of these columns in the place of those with their primary keys."""
    keys = [column.name for column in table.primary_key]
    made = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    others = {name: made.excluded[name] for name in names if name not in keys}
    return Prepared(made.on_conflict_do_update(index_elements=keys, set_=others))


@cache
def _if_new(dialect: str, table: sa.Table) -> Prepared:
    made = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return Prepared(made.on_conflict_do_nothing())


async def put_new(connection: AsyncConnection, table: sa.Table, **values: Any) -> None:  # noqa: ANN401 - of columns
    """Write a row, unless there is one with its primary key."""
    await _if_new(connection.dialect.name, table).do(connection, **values)


async def put_all_new(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Write rows, in this order, but for those of which there is one with the primary key."""
    await _if_new(connection.dialect.name, table).do_each(connection, rows)


async def put_all(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Write rows, each in the place of the one with its primary key, or as a new one."""
    made = _replacing(connection.dialect.name, table, tuple(rows[0]))
    await made.do_each(connection, rows)


async def put(connection: AsyncConnection, table: sa.Table, **values: Any) -> None:  # noqa: ANN401 - of columns
    """Write a row in the place of the one with its primary key, or as a new one."""
    await _replacing(connection.dialect.name, table, tuple(values)).do(connection, **values)


async def held(connection: AsyncConnection, table: sa.Table, **values: Any) -> RowMapping:  # noqa: ANN401 - of columns
    """Return the row with this primary key as it is, or a new one; it is held from here on.

    So whoever asks for it takes turns with all others that do, whether there was one or not.
    """
    keys = [column.name for column in table.primary_key]
    same = {name: table.c[name] for name in keys}
    made = _insert(connection, table).values(**values)
    kept = made.on_conflict_do_update(index_elements=keys, set_=same).returning(table)
    row: RowMapping = (await connection.execute(kept)).mappings().one()
    return row


async def stamp(connection: AsyncConnection, now: float) -> float:
    """Return the time by the clock that all nodes share: the server's, or this machine's."""
    if connection.dialect.name != "postgresql":
        return now
    asked = sa.select(sa.extract("epoch", sa.func.clock_timestamp()))
    return float((await connection.execute(asked)).scalar_one())
