"""What pages of the platform ask behind a reload: whether they are logged in, and by what.

They ask with the cookie of the login, which is looked at and not used: `POST /api/v1/auth/refresh`
is the one call that gives an access token for it.
"""

from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from tta_gateway.features.identity import api, cookie, public
from tta_gateway.features.identity.answering import NO_STORE, user_told
from tta_gateway.features.identity.api_bodies import StatusTold, VerifiedTold
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.problems import STORE_UNAVAILABLE
from tta_gateway.features.identity.sign_in import SignIn
from tta_gateway.features.identity.store import User
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.support.sql.away import Unavailable

Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]
_NOBODY: Final = StatusTold(authenticated=False)


class House(api.House, Protocol):
    """Whose sessions they are."""


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    for path in public.STATUS:
        made.add_api_route(path, desk.status, methods=["GET"], response_model=StatusTold)
    made.add_api_route(
        public.VERIFY_BY_GET, desk.verify, methods=["GET"], response_model=VerifiedTold
    )
    return made


class Desk:
    """Answers pages."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house
        self._desk = api.Desk(house)

    async def status(self, request: Request) -> Response:
        """Say whether the cookie that is shown is of a session that lasts, and whose."""
        sign_in, issuing = self._house.sign_in, self._house.issuing
        if issuing is None:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        if sign_in is None:  # control has only just begun
            raise GatewayError(STORE_UNAVAILABLE)
        token = request.cookies.get(cookie.name(issuing), "")
        if token:
            Asking.of(request).check(issuing)
        try:
            user = await _whose(sign_in, token)
        except Unavailable:
            raise GatewayError(STORE_UNAVAILABLE) from None
        return JSONResponse(_told(user, issuing).model_dump(), headers=NO_STORE)

    async def verify(self, authorization: Authorization = None) -> Response:
        """Say whose access token it is, as `POST /api/v1/auth/verify-token` does."""
        return await self._desk.verify(authorization)


async def _whose(sign_in: SignIn, token: str) -> User | None:
    """Return whose session it is, if it lasts."""
    session, user_id = await sign_in.session_of(token) if token else ("", "")
    if not session:
        return None
    if all(one.id != session for one in await sign_in.open(user_id)):
        return None
    user = await sign_in.user(user_id)
    return user if user is not None and user.is_active else None


def _told(user: User | None, issuing: Issuing) -> StatusTold:
    if user is None:
        return _NOBODY
    told = user_told(user, issuing.roles)
    return StatusTold(authenticated=True, auth_method="session", user=told)
