"""`/admin/v1/users/{username}/factors`: for who has lost all second factors."""

from typing import Final, Protocol

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from tta_gateway.features.identity.accounts import Accounts, Wrong
from tta_gateway.features.identity.answering import time_of
from tta_gateway.features.identity.enrolment import Enrolment
from tta_gateway.features.identity.second_factor import SecondFactors
from tta_gateway.features.identity.store import User
from tta_gateway.support.sql.away import Unavailable

PATH: Final = "/admin/v1/users/{username}/factors"
_ABSENT: Final = "The gateway issues no tokens, or control has only just begun: try again."
_AWAY: Final = "The database cannot be asked at the moment: see `/admin/v1/node`."
_AGAIN: Final = {"retry-after": "2"}


class House(Protocol):
    """Whose users they are; None where no tokens are issued."""

    @property
    def accounts(self) -> Accounts | None:
        """Return who looks after users."""

    @property
    def second_factors(self) -> SecondFactors | None:
        """Return who asks for second factors."""


class FactorShown(BaseModel):
    """A second factor."""

    id: str
    kind: str
    label: str
    created: str
    used: str | None


class FactorsShown(BaseModel):
    """All of a user's, and how many recovery codes are left."""

    factors: list[FactorShown]
    recovery_codes_left: int


class Cleared(BaseModel):
    """How many second factors have been taken away."""

    factors: int


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(PATH, desk.factors, methods=["GET"])
    made.add_api_route(PATH, desk.clear, methods=["DELETE"])
    return made


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def factors(self, username: str) -> FactorsShown:
        """Return the second factors of a user, without what is secret."""
        try:
            factors, user = await self._user(username)
            found = await factors.factors.of(user.id)
            left = await factors.factors.codes_left(user.id)
        except Unavailable:
            raise HTTPException(503, _AWAY, _AGAIN) from None
        shown = [
            FactorShown(
                id=one.id,
                kind=one.kind,
                label=one.label,
                created=time_of(one.created),
                used=None if one.used is None else time_of(one.used),
            )
            for one in found
        ]
        return FactorsShown(factors=shown, recovery_codes_left=left)

    async def clear(self, username: str) -> Cleared:
        """Take all second factors of a user away, with the recovery codes; their sessions end."""
        try:
            factors, user = await self._user(username)
            return Cleared(factors=await Enrolment(factors).clear(user))
        except Unavailable:
            raise HTTPException(503, _AWAY, _AGAIN) from None

    async def _user(self, username: str) -> tuple[SecondFactors, User]:
        accounts, factors = self._house.accounts, self._house.second_factors
        if accounts is None or factors is None:
            raise HTTPException(409, _ABSENT)
        try:
            user = await accounts.named(username)
        except Wrong as error:
            raise HTTPException(422, str(error)) from None
        if user is None:
            raise HTTPException(404, f"There is no user `{username}`.")
        return factors, user
