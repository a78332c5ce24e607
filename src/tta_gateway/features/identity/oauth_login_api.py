"""`/oauth2/authorize`: where clients send people, who log in there and come back with a code.

    authorize -> logged in?  yes -> a code, or for a program on a device first: go on?
                             no  -> the login page -> login -> a code

A browser that is logged in at the gateway is asked for no password again.  A program on a device
shows nothing that proves it, so that a person says that it may go on (RFC 8252 8.6).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from tta_gateway.features.identity import cookie, oauth_cookie, oauth_page, problems
from tta_gateway.features.identity import oauth_public as public
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.factor import KEY, RECOVERY, TOTP
from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.identity.oauth_api import House
from tta_gateway.features.identity.oauth_page import FactorAsked
from tta_gateway.features.identity.oauth_problems import OAUTH_AWAY
from tta_gateway.features.identity.oauth_request import (
    NotARequest,
    Refused,
    Wish,
    address,
    answer,
    form,
    wish,
)
from tta_gateway.features.identity.oauth_server import OAuthServer
from tta_gateway.features.identity.second_factor import Needed, Proof, SecondFactors
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.features.identity.store import Session, User
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.problem import NOT_FOUND, Problem
from tta_gateway.support.sql.away import Unavailable

_BROWSER: Final = 128  # characters of the cookie that tells browsers apart
_CODES: Final = (problems.FACTOR_REFUSED.code, problems.FACTOR_WAITING.code)
_ENROL: Final = (
    "What you may do here needs a second factor, and you have none yet. Log in to the platform "
    "itself, which will ask you to set one up; then come back."
)
_ANEW: Final = "The page has been open for too long, or in another window. Log in here."


class _In(NamedTuple):
    """Who is logged in in a browser."""

    user: User
    session: Session


class _Asked(NamedTuple):
    """A request that is being dealt with."""

    request: Request
    server: OAuthServer
    issuing: Issuing
    said: Mapping[str, str]


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(public.AUTHORIZE, desk.ask, methods=["GET"])
    made.add_api_route(public.AUTHORIZE, desk.ask_by_form, methods=["POST"])
    made.add_api_route(public.LOGIN, desk.login, methods=["POST"])
    return made


class Desk:
    """Receives people."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def ask(self, request: Request) -> Response:
        """Have somebody logged in, and send them back to the client with a code (RFC 6749 4.1)."""
        return await self._answered(request, request.url.query, is_login=False)

    async def ask_by_form(self, request: Request) -> Response:
        """Do the same for a form that a client's page has sent (OpenID Connect Core 3.1.2.1)."""
        return await self._answered(request, await _body(request), is_login=False)

    async def login(self, request: Request) -> Response:
        """Take what the login page has been filled in with."""
        return await self._answered(request, await _body(request), is_login=True)

    # --- whose request it is -----------------------------------------------------------------

    async def _answered(self, request: Request, text: str, *, is_login: bool) -> Response:
        issuing = self._house.issuing
        if issuing is None:  # until the routes that lead here are gone
            raise GatewayError(NOT_FOUND)
        server = self._house.oauth
        try:
            if server is None:
                return _away()
            return await self._decided(
                _Asked(request, server, issuing, form(text)), is_login=is_login
            )
        except NotARequest as error:
            return _page(oauth_page.refused(str(error)), status=400)
        except Unavailable:
            return _away()

    async def _decided(self, asked: _Asked, *, is_login: bool) -> Response:
        client = await asked.server.client(asked.said.get("client_id", ""))
        uri = address(client, asked.said)
        assert client is not None  # it has an address
        try:
            wanted = wish(client, asked.said)
            if is_login:
                return await self._filled_in(asked, wanted)
            return await self._begun(asked, wanted)
        except Refused as refusal:
            pairs = [("error", refusal.error), ("error_description", refusal.description)]
            state = asked.said.get("state", "")
            return _sent(answer(uri, asked.issuing.url, state, pairs))

    # --- who is there ------------------------------------------------------------------------

    async def _begun(self, asked: _Asked, wanted: Wish) -> Response:
        """Go on with who is logged in, or ask."""
        found = await _logged_in(asked, wanted)
        if found is None:
            if "none" in wanted.prompts:
                raise Refused("login_required", "Nobody is logged in.")
            return _ask(asked, wanted, name=wanted.hint)
        if _is_on_a_device(wanted.redirect_uri):
            if "none" in wanted.prompts:
                raise Refused("interaction_required", "Whoever is logged in has to agree.")
            return _confirm(asked, wanted, found.user)
        return await self._finished(asked, wanted, found)

    async def _filled_in(self, asked: _Asked, wanted: Wish) -> Response:
        """Take a form, if it was made for this browser and this request (RFC 9700 4.7)."""
        key = asked.server.sign_in.secret
        browser = asked.request.cookies.get(oauth_cookie.form_name(asked.issuing), "")
        token = asked.said.get("form_token", "")
        if not oauth_cookie.is_form(token, browser, wanted.said, key) or not _is_own(asked.request):
            return _ask(asked, wanted, complaint=_ANEW, status=403)
        if "confirm" in asked.said:
            found = await _logged_in(asked, wanted)
            return (
                _ask(asked, wanted, complaint=_ANEW, status=403)
                if found is None
                else await self._finished(asked, wanted, found)
            )
        return await self._proved(asked, wanted)

    async def _proved(self, asked: _Asked, wanted: Wish) -> Response:
        """Log somebody in: by name and password, and where that is asked for by a code."""
        name, challenge = asked.said.get("username", ""), asked.said.get("mfa_token", "")
        try:
            grant = await self._grant(asked, name, challenge)
        except Needed as needed:
            if not needed.asked.methods:
                return _page(oauth_page.refused(_ENROL), wanted.redirect_uri, status=403)
            return _ask_factor(asked, wanted, needed.asked)
        except GatewayError as error:
            if challenge and error.problem.code in _CODES:
                again = await self._factors().pending(challenge)
                return _ask_factor(asked, wanted, again, error.problem)
            return _refused(asked, wanted, name, error.problem)
        return await self._entered(asked, wanted, _In(grant.user, grant.session))

    async def _grant(self, asked: _Asked, name: str, challenge: str) -> Grant:
        place = Asking.of(asked.request).address
        if not challenge:
            password = asked.said.get("password", "")
            return await asked.server.sign_in.login(name, password, address=place)
        return await self._factors().verify(challenge, _proof(asked.said), address=place)

    def _factors(self) -> SecondFactors:
        factors = self._house.second_factors
        if factors is None:  # control has only just begun
            raise Unavailable("second factors")
        return factors

    async def _entered(self, asked: _Asked, wanted: Wish, found: _In) -> Response:
        """Have the browser know who has logged in, and go on."""
        made = await self._finished(asked, wanted, found)
        value = oauth_cookie.session_value(found.session.id, asked.server.sign_in.secret)
        name = oauth_cookie.session_name(asked.issuing)
        made.headers.append("set-cookie", oauth_cookie.kept(asked.issuing, name, value))
        return made

    async def _finished(self, asked: _Asked, wanted: Wish, found: _In) -> Response:
        """Send somebody back with a code."""
        code = await asked.server.code(wanted, found.user, found.session)
        state = asked.said.get("state", "")
        return _sent(answer(wanted.redirect_uri, asked.issuing.url, state, [("code", code)]))


