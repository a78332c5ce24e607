"""Sessions and their refresh tokens in SQL; of the tokens only digests stand there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.factor import joined
from tta_gateway.features.identity.family import Family, Verdict, judge
from tta_gateway.features.identity.refresh_token import digest, next_of
from tta_gateway.features.identity.sessions import limits_of
from tta_gateway.features.identity.sql_revocations import end_session, end_sessions
from tta_gateway.features.identity.sql_tables import SESSIONS, TOKENS
from tta_gateway.features.identity.sql_users import held_user
from tta_gateway.features.identity.store import Refreshed, Session, User
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

_ENDS: Final = {Verdict.REUSED: "reused", Verdict.IDLE: "idle", Verdict.OVER: "over"}
_MOST_FOLLOWED: Final = 100
"""successors of one that was used within the grace"""
_ENDED: Final = [column.name for column in SESSIONS.c].index("ended")
_BEHIND: Final = 0.00001  # seconds
_FIELDS: Final = tuple(one.name for one in fields(Session))
# Made once: to put a statement together costs more than to have it done.
_BEGIN = Prepared(insert(SESSIONS))
_ADD = Prepared(insert(TOKENS))
_THIS = SESSIONS.c.id == bindparam("session")
_HELD = Prepared(select(SESSIONS).where(_THIS).with_for_update())
_THEIRS = _THIS, SESSIONS.c.user_id == bindparam("whose")
_LASTS = SESSIONS.c.ended.is_(None), SESSIONS.c.ends > bindparam("now")
_LASTING = Prepared(select(SESSIONS).where(*_THEIRS, *_LASTS).with_for_update())
_OWN = _THIS, SESSIONS.c.client == "", SESSIONS.c.ended.is_(None)
_OWNER = Prepared(select(SESSIONS.c.user_id).where(*_OWN))
_OWN_HELD = Prepared(select(SESSIONS).where(*_OWN).with_for_update())
_USED = Prepared(update(SESSIONS).where(_THIS).values(used=bindparam("at")))
_HOLDER = Prepared(
    select(SESSIONS.c.id, SESSIONS.c.user_id, SESSIONS.c.client)
    .join(TOKENS, TOKENS.c.session_id == SESSIONS.c.id)
    .where(TOKENS.c.digest == bindparam("token"))
)
_TOKEN = Prepared(select(TOKENS.c.used).where(TOKENS.c.digest == bindparam("token")))
_USE = Prepared(
    update(TOKENS).where(TOKENS.c.digest == bindparam("token")).values(used=bindparam("at"))
)


class SqlSessions:
    """Keeps them."""

    def __init__(
        self,
        database: Callable[[], "Database"],
        *,
        issuing: Callable[[], Issuing],
        key: Callable[[], bytes],
        lasting: Callable[[], float],
    ) -> None:
        """Keep them in this database; `key` makes the next refresh token of one.

        `lasting` is how long an access token may be left.
        """
        self._database = database
        self._issuing = issuing
        self._key = key
        self._lasting = lasting

    async def begin(
        self, session: Session, token: str, *, known: float
    ) -> tuple[User, Session] | None:
        """Begin a session with its first refresh token; None if the user may not any more."""
        return await self._database().written(
            partial(begun, session=session, token=token, known=known)
        )

    async def use(self, session_id: str, *, now: float) -> tuple[User, Session] | None:
        """Go on with a session of the gateway's own; None if it lasts no more."""
        return await self._database().written(partial(self._use, session_id=session_id, now=now))

    async def _use(
        self, connection: AsyncConnection, *, session_id: str, now: float
    ) -> tuple[User, Session] | None:
        # The user first, as whoever refreshes does: so nobody waits in a ring.
        user = await held_user(connection, await _OWNER.scalar(connection, session=session_id))
        if user is None or not user.is_active:
            return None
        row = await _OWN_HELD.first(connection, session=session_id)
        if row is None:
            return None
        session = _session(row)
        family = Family(session.used, session.ends)
        idle = limits_of(self._issuing(), user.roles).idle
        if judge(family, None, now=now, grace=0.0, idle=idle) is not Verdict.ROTATE:
            return None
        kept = replace(session, used=issued(user, now))
        await _USED.do(connection, session=session_id, at=kept.used)
        return user, kept

    async def prove(
        self, user_id: str, session_id: str, method: str, *, now: float
    ) -> tuple[User, Session] | None:
        """Have a second factor shown in a session; None if it is none of theirs that lasts."""
        async with self._database().write() as connection:
            user = await held_user(connection, user_id)
            row = await _LASTING.first(connection, session=session_id, whose=user_id, now=now)
            if user is None or not user.is_active or row is None:
                return None
            session = _session(row)
            kept = replace(
                session,
                methods=joined(session.methods, method),
                proved=now,
                used=issued(user, now),
            )
            changed = {"methods": kept.methods, "proved": kept.proved, "used": kept.used}
            await connection.execute(
                update(SESSIONS).where(SESSIONS.c.id == session_id).values(**changed)
            )
            return user, kept

    async def refresh(self, token: str, *, now: float, client: str = "") -> Refreshed | None:
        """Use a refresh token; None if nobody knows it, or it is another client's."""
        return await self._database().written(
            partial(self._refresh, token=token, now=now, client=client)
        )

    async def _refresh(
        self, connection: AsyncConnection, *, token: str, now: float, client: str
    ) -> Refreshed | None:
        found = await _holder(connection, token=token)
        if found is None:
            return None
        # Who changes the user, or refreshes in the session at the same time, waits here.
        user = await held_user(connection, found[1])
        assert user is not None  # a foreign key holds it
        row = await _HELD.first(connection, session=found[0])
        assert row is not None  # likewise
        session = _session(row)
        if session.client != client:
            return None
        is_over = row[_ENDED] is not None or not user.is_active
        family = Family(session.used, session.ends, is_over)
        chain = self._chain(connection, session.id, family, user=user, now=now)
        verdict, following = await chain.follow(token)
        if verdict in _ENDS:
            until = now + self._lasting()
            await end_session(connection, session.id, why=_ENDS[verdict], now=now, until=until)
        if verdict is not Verdict.ROTATE:
            return Refreshed(verdict, user, session)
        kept = replace(session, used=issued(user, now))
        await _USED.do(connection, session=session.id, at=kept.used)
        return Refreshed(verdict, user, kept, following)

    def _chain(
        self,
        connection: AsyncConnection,
        session_id: str,
        family: Family,
        *,
        user: User,
        now: float,
    ) -> "_Chain":
        issuing = self._issuing()
        return _Chain(
            connection=connection,
            session_id=session_id,
            family=family,
            now=now,
            grace=issuing.grace,
            idle=limits_of(issuing, user.roles).idle,
            key=self._key(),
        )

    async def find(self, token: str) -> tuple[str, str, str]:
        """Return session, user and client of a refresh token, whatever has become of it."""
        return await self._database().seen(partial(_holder, token=token)) or ("", "", "")

    async def open(self, user_id: str, *, now: float) -> list[Session]:
        """Return the sessions of a user that last, the newest first."""
        lasting = SESSIONS.c.user_id == user_id, SESSIONS.c.ended.is_(None), SESSIONS.c.ends > now
        asked = select(SESSIONS).where(*lasting).order_by(SESSIONS.c.begun.desc())
        async with self._database().read() as connection:
            return [_session(row) for row in await connection.execute(asked)]

    async def end(self, user_id: str, session_id: str, *, why: str, now: float) -> bool:
        """End a session; False if it is none of theirs that lasts."""
        theirs = SESSIONS.c.id == session_id, SESSIONS.c.user_id == user_id
        asked = select(SESSIONS.c.id).where(*theirs, SESSIONS.c.ended.is_(None)).with_for_update()
        async with self._database().write() as connection:
            if (await connection.execute(asked)).first() is None:
                return False
            until = now + self._lasting()
            await end_session(connection, session_id, why=why, now=now, until=until)
            return True

    async def end_all(self, user_id: str, *, why: str, now: float) -> int:
        """End all sessions of a user, and all tokens; return how many there were."""
        async with self._database().write() as connection:
            until = now + self._lasting()
            return await end_sessions(connection, user_id, why=why, now=now, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """The refresh tokens of a session, in one transaction."""

    connection: AsyncConnection
    session_id: str
    family: Family
    now: float
    grace: float
    idle: float
    key: bytes

    async def follow(self, token: str) -> tuple[Verdict, str]:
        """Return what becomes of a token, and the one that counts from now on."""
        verdict = await self._judge(token)
        if verdict is Verdict.ROTATE:
            following = next_of(token, self.key)
            await _USE.do(self.connection, token=digest(token), at=self.now)
            await _add(self.connection, following, self.session_id, now=self.now)
            return verdict, following
        for _ in range(_MOST_FOLLOWED):
            if verdict is not Verdict.FOLLOW:
                return verdict, ""
            token = next_of(token, self.key)
            verdict = await self._judge(token)
            if verdict is Verdict.ROTATE:
                return verdict, token
        return Verdict.REUSED, ""  # nobody's tabs do that

    async def _judge(self, token: str) -> Verdict:
        """Return what becomes of a token.

        One that follows another and is not there was made with another key: it is made anew.
        """
        row = await _TOKEN.first(self.connection, token=digest(token))
        if row is None:
            await _add(self.connection, token, self.session_id, now=self.now)
        return judge(
            self.family,
            None if row is None else row[0],
            now=self.now,
            grace=self.grace,
            idle=self.idle,
        )


async def begun(
    connection: AsyncConnection, session: Session, token: str, *, known: float
) -> tuple[User, Session] | None:
    """Begin a session in this transaction, as `SqlSessions.begin` does."""
    user = await held_user(connection, session.user_id)
    # A password takes a while to look at: another may have been chosen meanwhile.
    if user is None or user.changed > known:
        return None
    return await begun_by(connection, user, session, token)


async def begun_by(
    connection: AsyncConnection, user: User, session: Session, token: str
) -> tuple[User, Session] | None:
    """Begin a session of a user who is held in this transaction; None if they may have none."""
    if not user.is_active:
        return None
    kept = replace(session, used=issued(user, session.used))
    await _BEGIN.do(connection, **{name: getattr(kept, name) for name in _FIELDS})
    await _add(connection, token, session.id, now=session.used)
    return user, kept


def issued(user: User, now: float) -> float:
    """Return when a token is issued: behind the last change of the user, whosever clock that was.

    So a token that has been revoked with the change is never taken for one from behind it.
    """
    return max(now, user.changed + _BEHIND)


async def _holder(connection: AsyncConnection, *, token: str) -> tuple[str, str, str] | None:
    """Return session, user and client of a refresh token."""
    row = await _HOLDER.first(connection, token=digest(token))
    return None if row is None else (row[0], row[1], row[2])


async def _add(connection: AsyncConnection, token: str, session_id: str, *, now: float) -> None:
    await _ADD.do(connection, digest=digest(token), session_id=session_id, issued=now)


def _session(row: Sequence[Any]) -> Session:
    session_id, user_id, begun, used, ends, methods, _, __, client, scope, proved = row
    return Session(session_id, user_id, begun, used, ends, methods, client, scope, proved)
