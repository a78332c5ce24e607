"""`/api/v1/auth/mfa/…` and `step-up`: showing second factors, and enrolling them."""

from dataclasses import replace
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tta_gateway.features.identity import challenge_cookie, problems
from tta_gateway.features.identity import factors_public as public
from tta_gateway.features.identity.answering import (
    NO_STORE,
    entered,
    keep_access,
    kept_in,
    time_of,
    token_told,
)
from tta_gateway.features.identity.api import Authorization, worded
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import TWO_FACTORS, Issuing
from tta_gateway.features.identity.enrolment import Enrolled, Enroller, Enrolment
from tta_gateway.features.identity.factor import Factor
from tta_gateway.features.identity.factors_answering import asked_told
from tta_gateway.features.identity.factors_bodies import (
    ChallengeTold,
    CodesTold,
    EnrolBody,
    EnrolledTold,
    FactorsTold,
    FactorTold,
    KeyBody,
    KeyOptionsTold,
    RaisedTold,
    StepUpBody,
    TotpBody,
    TotpTold,
    VerifyBody,
    Where,
)
from tta_gateway.features.identity.second_factor import Needed, Proof, SecondFactors
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import NOT_FOUND


class House(Protocol):
    """Whose endpoints they are."""

    bearers: Bearers

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def second_factors(self) -> SecondFactors | None:
        """Return who asks for second factors; None where no tokens are issued, or not yet."""


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    post = (
        (public.VERIFY, desk.verify, None),
        (public.CHALLENGE, desk.challenge, ChallengeTold),
        (public.STEP_UP, desk.step_up, RaisedTold | ChallengeTold),
        (public.SETUP, desk.totp, TotpTold),
        (public.TOTP, desk.totp, TotpTold),
        (public.TOTP_CONFIRM, desk.totp_confirm, EnrolledTold),
        (public.KEY_OPTIONS, desk.key_options, KeyOptionsTold),
        (public.KEY, desk.key, EnrolledTold),
        (public.CODES, desk.codes, CodesTold),
    )
    for path, answer, told in post:
        made.add_api_route(path, answer, methods=["POST"], response_model=told)
    made.add_api_route(public.FACTORS, desk.factors, methods=["GET"], response_model=FactorsTold)
    made.add_api_route(public.FACTOR, desk.remove, methods=["DELETE"], status_code=204)
    return made


