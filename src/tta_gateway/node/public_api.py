"""The public app: what control serves to clients, by way of the workers and nobody else.

It stands on a unix socket that its owner alone may open, so that every request has come through a
worker: its path is normal, its head is bounded, its route says who may call, and `X-Request-ID` is
the id that the client is told.  Errors are worded as the workers word theirs.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import Message, Receive, Scope, Send

from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.wording import document, fields
from tta_gateway.kernel.errors import Full, GatewayError
from tta_gateway.kernel.own import CLOSED_FOR, LARGEST
from tta_gateway.kernel.problem import (
    BODY_TOO_LARGE,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    REQUEST_INVALID,
    Problem,
)
from tta_gateway.node.direct import directs

_KINDS: Final = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}
_OURS: Final = 500  # and above: not the client's fault
Failed = Callable[[str, Exception], None]
"""Hears of a fault: the id of the request, and what was raised."""


class PublicApp:
    """An ASGI app of all public routers."""

    def __init__(
        self, routers: Iterable[APIRouter], *, bound: Callable[[], ProblemBound], failed: Failed
    ) -> None:
        """Serve these; `bound` is how errors are worded at the moment."""
        self._bound = bound
        self._failed = failed
        self.routes: list[BaseRoute] = []
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        for router in routers:
            app.include_router(router)
            self.routes += router.routes
        app.add_exception_handler(GatewayError, self._refused)
        app.add_exception_handler(HTTPException, self._not_served)
        app.add_exception_handler(RequestValidationError, self._invalid)
        app.add_exception_handler(Exception, self._broken)  # raised again: reported below
        self.app = app
        self._directs = directs(self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: with a bounded body, and whatever fails."""
        try:
            body = await _whole(receive)
        except ClientDisconnect:
            return  # there is nobody to answer
        if body is None:
            await self._problem(_id(scope), BODY_TOO_LARGE)(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server leaves the body out (RFC 9110 9.3.2)
        again = _again(body, receive)
        try:
            await (await self._directly(scope, again, body) or self.app)(scope, again, send)
        except Exception as error:  # noqa: BLE001 - the client has its answer, or is cut off
            self._failed(_id(scope), error)

    async def _directly(self, scope: Scope, receive: Receive, body: bytes) -> Response | None:
        """Return the answer of an endpoint that needs nothing of FastAPI; None of any other."""
        direct = self._directs.get((scope["method"], scope["path"]))
        if direct is None:
            return None
        request = Request(scope, receive)
        try:
            answer = direct.answer(request, body)
            return None if answer is None else await answer
        except GatewayError as error:
            return await self._refused(request, error)
        except HTTPException as error:
            return await self._not_served(request, error)
        except Exception as error:  # noqa: BLE001 - as below, behind the usual way
            self._failed(_id(scope), error)
            return await self._broken(request, error)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, GatewayError)  # it is registered for nothing else
        answer = self._problem(_id(request.scope), error.problem, error.detail)
        if isinstance(error, Full):
            answer.headers[CLOSED_FOR.decode()] = f"{error.seconds:.3f}"
        return answer

    async def _not_served(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # as above
        usual = REQUEST_INVALID if error.status_code < _OURS else INTERNAL
        kind = _KINDS.get(error.status_code, usual)
        answer = self._problem(_id(request.scope), kind)
        answer.headers.update(error.headers or {})
        return answer

    async def _broken(self, request: Request, _: Exception) -> Response:
        return self._problem(_id(request.scope), INTERNAL)

    async def _invalid(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # as above
        places = [".".join(map(str, one["loc"])) + f": {one['msg']}" for one in error.errors()]
        return self._problem(_id(request.scope), REQUEST_INVALID, "; ".join(places))

    def _problem(self, request_id: str, kind: Problem, detail: str | None = None) -> Response:
        """Return an error of ours as an answer."""
        body = document(kind, detail or kind.detail, request_id=request_id, bound=self._bound())
        made = {name.decode(): value.decode() for name, value in fields(kind)}
        return Response(body, kind.status, made)


def _id(scope: Scope) -> str:
    """Return the id that the worker has given the request."""
    said: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for name, value in said if name == b"x-request-id"), "")


async def _whole(receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is larger than any may be.

    ClientDisconnect if it has not come to its end: a part must not be taken for the whole.
    """
    parts: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        length += len(part)
        if length > LARGEST:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives the whole body, and then whatever comes behind it."""
    first: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def told() -> Message:
        return first.pop() if first else await receive()

    return told
