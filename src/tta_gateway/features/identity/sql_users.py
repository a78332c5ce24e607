"""Users and their roles in SQL."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.identity.sql_revocations import (
    end_sessions,
    revoke_subject,
    void_resets,
)
from tta_gateway.features.identity.sql_tables import ROLES, USERS
from tta_gateway.features.identity.store import DISABLED, NameTaken, User
from tta_gateway.support.sql.away import Conflict
from tta_gateway.support.sql.prepared import Prepared

if TYPE_CHECKING:
    from tta_gateway.support.sql.database import Database

OWN = ""
"""The provider of users whose passwords stand here."""
_HANDLE = case((USERS.c.provider == OWN, USERS.c.name), else_=USERS.c.provider + ":" + USERS.c.name)


# Made once: to put a statement together costs more than to have it done.
_ONE = select(USERS).where(USERS.c.id == bindparam("user"))
_WITH_ID, _HELD = Prepared(_ONE), Prepared(_ONE.with_for_update())
_NAMED = Prepared(
    select(USERS).where(USERS.c.provider == OWN, USERS.c.name == bindparam("user_name"))
)
_ROLES_OF = Prepared(
    select(ROLES.c.role, ROLES.c.granted_by).where(ROLES.c.user_id == bindparam("user"))
)


async def user_where(
    connection: AsyncConnection, *conditions: object, lock: bool = False
) -> User | None:
    """Return the one user that fits."""
    asked = _chosen(*conditions)
    found = await connection.execute(asked.with_for_update() if lock else asked)
    return await _whole(connection, found.first())


async def user_with(connection: AsyncConnection, user_id: str) -> User | None:
    """Return the user with this id."""
    return await _whole(connection, await _WITH_ID.first(connection, user=user_id))


async def held_user(connection: AsyncConnection, user_id: str | None) -> User | None:
    """Return the user with this id, whom nobody else can change until the end."""
    return await _whole(connection, await _HELD.first(connection, user=user_id))


async def named_user(connection: AsyncConnection, name: str) -> User | None:
    """Return who is called so here."""
    return await _whole(connection, await _NAMED.first(connection, user_name=name))


async def _whole(connection: AsyncConnection, row: Sequence[Any] | None) -> User | None:
    """Return the user of a row, with their roles."""
    if row is None:
        return None
    return _user(row, {role: by for role, by in await _ROLES_OF.all(connection, user=row[0])})  # noqa: C416 - rows are no pairs


def _chosen(*conditions: object) -> Select[tuple[object, ...]]:
    made = select(USERS)
    for one in conditions:
        made = made.where(one)  # type: ignore[arg-type]  # SQLAlchemy's own comparisons
    return made


class SqlUsers:
    """Keeps them."""

    def __init__(self, database: Callable[[], "Database"], *, lasting: Callable[[], float]) -> None:
        """Keep them in this database; `lasting` is how long an access token may be left."""
        self._database = database
        self._lasting = lasting

    async def create(self, user: User, *, by: str) -> None:
        """Add a user; NameTaken."""
        try:
            async with self._database().write() as connection:
                await added(connection, user, by=by)
        except Conflict:
            raise NameTaken(user.name) from None

    async def named(self, name: str) -> User | None:
        """Return who is called so."""
        return await self._database().seen(partial(named_user, name=name))

    async def at(self, provider: str, subject: str) -> User | None:
        """Return who is this subject of a provider."""
        async with self._database().read() as connection:
            return await user_where(connection, *_is(provider, subject))

    async def link(self, user: User) -> User:
        """Return the user as kept, a new one if need be, with the roles lent now; NameTaken."""
        try:
            async with self._database().write() as connection:
                return await self._linked(connection, user)
        except Conflict:
            raise NameTaken(user.id) from None

    async def _linked(self, connection: AsyncConnection, user: User) -> User:
        theirs, now, by = _is(user.provider, user.name), user.changed, lender(user.provider)
        known = await user_where(connection, *theirs, lock=True)
        if known is None:
            await _add(connection, user)
            await _grant(connection, user.id, user.lent, by=by, now=now)
            return user
        more, less = user.lent - known.roles, known.lent - user.lent
        if more or less:
            await _revoke(connection, known.id, less)
            await _grant(connection, known.id, more, by=by, now=now)
            await revoke_subject(connection, known.id, now=now, until=now + self._lasting())
        if user.called != known.called:
            called = update(USERS).where(USERS.c.id == known.id).values(called=user.called)
            await connection.execute(called)
        found = await user_where(connection, *theirs)
        assert found is not None  # it is held
        return found

    async def of(self, user_id: str) -> User | None:
        """Return who has this id."""
        return await self._database().seen(partial(user_with, user_id=user_id))

    async def all(self, *, after: str, most: int) -> list[User]:
        """Return the users behind this handle, by handle."""
        asked = select(USERS).where(_HANDLE.op(">")(after)).order_by(_HANDLE).limit(most)
        async with self._database().read() as connection:
            rows = (await connection.execute(asked)).all()
            ids = [row[0] for row in rows]
            granted = await connection.execute(
                select(ROLES.c.user_id, ROLES.c.role, ROLES.c.granted_by).where(
                    ROLES.c.user_id.in_(ids)
                )
            )
            roles: dict[str, dict[str, str]] = {}
            for user_id, role, by in granted:
                roles.setdefault(user_id, {})[role] = by
            return [_user(row, roles.get(row[0], {})) for row in rows]

    async def set_password(self, user_id: str, password: str, *, now: float) -> None:
        """Keep another hash; all sessions end."""
        async with self._database().write() as connection:
            await connection.execute(
                update(USERS).where(USERS.c.id == user_id).values(password=password)
            )
            await void_resets(connection, user_id)
            await self._end(connection, user_id, why="password", now=now)

    async def rehash(self, user_id: str, before: str, password: str) -> None:
        """Keep another hash of the same password, if it is still that one."""
        same = USERS.c.id == user_id, USERS.c.password == before
        async with self._database().write() as connection:
            await connection.execute(update(USERS).where(*same).values(password=password))

    async def set_state(self, user_id: str, state: str, *, now: float) -> None:
        """Let them log in, or not; who may not has no session any more."""
        async with self._database().write() as connection:
            await connection.execute(update(USERS).where(USERS.c.id == user_id).values(state=state))
            if state == DISABLED:
                await void_resets(connection, user_id)  # nor when they may again
                await self._end(connection, user_id, why=DISABLED, now=now)

    async def set_roles(
        self, user_id: str, *, grant: Iterable[str], revoke: Iterable[str], by: str, now: float
    ) -> bool:
        """Change their roles; tokens from before count no more.  False if nothing was to change."""
        async with self._database().write() as connection:
            return await change_roles(
                connection,
                user_id,
                grant=grant,
                revoke=revoke,
                by=by,
                times=(now, now + self._lasting()),
            )

    async def _end(
        self, connection: AsyncConnection, user_id: str, *, why: str, now: float
    ) -> None:
        await end_sessions(connection, user_id, why=why, now=now, until=now + self._lasting())


async def added(connection: AsyncConnection, user: User, *, by: str) -> None:
    """Add a user in a transaction."""
    await _add(connection, user)
    await _grant(connection, user.id, user.roles, by=by, now=user.created)


async def change_roles(
    connection: AsyncConnection,
    user_id: str,
    *,
    grant: Iterable[str],
    revoke: Iterable[str],
    by: str,
    times: tuple[float, float],
) -> bool:
    """Change a user's roles in a transaction; False if nothing was to change.

    `times` are now, and when no token from before can be left.
    """
    now, until = times
    user = await user_where(connection, USERS.c.id == user_id, lock=True)
    if user is None:
        return False
    # One that was lent stays from now on, whatever the service says.
    more, less = {*grant} - (user.roles - user.lent), {*revoke} & user.roles
    if not more and not less:
        return False
    await _revoke(connection, user_id, less | (more & user.lent))
    await _grant(connection, user_id, more - less, by=by, now=now)
    await revoke_subject(connection, user_id, now=now, until=until)
    return True


def lender(provider: str) -> str:
    """Return who has granted the roles that a provider says."""
    return f"@{provider}"


def _is(provider: str, subject: str) -> tuple[object, ...]:
    return USERS.c.provider == provider, USERS.c.name == subject


async def _add(connection: AsyncConnection, user: User) -> None:
    await connection.execute(
        insert(USERS).values(
            id=user.id,
            provider=user.provider,
            name=user.name,
            password=user.password,
            state=user.state,
            created=user.created,
            changed=user.changed,
            called=user.called,
        )
    )


async def _revoke(connection: AsyncConnection, user_id: str, roles: Iterable[str]) -> None:
    away = ROLES.c.user_id == user_id, ROLES.c.role.in_(sorted(roles))
    await connection.execute(delete(ROLES).where(*away))


async def _grant(
    connection: AsyncConnection, user_id: str, roles: Iterable[str], *, by: str, now: float
) -> None:
    for role in sorted(roles):
        await connection.execute(
            insert(ROLES).values(user_id=user_id, role=role, granted_by=by, granted=now)
        )


def _user(row: Sequence[Any], roles: Mapping[str, str]) -> User:
    """Return a user; of each role it is said who has granted it."""
    user_id, provider, name, password, state, created, changed, called = row
    by = lender(provider)
    return User(
        id=user_id,
        name=name,
        state=state,
        created=created,
        changed=changed,
        roles=frozenset(roles),
        password=password,
        provider=provider,
        called=called,
        lent=frozenset(role for role, granted_by in roles.items() if granted_by == by),
    )
