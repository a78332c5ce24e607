"""Who may pass: the platform's authentication, the outermost layer of every service.

It answers before anything else has touched the request, so its 401s carry no CORS and no security
headers, and a path it does not know is 401 rather than 404.
"""

from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.tta.chassis.token import Principal, TokenInvalid, bearer, read

_ALWAYS_PUBLIC: Final = frozenset({"/", "/health", "/docs", "/redoc", "/openapi.json"})


@dataclass(frozen=True, slots=True)
class Public:
    """What needs no token: these paths, and these (method, path) where one is read if it is there.

    A path is matched exactly: with another slash at its end it is another path, and not public.
    """

    paths: frozenset[str] = frozenset()
    optional: frozenset[tuple[str, str]] = frozenset()

    def allows(self, scope: Scope) -> bool:
        """Return whether this request passes without a token."""
        return scope["path"] in (_ALWAYS_PUBLIC | self.paths) or scope["method"] == "OPTIONS"

    def tolerates(self, scope: Scope) -> bool:
        """Return whether this request passes with any token, a bad one included."""
        return (scope["method"], scope["path"].rstrip("/")) in self.optional


class Guard:
    """ASGI: let pass who has a token, leaving the `Principal` in the request's state."""

    def __init__(self, app: ASGIApp, public: Public) -> None:
        """Guard `app`, all but what is public."""
        self._app = app
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        refusal = self._admit(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _admit(self, scope: Scope) -> JSONResponse | None:
        """Return the refusal; or nothing, once the state knows who is asking."""
        scope.setdefault("state", {})["principal"] = None
        if self._public.allows(scope):
            return None
        refusal = _identify(scope)
        return None if self._public.tolerates(scope) else refusal


def _identify(scope: Scope) -> JSONResponse | None:
    authorization = Headers(scope=scope).get("authorization")
    if not authorization:
        return _unauthenticated("Authentication Required", "Authorization header is required")
    token = bearer(authorization)
    if not token:
        expected = "Authorization header must be in format: Bearer <token>"
        return _unauthenticated("Invalid Authorization Header", expected)
    try:
        scope["state"]["principal"] = read(token)
    except TokenInvalid as error:
        return _unauthenticated("Authentication Failed", str(error))
    return None


def _unauthenticated(error: str, message: str) -> JSONResponse:
    body = {"error": error, "message": message}
    return JSONResponse(body, status_code=401, headers={"WWW-Authenticate": "Bearer"})


# The two below are async and wait for nothing: FastAPI hands a plain function to a thread.
async def _principal(request: Request) -> Principal | None:
    return cast("Principal | None", request.state.principal)  # the guard put it there


async def _known(principal: Annotated[Principal | None, Depends(_principal)]) -> Principal:
    assert principal is not None  # the guard answered 401: only public paths have none
    return principal


Caller = Annotated[Principal, Depends(_known)]
"""The parameter of a route that says who is asking."""

MaybeCaller = Annotated[Principal | None, Depends(_principal)]
"""The same on a public route, where nobody may be."""
