"""Accounts: users as whoever looks after them makes and changes them."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from tta_gateway.features.identity.names import normal
from tta_gateway.features.identity.password import LONGEST, SHORTEST, Passwords
from tta_gateway.features.identity.sign_in import Told, nothing
from tta_gateway.features.identity.store import ACTIVE, DISABLED, User, Users

_MOST: Final = 500


class Wrong(ValueError):
    """What is asked for cannot be; the words are for who asks."""


class Accounts:
    """Makes and changes them."""

    def __init__(
        self,
        users: Users,
        passwords: Passwords,
        *,
        roles: Callable[[], Collection[str]],
        wall: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Keep them there; `roles` are those that there are."""
        self._users = users
        self._passwords = passwords
        self._roles = roles
        self._wall = wall
        self._new_id = new_id
        self.two_person: Collection[str] = ()
        """Roles that nobody grants alone: somebody else has to approve it."""
        self.changed: Told = nothing
        """Tells this node's workers what has been revoked, before who has asked is answered."""

    async def create(self, name: str, password: str, roles: Sequence[str], *, by: str) -> User:
        """Return a new user; Wrong, NameTaken or Busy."""
        called = _name(name)
        self._check(roles)
        self._check_alone(roles)
        made = await self._passwords.hashed(_good(password))
        now = self._wall()
        user = User(self._new_id(), called, ACTIVE, now, now, frozenset(roles), made)
        await self._users.create(user, by=by)
        return user

    async def all(self, *, after: str, most: int) -> list[User]:
        """Return the users behind this handle, by handle."""
        return await self._users.all(after=after, most=min(most, _MOST))

    async def named(self, name: str) -> User | None:
        """Return who is called so; who logs in by way of a service as `provider:subject`."""
        provider, _, subject = name.partition(":")
        found = await self._users.at(provider, subject) if provider and subject else None
        return found if found is not None else await self._users.named(_name(name))

    async def set_password(self, user: User, password: str) -> None:
        """Have them log in with another password; their sessions end.  Wrong or Busy."""
        if user.provider:
            raise Wrong(f"Their password is kept by `{user.provider}`: change it there.")
        made = await self._passwords.hashed(_good(password))
        await self._users.set_password(user.id, made, now=self._wall())
        await self.changed()

    async def disable(self, user: User) -> None:
        """Let them in no more; their sessions end."""
        await self._users.set_state(user.id, DISABLED, now=self._wall())
        await self.changed()

    async def enable(self, user: User) -> None:
        """Let them in again."""
        await self._users.set_state(user.id, ACTIVE, now=self._wall())

    async def set_roles(
        self, user: User, *, grant: Sequence[str], revoke: Sequence[str], by: str
    ) -> bool:
        """Change their roles; tokens from before count no more.  False if there was no change."""
        self._check(grant)
        self._check_alone([one for one in grant if one not in user.roles - user.lent])
        done = await self._users.set_roles(
            user.id, grant=grant, revoke=revoke, by=by, now=self._wall()
        )
        await self.changed()
        return done

    async def grantable(self, name: str, roles: Sequence[str]) -> User:
        """Return who is called so and may be granted these roles by two people; Wrong."""
        self._check(roles)
        user = await self.named(name)
        if user is None:
            raise Wrong(f"There is no user `{name}`.")
        if not {*roles} - user.roles:
            raise Wrong(f"`{name}` has these roles: there is nothing to grant.")
        return user

    def check_grant(self, roles: Collection[str]) -> None:
        """Look whether one person may grant these to somebody who does not have them; Wrong."""
        self._check(roles)
        self._check_alone(roles)

    def _check_alone(self, roles: Collection[str]) -> None:
        for role in roles:
            if role in self.two_person:
                raise Wrong(
                    f"Nobody grants `{role}` alone: propose it (`tta-gateway changes propose`, or "
                    "POST /admin/v1/changes), and have somebody else approve it."
                )

    def _check(self, roles: Collection[str]) -> None:
        known = self._roles()
        for role in roles:
            if role not in known:
                raise Wrong(f"There is no role `{role}`: {', '.join(known)}.")


def _name(name: str) -> str:
    try:
        return normal(name)
    except ValueError as error:
        raise Wrong(str(error)) from None


def _good(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise Wrong(f"A password has {SHORTEST} to {LONGEST} characters.")
    return password
