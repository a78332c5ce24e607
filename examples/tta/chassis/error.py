"""The platform's error bodies: five shapes, and which one comes depends on who refuses.

* `{error, message}`: the guard's 401s (guard.py).
* `{error, message, status_code}`: an HTTPException; `message` may be an object.
* `{error, message, details, detail}`: 422, a body that does not validate.
* `{detail}`: what players and characters refuse themselves.
* `{error, message, detail}`: 500, an exception that nobody caught.  Starlette raises it once more
  when the answer has left, and uvicorn then drops the keep-alive connection without a word.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response


class Refused(Exception):
    """A refusal in the shape of players and characters."""

    def __init__(self, status: int, detail: str) -> None:
        """Keep the status and the one sentence."""
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def _refused(_: Request, error: Refused) -> Response:
    return JSONResponse({"detail": error.detail}, status_code=error.status)


async def _http(_: Request, error: HTTPException) -> Response:
    # The exception's headers are lost here, as on the platform: a 405 has no Allow.
    body = {"error": "HTTP Exception", "message": error.detail, "status_code": error.status_code}
    return JSONResponse(body, status_code=error.status_code)


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    errors = jsonable_encoder(error.errors())
    body = {"error": "Validation Error", "message": "Invalid request data"}
    return JSONResponse({**body, "details": errors, "detail": errors}, status_code=422)


async def _fault(_: Request, error: Exception) -> Response:
    body = {"error": "Internal Server Error", "message": "An unexpected error occurred"}
    return JSONResponse({**body, "detail": type(error).__name__}, status_code=500)


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: Final[dict[int | type[Exception], Handler]] = {
    Refused: _refused,
    HTTPException: _http,
    RequestValidationError: _invalid,
    Exception: _fault,
}
