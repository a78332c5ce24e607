"""Errors of the administration, worded like every other error of the gateway (RFC 9457)."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tta_gateway.support.redaction.scrub import scrub

_CODES: Final = {
    401: "admin_unauthenticated",
    403: "admin_forbidden",
    404: "admin_not_found",
    405: "admin_method_not_allowed",
    409: "admin_conflict",
    422: "admin_invalid",
    500: "internal",
    503: "admin_unavailable",
}


def _nobody_hears(_: Exception) -> None:
    """Stand where nobody keeps a log."""


def wording(app: FastAPI, report: Callable[[Exception], None] = _nobody_hears) -> None:
    """Have the app word its errors so; `report` hears of faults of ours."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # it is registered for nothing else
        detail = str(error.detail) if error.detail != _phrase(error.status_code) else ""
        return problem(error.status_code, detail, dict(error.headers or {}))

    async def failed(_: Request, error: Exception) -> JSONResponse:
        report(error)
        return problem(500, "A fault of the gateway: its log names it.")

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # it is registered for nothing else
        places = [".".join(map(str, one["loc"])) + f": {one['msg']}" for one in error.errors()]
        return problem(422, "; ".join(places))

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, failed)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an answer that tells of an error."""
    content = {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "detail": scrub(detail)
        or "The reference of the administration (docs) names what there is.",
        "code": _CODES.get(status, "admin_error"),
    }
    return JSONResponse(content, status, headers, "application/problem+json")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
