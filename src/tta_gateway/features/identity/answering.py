"""Answers to those who log in: tokens, users and sessions in the shapes of the platform."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from fastapi.responses import Response
from pydantic import BaseModel

from tta_gateway.features.identity import access_cookie, cookie, oauth_cookie
from tta_gateway.features.identity.api_bodies import SessionTold, TokenTold, UserTold
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.features.identity.store import Session, User
from tta_gateway.kernel.principal import Principal

NO_STORE: Final = {"cache-control": "no-store"}
_PLAYER: Final = "player"
_JSON: Final = "application/json"


def answered(told: BaseModel) -> Response:
    """Return the answer that says this, and is kept by nobody on its way."""
    return Response(told.model_dump_json(), media_type=_JSON, headers=NO_STORE)


def granted(issuing: Issuing, grant: Grant, *, in_cookie: bool) -> Response:
    """Return the answer with the tokens."""
    told = token_told(issuing, grant, in_cookie=in_cookie)
    answer = answered(told)
    if in_cookie:
        keep_both(answer, issuing, grant)
    return answer


def token_told(issuing: Issuing, grant: Grant, *, in_cookie: bool) -> TokenTold:
    """Return what is told of the tokens."""
    user = user_told(grant.user, issuing.roles)
    return TokenTold(
        access_token=grant.access_token,
        refresh_token="" if in_cookie else grant.refresh_token,
        expires_in=grant.expires_in,
        user=user,
        user_info=user,
    )


def keep_both(answer: Response, issuing: Issuing, grant: Grant) -> None:
    """Have a browser keep the refresh token, and show the access token where it may."""
    left = grant.session.ends - grant.session.used
    keep(answer, issuing, grant.refresh_token, left)
    keep_access(answer, issuing, grant.access_token, grant.expires_in)


def know(answer: Response, issuing: Issuing, value: str, seconds: float) -> None:
    """Have `/oauth2` know who is logged in in a browser, or forget it."""
    name = oauth_cookie.session_name(issuing)
    kept = oauth_cookie.kept(issuing, name, value, seconds=seconds)
    answer.headers.append("set-cookie", kept)


def entered(issuing: Issuing, grant: Grant, secret: bytes, *, in_cookie: bool) -> Response:
    """Return the answer to who has just logged in."""
    answer = answered(token_told(issuing, grant, in_cookie=in_cookie))
    if in_cookie:
        kept_in(answer, issuing, grant, secret)
    return answer


def kept_in(answer: Response, issuing: Issuing, grant: Grant, secret: bytes) -> None:
    """Have a browser keep all that there is of a session that has just begun."""
    keep_both(answer, issuing, grant)
    left = grant.session.ends - grant.session.used
    know(answer, issuing, oauth_cookie.session_value(grant.session.id, secret), left)


def keep(answer: Response, issuing: Issuing, token: str, seconds: float) -> None:
    """Have a browser keep a refresh token, or forget it: an empty one, for no time."""
    for field in cookie.set_cookies(issuing, token, seconds):
        answer.headers.append("set-cookie", field)


def keep_access(answer: Response, issuing: Issuing, token: str, seconds: float) -> None:
    """Have a browser show an access token in a cookie, or forget it, where there is such a one."""
    if issuing.access_cookie is not None:
        field = access_cookie.set_cookie(issuing.access_cookie, token, seconds)
        answer.headers.append("set-cookie", field)


def forget(answer: Response, issuing: Issuing) -> None:
    """Have a browser forget both."""
    keep(answer, issuing, "", 0)
    keep_access(answer, issuing, "", 0)


def user_told(user: User, known: Mapping[str, Sequence[str]]) -> UserTold:
    """Return a user as they are told of themselves; `known` are the roles that there are."""
    roles = [role for role in known if role in user.roles]
    return UserTold(
        user_id=user.id,
        username=user.called or user.name,
        role=main_role(roles),
        roles=roles,
        permissions=sorted({one for role in roles for one in known[role]}),
    )


def main_role(roles: Iterable[str]) -> str:
    """Return the one role of those who know only one: the first that is more than a player."""
    ordered = list(roles)
    return next((one for one in ordered if one != _PLAYER), _PLAYER if ordered else "")


def foreign_told(principal: Principal, known: Mapping[str, Sequence[str]]) -> UserTold:
    """Return what a token alone says of somebody."""
    roles = sorted(principal.roles)
    name = principal.claims.get("username")
    return UserTold(
        user_id=principal.subject,
        username=name if isinstance(name, str) else "",
        role=main_role(roles),
        roles=roles,
        permissions=sorted({one for role in roles for one in known.get(role, ())}),
    )


def session_told(one: Session, *, current: bool) -> SessionTold:
    return SessionTold(
        id=one.id,
        begun=time_of(one.begun),
        used=time_of(one.used),
        ends=time_of(one.ends),
        current=current,
    )


def time_of(seconds: float) -> str:
    """Return a time as RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
