"""`/api/v1/auth/password…`: people change the password of their account at the gateway."""

from typing import Annotated, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tta_gateway.features.identity import accounts_public as public
from tta_gateway.features.identity import problems
from tta_gateway.features.identity.answering import NO_STORE
from tta_gateway.features.identity.api import Authorization, worded
from tta_gateway.features.identity.api_bodies import Said
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.own_passwords import OwnPasswords
from tta_gateway.features.identity.password import LONGEST
from tta_gateway.features.identity.public import RESET
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.problem import NOT_FOUND

Secret = Annotated[str, Field(max_length=LONGEST, repr=False)]
_CODE = AliasChoices("code", "token")
_PASSWORD = AliasChoices("new_password", "password")


class House(Protocol):
    """Whose users they are."""

    bearers: Bearers

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def own_passwords(self) -> OwnPasswords | None:
        """Return who changes passwords; None where no tokens are issued, or not yet."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class ChangeBody(_Body):
    """The password of who asks, and another."""

    current_password: Secret
    new_password: Secret


class RedeemBody(_Body):
    """A code, and the password that its holder has chosen."""

    code: Annotated[str, Field(max_length=256, repr=False, validation_alias=_CODE)]
    new_password: Annotated[str, Field(max_length=LONGEST, repr=False, validation_alias=_PASSWORD)]


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    for path in (public.PASSWORD, public.CHANGE):
        made.add_api_route(path, desk.change, methods=["POST"], response_model=Said)
    for path in (public.REDEEM, RESET):
        made.add_api_route(path, desk.redeem, methods=["POST"], response_model=Said)
    return made


class Desk:
    """Answers people."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    def _open(self) -> OwnPasswords:
        if self._house.issuing is None:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        if self._house.own_passwords is None:  # control has only just begun
            raise GatewayError(problems.STORE_UNAVAILABLE)
        return self._house.own_passwords

    async def change(
        self, request: Request, body: ChangeBody, authorization: Authorization = None
    ) -> Response:
        """Change the password of who asks; their other sessions end."""
        passwords = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            await passwords.change(
                principal,
                body.current_password,
                body.new_password,
                address=Asking.of(request).address,
            )
        return _said("The password is changed. All other sessions have ended.")

    async def redeem(self, request: Request, body: RedeemBody) -> Response:
        """Choose a password by a code of whoever looks after accounts; all sessions end."""
        passwords = self._open()
        with worded():
            await passwords.redeem(body.code, body.new_password, address=Asking.of(request).address)
        return _said("The password is changed. Log in with it.")


def _said(message: str) -> Response:
    return JSONResponse(Said(message=message).model_dump(), headers=NO_STORE)
