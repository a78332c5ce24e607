"""The forest of a store for state that nodes share, in the database that they share."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)

from tta_gateway.support.crypto.forest import Made
from tta_gateway.support.sql.database import Database

_META: Final = MetaData()
_KEYS: Final = Table(
    "store_keys",
    _META,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger),
    Column("wrapped", LargeBinary),
)
_ERASURES: Final = Table("store_erasures", _META, Column("id", String(64), primary_key=True))
_ONE: Final = 1  # the id of the row


class SqlStore:
    """A Shelf; what it raises is Unavailable, or Conflict where another node was faster."""

    def __init__(self, database: Callable[[], Database]) -> None:
        """Ask this database, which may raise Unavailable itself."""
        self._database = database

    async def revision(self) -> int:
        """Return the number of the last change."""
        async with self._database().read() as connection:
            return (await connection.execute(select(_KEYS.c.revision))).scalar() or 0

    async def changed(self, made: Made, *, once: str = "") -> tuple[int, bytes]:
        """Keep what is made of it, in one step; return its number, and what is kept then."""
        async with self._database().write() as connection:
            asked = select(_KEYS.c.revision, _KEYS.c.wrapped).with_for_update()
            row = (await connection.execute(asked)).first()
            number, before = (0, None) if row is None else (int(row.revision), bytes(row.wrapped))
            if once:
                done = select(_ERASURES.c.id).where(_ERASURES.c.id == once)
                if (await connection.execute(done)).first() is not None:
                    return number, before or b""
                await connection.execute(insert(_ERASURES).values(id=once))
            after = made(before)
            if after == before:
                return number, after
            values = {"revision": number + 1, "wrapped": after}
            if before is None:
                await connection.execute(insert(_KEYS).values(id=_ONE, **values))
            else:
                await connection.execute(update(_KEYS).values(**values))
            return number + 1, after
