"""`/api/v1/auth/…`: login, refresh, logout, and what somebody may know of themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from tta_gateway.features.identity import cookie, problems, public
from tta_gateway.features.identity.answering import (
    NO_STORE,
    entered,
    foreign_told,
    forget,
    granted,
    know,
    session_told,
    time_of,
    user_told,
)
from tta_gateway.features.identity.api_bodies import (
    EndedTold,
    LoginBody,
    MeTold,
    PermissionsTold,
    RefreshBody,
    Said,
    SessionsTold,
    TokenTold,
    UserTold,
    VerifiedTold,
)
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import OWN_ISSUER, Issuing
from tta_gateway.features.identity.factors_answering import asked_told
from tta_gateway.features.identity.factors_bodies import ChallengeTold
from tta_gateway.features.identity.second_factor import Needed, SecondFactors
from tta_gateway.features.identity.sign_in import SignIn
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.support.sql.away import Unavailable

Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]
LoginTold: TypeAlias = TokenTold | ChallengeTold
_TWO: Final = 2
_KEY_SET: Final = {"cache-control": "public, max-age=300"}


class House(Protocol):
    """Whose endpoints they are."""

    bearers: Bearers

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def sign_in(self) -> SignIn | None:
        """Return who lets people in; None where no tokens are issued, or not yet."""

    @property
    def second_factors(self) -> SecondFactors | None:
        """Return who asks for second factors; None likewise."""

    def key_set(self) -> dict[str, list[dict[str, object]]]:
        """Return the public keys; Unavailable where they are not known."""


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(public.LOGIN, desk.login, methods=["POST"], response_model=LoginTold)
    made.add_api_route(public.REFRESH, desk.refresh, methods=["POST"], response_model=TokenTold)
    made.add_api_route(public.LOGOUT, desk.logout, methods=["POST"], response_model=Said)
    made.add_api_route(
        public.LOGOUT_ALL, desk.logout_all, methods=["POST"], response_model=EndedTold
    )
    made.add_api_route(public.ME, desk.me, methods=["GET"], response_model=MeTold)
    made.add_api_route(public.VERIFY, desk.verify, methods=["POST"], response_model=VerifiedTold)
    made.add_api_route(
        public.PERMISSIONS, desk.permissions, methods=["GET"], response_model=PermissionsTold
    )
    made.add_api_route(public.SESSIONS, desk.sessions, methods=["GET"], response_model=SessionsTold)
    made.add_api_route(public.SESSION, desk.end, methods=["DELETE"], status_code=204)
    made.add_api_route(public.KEY_SET, desk.key_set, methods=["GET"])
    return made


@contextmanager
def worded() -> Iterator[None]:
    """Word that what lasts cannot be asked."""
    try:
        yield
    except Unavailable:
        raise GatewayError(problems.STORE_UNAVAILABLE) from None


class Desk:
    """Answers clients."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    def _open(self) -> tuple[SignIn, Issuing]:
        sign_in, issuing = self._house.sign_in, self._house.issuing
        if issuing is None:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        if sign_in is None:  # control has only just begun
            raise GatewayError(problems.STORE_UNAVAILABLE)
        return sign_in, issuing

    async def login(self, request: Request, body: LoginBody) -> Response:
        """Log in: an access token, and a refresh token in a cookie (for pages) or in the body.

        Who has a second factor, or needs one, is told what to show instead.
        """
        sign_in, issuing = self._open()
        asking = Asking.of(request)
        in_cookie = asking.is_of_a_page if body.refresh_in is None else body.refresh_in == "cookie"
        if in_cookie:
            asking.check(issuing)
        try:
            with worded():
                grant = await sign_in.login(body.username, body.password, address=asking.address)
        except Needed as needed:
            return asked_told(needed.asked)
        return entered(issuing, grant, sign_in.secret, in_cookie=in_cookie)

    async def refresh(self, request: Request, body: RefreshBody | None = None) -> Response:
        """Renew the access token, by the refresh token in the body or, without one, the cookie."""
        sign_in, issuing = self._open()
        token, in_cookie = self._shown(request, body, issuing)
        if not token:
            raise ClientFault(problems.REFRESH_MISSING)
        with worded():
            grant = await sign_in.refresh(token)
        return granted(issuing, grant, in_cookie=in_cookie)

    def _shown(
        self, request: Request, body: RefreshBody | None, issuing: Issuing
    ) -> tuple[str, bool]:
        """Return the refresh token that is shown, and whether a cookie holds it."""
        if body is not None and body.refresh_token:
            return body.refresh_token, False
        token = request.cookies.get(cookie.name(issuing), "")
        if token:
            Asking.of(request).check(issuing)
        return token, True

    async def logout(
        self,
        request: Request,
        body: RefreshBody | None = None,
        authorization: Authorization = None,
    ) -> Response:
        """End the session of the token that is shown: an access token, or a refresh token."""
        sign_in, issuing = self._open()
        token, _ = self._shown(request, body, issuing)
        with worded():
            user, session = await sign_in.session_of(token) if token else ("", "")
            session, user = (user, session) if user else self._of_bearer(authorization, token)
            if session:
                await sign_in.logout(user, session)
        answer = JSONResponse(Said(message="Logged out.").model_dump(), headers=NO_STORE)
        kept = issuing.access_cookie
        if cookie.name(issuing) in request.cookies or kept is not None:
            forget(answer, issuing)
            know(answer, issuing, "", 0)
        return answer

    def _of_bearer(self, authorization: str | None, token: str) -> tuple[str, str]:
        """Return session and user of an access token; ClientFault if neither kind is shown."""
        found = self._house.bearers.shown(authorization)
        if found is None:
            if not token:
                raise ClientFault(problems.MISSING)
            return "", ""  # nobody knows it: there is nothing to end
        if found.issuer != OWN_ISSUER:
            raise ClientFault(problems.NOT_OURS)
        return found.session, found.subject

    async def logout_all(self, authorization: Authorization = None) -> Response:
        """End all sessions of whoever asks, on all devices."""
        sign_in, issuing = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            count = await sign_in.logout_all(principal.subject)
        told = EndedTold(message="Logged out everywhere.", sessions=count).model_dump()
        answer = JSONResponse(told, headers=NO_STORE)
        forget(answer, issuing)
        know(answer, issuing, "", 0)
        return answer

    async def me(self, authorization: Authorization = None) -> Response:
        """Return who asks."""
        principal, user = await self._whose(authorization)
        told = MeTold(
            **user.model_dump(),
            mfa_enabled=await self._has_a_second_factor(principal),
            mfa_verified=principal.level >= _TWO,
            last_login=time_of(principal.authenticated) if principal.authenticated else None,
            session_id=principal.session or None,
        )
        return JSONResponse(told.model_dump(), headers=NO_STORE)

    async def _has_a_second_factor(self, principal: Principal) -> bool:
        factors = self._house.second_factors
        if factors is None or principal.issuer != OWN_ISSUER:
            return False
        with worded():
            return bool(await factors.factors.of(principal.subject))

    async def verify(self, authorization: Authorization = None) -> Response:
        """Say whose access token it is; one that is no good is refused with the reason."""
        principal, user = await self._whose(authorization)
        expires = time_of(principal.expires) if isfinite(principal.expires) else None
        proved = principal.level >= _TWO
        told = VerifiedTold(**user.model_dump(), mfa_verified=proved, expires_at=expires)
        return JSONResponse(told.model_dump(), headers=NO_STORE)

    async def permissions(self, authorization: Authorization = None) -> Response:
        """Say what whoever asks may do."""
        _, user = await self._whose(authorization)
        told = PermissionsTold(
            role=user.role,
            permissions=user.permissions,
            is_admin="admin" in user.roles,
            is_therapist="therapist" in user.roles,
        )
        return JSONResponse(told.model_dump(), headers=NO_STORE)

    async def _whose(self, authorization: str | None) -> tuple[Principal, UserTold]:
        """Return whose token is shown; of those who log in elsewhere what the token says."""
        sign_in, issuing = self._open()
        principal = self._house.bearers.needed(authorization)
        if principal.issuer != OWN_ISSUER:
            return principal, foreign_told(principal, issuing.roles)
        with worded():
            user = await sign_in.user(principal.subject)
        if user is None or not user.is_active:
            raise ClientFault(problems.REVOKED)
        return principal, user_told(user, issuing.roles)

    async def sessions(self, authorization: Authorization = None) -> Response:
        """Return the sessions of whoever asks, the newest first."""
        sign_in, _ = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            found = await sign_in.open(principal.subject)
        told = [session_told(one, current=one.id == principal.session) for one in found]
        return JSONResponse(SessionsTold(sessions=told).model_dump(), headers=NO_STORE)

    async def end(self, id: str, authorization: Authorization = None) -> Response:
        """End a session of whoever asks, on another device perhaps."""
        sign_in, _ = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            if not await sign_in.logout(principal.subject, id, why="ended"):
                raise ClientFault(problems.SESSION_UNKNOWN)
        return Response(status_code=204, headers=NO_STORE)

    async def key_set(self) -> Response:
        """Return the public keys that access tokens are proved by, as a JWK set (RFC 7517)."""
        self._open()
        with worded():
            return JSONResponse(self._house.key_set(), headers=_KEY_SET)