class Desk:
    """Answers clients."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    def _open(self) -> tuple[SecondFactors, Issuing]:
        factors, issuing = self._house.second_factors, self._house.issuing
        if issuing is None:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        if factors is None:  # control has only just begun
            raise GatewayError(problems.STORE_UNAVAILABLE)
        return factors, issuing

    # --- showing one -------------------------------------------------------------------------

    async def verify(self, request: Request, body: VerifyBody) -> Response:
        """Show the second factor that a login asks for: the tokens of a new session."""
        factors, issuing = self._open()
        in_cookie = _in_cookie(request, issuing, body.refresh_in)
        token, address = body.mfa_token or _challenge(request, issuing), Asking.of(request).address
        if not token:
            raise ClientFault(problems.CHALLENGE_MISSING)
        with worded():
            grant = await factors.verify(token, _proof(body), address=address)
        answer = entered(issuing, grant, factors.sign_in.secret, in_cookie=in_cookie)
        _forget_challenge(request, answer, issuing)
        return answer

    async def challenge(self, request: Request, body: EnrolBody | None = None) -> Response:
        """Say what the challenge of a login asks, which a cookie may hold (providers)."""
        factors, issuing = self._open()
        shown = "" if body is None else body.mfa_token
        token = shown or _challenge(request, issuing)
        if not token:
            raise ClientFault(problems.CHALLENGE_MISSING)
        with worded():
            asked = await factors.pending(token)
        return asked_told(replace(asked, token=shown))

    async def step_up(
        self,
        request: Request,
        body: StepUpBody | None = None,
        authorization: Authorization = None,
    ) -> Response:
        """Show a second factor in the session that lasts: an access token of level 2.

        Without one, what can be shown is told.
        """
        factors, issuing = self._open()
        principal = self._house.bearers.ours(authorization)
        body = StepUpBody() if body is None else body
        proof = None if body.method is None else _proof(body)
        address = Asking.of(request).address
        try:
            with worded():
                grant = await factors.step_up(
                    principal, proof, token=body.mfa_token, address=address
                )
        except Needed as needed:
            return asked_told(needed.asked)
        told = RaisedTold(
            access_token=grant.access_token,
            expires_in=grant.expires_in,
            acr=TWO_FACTORS,
            auth_time=int(grant.session.proved),
        )
        answer = JSONResponse(told.model_dump(), headers=NO_STORE)
        _show_on(request, answer, issuing, grant)
        return answer

    # --- enrolling one -----------------------------------------------------------------------

    async def totp(
        self,
        request: Request,
        body: EnrolBody | None = None,
        authorization: Authorization = None,
    ) -> Response:
        """Begin to enrol an authenticator for one-time codes: its secret, and what confirms it."""
        enrolment, who = await self._enroller(request, body or EnrolBody(), authorization)
        begun = enrolment.begin_totp(who)
        told = TotpTold(
            enrolment=begun.token,
            secret=begun.secret,
            otpauth_uri=begun.uri,
            expires_in=begun.expires_in,
        )
        return JSONResponse(told.model_dump(), headers=NO_STORE)

    async def totp_confirm(
        self, request: Request, body: TotpBody, authorization: Authorization = None
    ) -> Response:
        """Enrol an authenticator by a code that it shows; the first comes with recovery codes."""
        enrolment, who = await self._enroller(request, body, authorization)
        in_cookie = self._in_cookie(request, body.refresh_in)
        with worded():
            done = await enrolment.confirm_totp(who, body.enrolment, body.code, body.label)
        return self._enrolled(request, done, in_cookie=in_cookie)

    async def key_options(
        self,
        request: Request,
        body: EnrolBody | None = None,
        authorization: Authorization = None,
    ) -> Response:
        """Begin to enrol a security key or a passkey: what a page asks it for."""
        enrolment, who = await self._enroller(request, body or EnrolBody(), authorization)
        with worded():
            begun = await enrolment.begin_key(who)
        told = KeyOptionsTold(
            enrolment=begun.token, expires_in=begun.expires_in, webauthn=dict(begun.key or {})
        )
        return JSONResponse(told.model_dump(), headers=NO_STORE)

    async def key(
        self, request: Request, body: KeyBody, authorization: Authorization = None
    ) -> Response:
        """Enrol a security key by what it has said; the first factor comes with recovery codes."""
        enrolment, who = await self._enroller(request, body, authorization)
        in_cookie = self._in_cookie(request, body.refresh_in)
        said = body.credential.model_dump(exclude_none=True)
        with worded():
            done = await enrolment.confirm_key(who, body.enrolment, said, body.label)
        return self._enrolled(request, done, in_cookie=in_cookie)

    async def _enroller(
        self, request: Request, body: EnrolBody, authorization: str | None
    ) -> tuple[Enrolment, Enroller]:
        """Return who enrols, by an access token or else by a challenge of the login."""
        factors, issuing = self._open()
        enrolment, token = Enrolment(factors), body.mfa_token
        if not token and not authorization:
            token = _challenge(request, issuing)
        principal = None
        if not token:
            principal = self._house.bearers.themselves(authorization)
        with worded():
            return enrolment, await enrolment.enroller(principal, token)

    def _in_cookie(self, request: Request, wanted: Where) -> bool:
        return _in_cookie(request, self._open()[1], wanted)

    def _enrolled(self, request: Request, done: Enrolled, *, in_cookie: bool) -> Response:
        factors, issuing = self._open()
        told = EnrolledTold(
            **token_told(issuing, done.grant, in_cookie=in_cookie).model_dump(),
            factor=_told(done.factor),
            recovery_codes=list(done.codes),
        )
        answer = JSONResponse(told.model_dump(), headers=NO_STORE)
        if in_cookie and done.grant.refresh_token:
            kept_in(answer, issuing, done.grant, factors.sign_in.secret)
        else:
            _show_on(request, answer, issuing, done.grant)
        _forget_challenge(request, answer, issuing)
        return answer

    # --- the rest ----------------------------------------------------------------------------

    async def factors(self, authorization: Authorization = None) -> Response:
        """Return the second factors of whoever asks, without what is secret."""
        factors, _ = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            found = await factors.factors.of(principal.subject)
            left = await factors.factors.codes_left(principal.subject)
        told = FactorsTold(factors=list(map(_told, found)), recovery_codes_left=left)
        return JSONResponse(told.model_dump(), headers=NO_STORE)

    async def remove(self, id: str, authorization: Authorization = None) -> Response:
        """Take a second factor away; it takes one that was shown lately."""
        factors, _ = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            await Enrolment(factors).remove(principal, id)
        return Response(status_code=204, headers=NO_STORE)

    async def codes(self, authorization: Authorization = None) -> Response:
        """Make new recovery codes in the place of all others; likewise."""
        factors, _ = self._open()
        principal = self._house.bearers.themselves(authorization)
        with worded():
            made = await Enrolment(factors).new_codes(principal)
        return JSONResponse(CodesTold(recovery_codes=list(made)).model_dump(), headers=NO_STORE)


def _in_cookie(request: Request, issuing: Issuing, wanted: Where) -> bool:
    asking = Asking.of(request)
    in_cookie = asking.is_of_a_page if wanted is None else wanted == "cookie"
    if in_cookie:
        asking.check(issuing)
    return in_cookie


def _challenge(request: Request, issuing: Issuing) -> str:
    """Return the challenge that a cookie holds; nothing if none does.  ClientFault."""
    token = request.cookies.get(challenge_cookie.name(issuing), "")
    if token:
        Asking.of(request).check(issuing)
    return token


def _forget_challenge(request: Request, answer: Response, issuing: Issuing) -> None:
    if challenge_cookie.name(issuing) in request.cookies:
        answer.headers.append("set-cookie", challenge_cookie.field(issuing, ""))


def _show_on(request: Request, answer: Response, issuing: Issuing, grant: Grant) -> None:
    """Have a browser whose cookie shows access tokens show this one from now on."""
    kept = issuing.access_cookie
    if kept is not None and kept.name in request.cookies:
        keep_access(answer, issuing, grant.access_token, grant.expires_in)


def _proof(body: VerifyBody | StepUpBody) -> Proof:
    credential = body.credential
    said = None if credential is None else credential.model_dump(exclude_none=True)
    return Proof(body.method or "", body.code, said)


def _told(factor: Factor) -> FactorTold:
    return FactorTold(
        id=factor.id,
        kind=factor.kind,
        label=factor.label,
        created=time_of(factor.created),
        used=None if factor.used is None else time_of(factor.used),
    )