async def _body(request: Request) -> str:
    return (await request.body()).decode("utf-8", "replace")


async def _logged_in(asked: _Asked, wanted: Wish) -> _In | None:
    """Return who is logged in in this browser, as lately as the client wants it."""
    if "login" in wanted.prompts:
        return None
    shown = asked.request.cookies.get(oauth_cookie.session_name(asked.issuing), "")
    sign_in = asked.server.sign_in
    session_id = oauth_cookie.session_in(shown, sign_in.secret)
    found = await sign_in.go_on(session_id) if session_id else None
    if found is None:
        return None
    user, session = found
    if wanted.max_age is not None and asked.server.wall() - session.begun > wanted.max_age:
        return None
    return _In(user, session)


def _is_on_a_device(uri: str) -> bool:
    """Tell whether an answer goes to a program of whoever it is, which anybody could have made."""
    return urlsplit(uri).scheme != "https"


def _is_own(request: Request) -> bool:
    """Tell whether a page of the gateway itself has sent a form."""
    asking = Asking.of(request)
    return cookie.may_use(
        asking.origin, asking.site, scheme=asking.scheme, host=asking.host, allowed=()
    )


def _ask(
    asked: _Asked, wanted: Wish, *, name: str = "", complaint: str = "", status: int = 200
) -> Response:
    """Return the login page, tied to this browser."""
    browser = _browser(asked)
    token = oauth_cookie.form_token(browser, wanted.said, asked.server.sign_in.secret)
    page = oauth_page.login(wanted.client.name, wanted.said, token, name=name, complaint=complaint)
    return _tied(asked, _page(page, wanted.redirect_uri, status=status), browser)


