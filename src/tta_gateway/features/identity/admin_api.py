"""`/admin/v1/users` and `/admin/v1/keys`: users, their roles and sessions, and signing keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity.accounts import Accounts, Wrong
from tta_gateway.features.identity.answering import time_of
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.key_keeper import KeyKeeper
from tta_gateway.features.identity.password import LONGEST, Busy
from tta_gateway.features.identity.sign_in import SignIn
from tta_gateway.features.identity.store import NameTaken, User
from tta_gateway.support.sql.away import Unavailable

_ADMIN: Final = "admin"
"""Who has granted what is granted here: as long as the administration has one token."""
_OFF: Final = "The gateway issues no tokens: write `identity: {issuing: {url: …}}`."
_SOON: Final = "Control has only just begun: try again."
Secret: TypeAlias = Annotated[str, Field(max_length=LONGEST, repr=False)]
Count: TypeAlias = Annotated[int, Query(ge=1, le=500)]


class House(Protocol):
    """Whose users and keys they are; None where no tokens are issued."""

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued."""

    @property
    def accounts(self) -> Accounts | None:
        """Return who looks after users."""

    @property
    def keys(self) -> KeyKeeper | None:
        """Return who looks after keys."""

    @property
    def sign_in(self) -> SignIn | None:
        """Return who lets people in."""

    async def look(self) -> None:
        """Take up keys and revocations as they are now."""

    async def reveal(self) -> None:
        """Have every node do so."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class NewUser(_Body):
    """Somebody who is to be let in."""

    username: Annotated[str, Field(max_length=512)]
    password: Secret
    roles: tuple[str, ...] = ("player",)


class NewPassword(_Body):
    """A password."""

    password: Secret


class RoleChange(_Body):
    """Roles to grant and to revoke."""

    grant: tuple[str, ...] = ()
    revoke: tuple[str, ...] = ()


class Rotation(_Body):
    """How keys are changed; `now`: what the others have signed counts no more."""

    now: bool = False


class UserShown(BaseModel):
    """A user; who logs in by way of a service, there as `login`, is called `provider:subject`."""

    id: str
    username: str
    login: str = ""
    state: str
    roles: list[str]
    created: str


class UsersShown(BaseModel):
    """Some users, by name; `next` is what to ask `after` for more, empty at the end."""

    users: list[UserShown]
    next: str


class KeyShown(BaseModel):
    """A signing key."""

    id: str
    algorithm: str
    signs_from: str
    proves_until: str | None
    signs: bool


class KeysShown(BaseModel):
    """All of them, the oldest first."""

    keys: list[KeyShown]


class Ended(BaseModel):
    """How many sessions have been ended."""

    sessions: int


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(house)
    made = APIRouter(prefix="/admin/v1")
    one = "/users/{username}"
    made.add_api_route("/users", desk.create, methods=["POST"], status_code=201)
    made.add_api_route("/users", desk.users, methods=["GET"])
    made.add_api_route(one, desk.user, methods=["GET"])
    made.add_api_route(f"{one}/password", desk.password, methods=["POST"])
    made.add_api_route(f"{one}/disable", desk.disable, methods=["POST"])
    made.add_api_route(f"{one}/enable", desk.enable, methods=["POST"])
    made.add_api_route(f"{one}/roles", desk.roles, methods=["POST"])
    made.add_api_route(f"{one}/logout", desk.logout, methods=["POST"])
    made.add_api_route("/keys", desk.keys, methods=["GET"])
    made.add_api_route("/keys/rotate", desk.rotate, methods=["POST"])
    return made


@contextmanager
def worded() -> Iterator[None]:
    """Word what keeps something from being done."""
    try:
        yield
    except Wrong as error:
        raise HTTPException(422, str(error)) from None
    except NameTaken as error:
        raise HTTPException(409, f"There is a user `{error}` already.") from None
    except Unavailable:
        raise HTTPException(
            503,
            "The database cannot be asked at the moment: see `/admin/v1/node`.",
            {"retry-after": "2"},
        ) from None
    except Busy:
        raise HTTPException(
            503, "Too many passwords are being looked at: try again.", {"retry-after": "2"}
        ) from None


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def create(self, body: NewUser) -> UserShown:
        """Make a user."""
        accounts = self._accounts()
        with worded():
            return shown(await accounts.create(body.username, body.password, body.roles, by=_ADMIN))

    async def users(self, after: str = "", limit: Count = 100) -> UsersShown:
        """Return users by name, from behind `after`."""
        accounts = self._accounts()
        with worded():
            found = await accounts.all(after=after, most=limit)
        following = found[-1].handle if len(found) == limit else ""
        return UsersShown(users=list(map(shown, found)), next=following)

    async def user(self, username: str) -> UserShown:
        """Return a user."""
        return shown((await self._user(username))[1])

    async def password(self, username: str, body: NewPassword) -> UserShown:
        """Give a user another password; their sessions end."""
        accounts, user = await self._user(username)
        with worded():
            await accounts.set_password(user, body.password)
        return await self.user(username)

    async def disable(self, username: str) -> UserShown:
        """Let a user in no more; their sessions end."""
        accounts, user = await self._user(username)
        with worded():
            await accounts.disable(user)
        return await self.user(username)

    async def enable(self, username: str) -> UserShown:
        """Let a user in again."""
        accounts, user = await self._user(username)
        with worded():
            await accounts.enable(user)
        return await self.user(username)

    async def roles(self, username: str, body: RoleChange) -> UserShown:
        """Grant and revoke roles; tokens from before count no more, and are renewed."""
        accounts, user = await self._user(username)
        with worded():
            await accounts.set_roles(user, grant=body.grant, revoke=body.revoke, by=_ADMIN)
        return await self.user(username)

    async def logout(self, username: str) -> Ended:
        """End all sessions of a user."""
        _, user = await self._user(username)
        sign_in = self._house.sign_in
        assert sign_in is not None  # there are accounts
        with worded():
            return Ended(sessions=await sign_in.logout_all(user.id, why="admin"))

    async def keys(self) -> KeysShown:
        """Return the signing keys, without what is secret."""
        keeper = self._keys()
        with worded():
            await self._house.look()
            signs = keeper.signer().id
        return KeysShown(
            keys=[
                KeyShown(
                    id=one.id,
                    algorithm=one.algorithm,
                    signs_from=time_of(one.signs_from),
                    proves_until=None if one.proves_until is None else time_of(one.proves_until),
                    signs=one.id == signs,
                )
                for one in keeper.keys
            ]
        )

    async def rotate(self, body: Rotation) -> KeysShown:
        """Have another key sign; with `now` all access tokens count no more, and are renewed."""
        keeper = self._keys()
        with worded():
            await keeper.rotate(at_once=body.now)
            if body.now:
                await self._house.reveal()
        return await self.keys()

    def _accounts(self) -> Accounts:
        accounts = self._house.accounts
        if accounts is None:
            raise self._absent()
        return accounts

    def _keys(self) -> KeyKeeper:
        keys = self._house.keys
        if keys is None:
            raise self._absent()
        return keys

    def _absent(self) -> HTTPException:
        if self._house.issuing is None:
            return HTTPException(409, _OFF)
        return HTTPException(503, _SOON, {"retry-after": "2"})

    async def _user(self, username: str) -> tuple[Accounts, User]:
        accounts = self._accounts()
        with worded():
            user = await accounts.named(username)
        if user is None:
            raise HTTPException(404, f"There is no user `{username}`.")
        return accounts, user


def shown(user: User) -> UserShown:
    """Return a user as operators see them."""
    return UserShown(
        id=user.id,
        username=user.handle,
        login=user.called,
        state=user.state,
        roles=sorted(user.roles),
        created=time_of(user.created),
    )
