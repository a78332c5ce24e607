"""Codes in SQL: each is good once; if it is shown again, the session that it led to ends."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.oauth_store import Code, Redemption, Shown
from tta_gateway.features.identity.oauth_tables import ASSERTIONS, CLIENTS, CODES
from tta_gateway.features.identity.sessions import limits_of
from tta_gateway.features.identity.sql_external import held_there, tied
from tta_gateway.features.identity.sql_recheck import rests_too
from tta_gateway.features.identity.sql_revocations import end_session
from tta_gateway.features.identity.sql_sessions import begun_by
from tta_gateway.features.identity.sql_tables import SESSIONS
from tta_gateway.features.identity.sql_users import held_user
from tta_gateway.features.identity.store import ACTIVE, Session, User
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

LASTS: Final = 60.0  # seconds that a code is good
_REMEMBERED: Final = 86_400.0  # seconds for which one that was used is known, so that it is noticed
_NOTHING: Final = ""
"""the session of a code that is used up and has led to none"""
_NAMES: Final = [column.name for column in CODES.c]
# Made once: to put a statement together costs more than to have it done.
_ADD = Prepared(insert(CODES))
_CLIENT = Prepared(
    select(CLIENTS.c.state).where(CLIENTS.c.id == bindparam("client")).with_for_update()
)
_CODE = Prepared(
    select(CODES)
    .where(CODES.c.digest == bindparam("shown"), CODES.c.client_id == bindparam("client"))
    .with_for_update()
)
_USED = Prepared(
    update(CODES).where(CODES.c.digest == bindparam("shown")).values(session_id=bindparam("led_to"))
)
_PARENT = Prepared(
    select(SESSIONS.c.ended).where(SESSIONS.c.id == bindparam("parent")).with_for_update()
)


class SqlCodes:
    """Keeps them."""

    def __init__(
        self,
        database: Callable[[], "Database"],
        *,
        issuing: Callable[[], Issuing],
        lasting: Callable[[], float],
    ) -> None:
        """Keep them in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._issuing = issuing
        self._lasting = lasting

    async def add(self, digest: bytes, code: Code) -> None:
        """Keep a code."""

        async def work(connection: AsyncConnection) -> None:
            await _ADD.do(connection, digest=digest, **asdict(code))

        await self._database().written(work)

    async def redeem(
        self, shown: Shown, *, session_id: str, token: str, now: float
    ) -> tuple[User, Session, Code] | Redemption:
        """Begin the session that a code is good for, once, with its first refresh token."""
        return await self._database().written(
            partial(self._redeem, shown=shown, session_id=session_id, token=token, now=now)
        )

    async def _redeem(
        self, connection: AsyncConnection, *, shown: Shown, session_id: str, token: str, now: float
    ) -> tuple[User, Session, Code] | Redemption:
        # The client first, as whoever disables it does: no session begins behind that.
        if await _CLIENT.scalar(connection, client=shown.client_id) != ACTIVE:
            return Redemption.UNKNOWN
        row = await _held(connection, shown)
        if row is None:
            return Redemption.UNKNOWN
        kept = dict(zip(_NAMES, row, strict=True))
        if kept["session_id"] is not None:
            return await self._replayed(connection, kept["session_id"], now)
        code = Code(**{one.name: kept[one.name] for one in fields(Code)})
        if now >= code.until:
            return Redemption.EXPIRED
        found = None
        if _fits(code, shown):
            found = await self._begun(connection, code, session_id, token=token, now=now)
        used = session_id if found is not None else _NOTHING
        await _USED.do(connection, shown=shown.code, led_to=used)
        if found is None:
            return Redemption.OVER if _fits(code, shown) else Redemption.WRONG
        return *found, code

    async def _begun(
        self,
        connection: AsyncConnection,
        code: Code,
        session_id: str,
        *,
        token: str,
        now: float,
    ) -> tuple[User, Session] | None:
        """Begin the session, which lasts as if it had begun with the login; None if it may not."""
        user = await held_user(connection, code.user_id)
        # Whoever has logged out everywhere since then has meant this, too.
        if user is None or user.changed > code.until - LASTS:
            return None
        there = await held_there(connection, code.parent)
        row = await _PARENT.first(connection, parent=code.parent)
        if row is None or row[0] is not None:
            return None
        ends = code.begun + limits_of(self._issuing(), user.roles).absolute
        if now >= ends:
            return None
        session = Session(
            id=session_id,
            user_id=user.id,
            begun=code.begun,
            used=now,
            ends=ends,
            methods=code.methods,
            proved=code.proved,
            client=code.client_id,
            scope=code.scope,
        )
        await tied(connection, session, there)
        await rests_too(connection, session.id, parent=code.parent, ends=session.ends)
        return await begun_by(connection, user, session, token)

    async def _replayed(
        self, connection: AsyncConnection, session_id: str, now: float
    ) -> Redemption:
        if session_id != _NOTHING:
            until = now + self._lasting()
            await end_session(connection, session_id, why="replayed", now=now, until=until)
        return Redemption.REPLAYED

    async def tidy(self, now: float) -> None:
        """Forget what is long over."""
        async with self._database().write() as connection:
            await connection.execute(delete(CODES).where(CODES.c.until < now - _REMEMBERED))
            await connection.execute(delete(ASSERTIONS).where(ASSERTIONS.c.until < now))


async def _held(connection: AsyncConnection, shown: Shown) -> Sequence[Any] | None:
    """Hold a code of a client until the end of the transaction."""
    return await _CODE.first(connection, shown=shown.code, client=shown.client_id)


def _fits(code: Code, shown: Shown) -> bool:
    """Tell whether who shows it has asked for it (RFC 6749 4.1.3, RFC 7636 4.6)."""
    is_theirs = compare_digest(code.challenge.encode(), shown.challenge.encode())
    return is_theirs and code.redirect_uri == shown.redirect_uri
