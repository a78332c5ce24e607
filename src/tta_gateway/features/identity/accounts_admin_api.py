"""`/admin/v1/invitations`, and `/admin/v1/users/{username}/reset`: codes that are shown once."""

from typing import Annotated, Final, Protocol

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity.account_code_store import AccountCode
from tta_gateway.features.identity.accounts import Accounts
from tta_gateway.features.identity.admin_api import worded
from tta_gateway.features.identity.answering import time_of
from tta_gateway.features.identity.own_passwords import OwnPasswords
from tta_gateway.features.identity.registration import LONGEST_INVITATION, Registration

RESET: Final = "/admin/v1/users/{username}/reset"
INVITATIONS: Final = "/admin/v1/invitations"
INVITATION: Final = "/admin/v1/invitations/{id}"
_ADMIN: Final = "admin"
_ABSENT: Final = "The gateway issues no tokens, or control has only just begun: try again."
_WEEK: Final = 7 * 86_400.0


class House(Protocol):
    """Whose accounts they are; None where no tokens are issued."""

    @property
    def accounts(self) -> Accounts | None:
        """Return who looks after users."""

    @property
    def own_passwords(self) -> OwnPasswords | None:
        """Return who changes passwords."""

    @property
    def registration(self) -> Registration | None:
        """Return who lets people register."""


class NewInvitation(BaseModel):
    """Roles beside `player` for whoever registers with it, and for how many seconds it is good."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    roles: tuple[str, ...] = ()
    lasts: Annotated[float, Field(ge=60, le=LONGEST_INVITATION)] = _WEEK


class InvitationShown(BaseModel):
    """An invitation; `code` is there when it is made, and never again."""

    id: str
    roles: list[str]
    made: str
    made_by: str
    until: str
    code: str = ""


class InvitationsShown(BaseModel):
    """Those that are good, the oldest first."""

    invitations: list[InvitationShown]


class Withdrawn(BaseModel):
    """An invitation that is no good any more."""

    id: str


class ResetShown(BaseModel):
    """A code with which one person may choose a password, until then and once."""

    username: str
    code: str
    until: str


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(RESET, desk.reset, methods=["POST"], status_code=201)
    made.add_api_route(INVITATIONS, desk.invite, methods=["POST"], status_code=201)
    made.add_api_route(INVITATIONS, desk.invitations, methods=["GET"])
    made.add_api_route(INVITATION, desk.withdraw, methods=["DELETE"])
    return made


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def reset(self, username: str) -> ResetShown:
        """Make a code with which a user may choose another password; it is shown this once."""
        accounts, passwords = self._house.accounts, self._house.own_passwords
        if accounts is None or passwords is None:
            raise HTTPException(409, _ABSENT)
        with worded():
            user = await accounts.named(username)
            if user is None:
                raise HTTPException(404, f"There is no user `{username}`.")
            made, code = await passwords.code_for(user, by=_ADMIN)
        return ResetShown(username=user.handle, code=code, until=time_of(made.until))

    async def invite(self, body: NewInvitation) -> InvitationShown:
        """Make an invitation for one person; its code is shown this once."""
        with worded():
            made, code = await self._registration().invite(
                body.roles, lasting=body.lasts, by=_ADMIN
            )
        return shown(made, code)

    async def invitations(self) -> InvitationsShown:
        """Return the invitations that are good, the oldest first."""
        with worded():
            found = await self._registration().invitations()
        return InvitationsShown(invitations=list(map(shown, found)))

    async def withdraw(self, id: str) -> Withdrawn:
        """Have an invitation be no good any more."""
        with worded():
            done = await self._registration().withdraw(id)
        if not done:
            raise HTTPException(404, f"There is no invitation `{id}` that is good.")
        return Withdrawn(id=id)

    def _registration(self) -> Registration:
        if self._house.registration is None:
            raise HTTPException(409, _ABSENT)
        return self._house.registration


def shown(one: AccountCode, code: str = "") -> InvitationShown:
    """Return an invitation as operators see it."""
    return InvitationShown(
        id=one.id,
        roles=list(one.roles),
        made=time_of(one.made),
        made_by=one.made_by,
        until=time_of(one.until),
        code=code,
    )
