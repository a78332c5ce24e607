"""`/api/v1/auth/external…`: logins by way of OpenID providers.

Browsers come here by links and by the provider's redirects.  They go on to the page that they came
from, with the code of an error behind it if there is one, and never with anything secret; where it
is not known which page that was, they are shown a plain one.
"""

from html import escape
from typing import Final, Protocol
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from tta_gateway.features.identity import challenge_cookie, problems
from tta_gateway.features.identity import external_public as public
from tta_gateway.features.identity.answering import kept_in
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.external_login import Broken, ExternalLogin
from tta_gateway.features.identity.external_request import with_error
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import NOT_FOUND, Problem
from tta_gateway.support.sql.away import Unavailable

_SEE_OTHER: Final = 303
_PRIVATE: Final = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_BARE: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_MOST: Final = 32  # parameters of an answer
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The login has not worked</title></head>
<body><main>
<h1>The login has not worked</h1>
<p>{title}</p>
<p>{detail}</p>
<p><a href="{home}">Back to the beginning</a></p>
<p><small>Code: {code}</small></p>
</main></body>
</html>
"""


class House(Protocol):
    """Whose endpoints they are."""

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def external(self) -> ExternalLogin | None:
        """Return who lets people in; None where nobody is, or not yet."""


class ProviderTold(BaseModel):
    """A provider: what it is called, and where a login begins."""

    name: str
    title: str
    url: str


class ProvidersTold(BaseModel):
    """All of them, in the operator's order."""

    providers: list[ProviderTold]


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(
        public.PROVIDERS, desk.providers, methods=["GET"], response_model=ProvidersTold
    )
    made.add_api_route(public.BEGIN, desk.begin, methods=["GET"], status_code=_SEE_OTHER)
    made.add_api_route(public.CALLBACK, desk.callback, methods=["GET"], status_code=_SEE_OTHER)
    made.add_api_route(public.LOGOUT, desk.logout, methods=["GET"], status_code=_SEE_OTHER)
    made.add_api_route(public.BACK_CHANNEL, desk.logged_out, methods=["POST"])
    return made


class Desk:
    """Answers browsers, and providers."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    def _open(self) -> tuple[ExternalLogin, Issuing]:
        external, issuing = self._house.external, self._house.issuing
        if issuing is None or not issuing.providers:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        if external is None:  # control has only just begun
            raise GatewayError(problems.STORE_UNAVAILABLE)
        return external, issuing

    async def providers(self) -> Response:
        """Return the providers by way of which people may log in, for a login page."""
        external, issuing = self._open()
        told = [
            ProviderTold(
                name=one.name,
                title=one.title or one.name,
                url=issuing.url + public.BEGIN.replace("{provider}", one.name),
            )
            for one in external.providers()
        ]
        return JSONResponse(ProvidersTold(providers=told).model_dump(), headers=_PRIVATE)

    async def begin(self, request: Request, provider: str, return_to: str = "/") -> Response:
        """Send a browser to a provider; it comes back to `return_to`, a path or an allowed page."""
        external, issuing = self._open()
        try:
            named, back = external.provider(provider), external.returning(return_to)
            begun = await external.begin(named, back)
        except Broken as broken:
            return _told(request, issuing, broken)
        except ClientFault as fault:
            return _told(request, issuing, Broken(fault.problem))
        answer = _sent(begun.url)
        answer.headers.append("set-cookie", begun.cookie)
        return answer

    async def callback(self, request: Request, provider: str) -> Response:
        """Take a provider's answer: the browser gets the cookie that renews access tokens."""
        external, issuing = self._open()
        pairs = _pairs(request)
        try:
            named = external.provider(provider)
        except ClientFault as fault:
            return _told(request, issuing, Broken(fault.problem))
        try:
            done = await external.finish(named, pairs, request.cookies)
        except Broken as broken:
            answer = _told(request, issuing, broken)
            if broken.challenge:
                field = challenge_cookie.field(issuing, broken.challenge)
                answer.headers.append("set-cookie", field)
        else:
            answer = _sent(done.return_to)
            kept_in(answer, issuing, done.grant, external.secret)
        state = dict(pairs).get("state", "")
        answer.headers.append("set-cookie", external.forgotten(named, state))
        return answer

    async def logout(self, request: Request, provider: str, return_to: str = "/") -> Response:
        """Send a browser that has logged out here to log out at its provider, too."""
        external, issuing = self._open()
        try:
            named, back = external.provider(provider), external.returning(return_to)
            return _sent(await external.leaving(named, back))
        except Broken as broken:
            return _told(request, issuing, broken)
        except ClientFault as fault:
            return _told(request, issuing, Broken(fault.problem))

    async def logged_out(self, request: Request, provider: str) -> Response:
        """End the sessions that a provider's logout token is about (OpenID Back-Channel Logout)."""
        external, _ = self._open()
        named = external.provider(provider)
        form = _form(await request.body())
        try:
            await external.logged_out(named, form.get("logout_token", ""))
        except Unavailable:
            raise GatewayError(problems.STORE_UNAVAILABLE) from None
        return Response(status_code=200, headers=_PRIVATE)


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Return the parameters of an answer; none if they cannot be read."""
    try:
        return parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        return []


def _form(body: bytes) -> dict[str, str]:
    """Return a form whose fields are each there once; nothing if it is none."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        return {}
    told = dict(pairs)
    return told if len(told) == len(pairs) else {}


def _sent(url: str) -> Response:
    """Return what sends a browser there, with GET whatever it has come with (RFC 9700 4.12)."""
    return RedirectResponse(url, status_code=_SEE_OTHER, headers=_PRIVATE)


def _told(request: Request, issuing: Issuing, broken: Broken) -> Response:
    """Tell a person that nobody has been let in: on their own page, or on a plain one."""
    if broken.return_to:
        return _sent(with_error(broken.return_to, broken.problem.code))
    if "text/html" not in request.headers.get("accept", ""):
        raise GatewayError(broken.problem)
    return _page(broken.problem, home=issuing.url)


def _page(problem: Problem, *, home: str) -> Response:
    fields = {**_PRIVATE, "content-security-policy": _BARE}
    if problem.retry_after is not None:
        fields["retry-after"] = str(problem.retry_after)
    told = _PAGE.format(
        title=escape(problem.title),
        detail=escape(problem.detail),
        home=escape(f"{home}/"),
        code=problem.code,
    )
    return HTMLResponse(told, status_code=problem.status, headers=fields)