def _confirm(asked: _Asked, wanted: Wish, user: User) -> Response:
    """Return the page that asks whether to go on."""
    browser = _browser(asked)
    token = oauth_cookie.form_token(browser, wanted.said, asked.server.sign_in.secret)
    other = f"{public.AUTHORIZE}?{urlencode({**wanted.said, 'prompt': 'login'})}"
    name = user.called or user.name
    page = oauth_page.confirm(wanted.client.name, wanted.said, token, name=name, other=other)
    return _tied(asked, _page(page, wanted.redirect_uri), browser)


def _browser(asked: _Asked) -> str:
    """Return what tells this browser from others: two pages in it may be open at once."""
    known = asked.request.cookies.get(oauth_cookie.form_name(asked.issuing), "")
    return known if 0 < len(known) <= _BROWSER else oauth_cookie.browser()


def _tied(asked: _Asked, page: Response, browser: str) -> Response:
    name = oauth_cookie.form_name(asked.issuing)
    page.headers.append("set-cookie", oauth_cookie.kept(asked.issuing, name, browser))
    return page


def _proof(said: Mapping[str, str]) -> Proof:
    """Return what somebody shows: what a key has signed, or a code."""
    if said.get("credential"):
        try:
            return Proof(KEY, credential=objects(said["credential"].encode()))
        except Malformed:
            return Proof(KEY)
    code = said.get("code", "").strip()
    return Proof(TOTP if code.replace(" ", "").isdecimal() else RECOVERY, code)


def _ask_factor(
    asked: _Asked, wanted: Wish, factor: FactorAsked, problem: Problem | None = None
) -> Response:
    """Return the page that asks for a second factor, tied to this browser; again, with why."""
    browser = _browser(asked)
    token = oauth_cookie.form_token(browser, wanted.said, asked.server.sign_in.secret)
    words = "" if problem is None else _words(problem)
    page = oauth_page.factor(wanted.client.name, wanted.said, token, asked=factor, complaint=words)
    status = 200 if problem is None else problem.status
    has_script = oauth_page.has_script(factor)
    made = _page(page, wanted.redirect_uri, status=status, has_script=has_script)
    return _tied(asked, made, browser)


def _words(problem: Problem) -> str:
    if problem.retry_after is not None:
        return f"{problem.title} Try again in {problem.retry_after} seconds."
    return f"{problem.title} {problem.detail}"


def _refused(asked: _Asked, wanted: Wish, name: str, problem: Problem) -> Response:
    """Return the login page once more, with why."""
    words = _words(problem)
    if problem is problems.LOGIN_REFUSED:
        words = f"{problem.title} Check both, and try again."
    status = 403 if problem is problems.LOGIN_REFUSED else problem.status
    page = _ask(asked, wanted, name=name, complaint=words, status=status)
    if problem.retry_after is not None:
        page.headers["retry-after"] = str(problem.retry_after)
    return page


def _sent(uri: str) -> Response:
    """Send a browser on, by GET whatever it has come with (RFC 9700 4.12)."""
    headers = {"location": uri, "cache-control": "no-store", "referrer-policy": "same-origin"}
    return Response(status_code=303, headers=headers)


def _page(
    text: str, redirect_uri: str = "", *, status: int = 200, has_script: bool = False
) -> Response:
    return HTMLResponse(text, status, oauth_page.fields(redirect_uri, has_script=has_script))


def _away() -> Response:
    page = _page(oauth_page.refused(f"{OAUTH_AWAY.title} {OAUTH_AWAY.detail}"), status=503)
    page.headers["retry-after"] = str(OAUTH_AWAY.retry_after)
    return page
