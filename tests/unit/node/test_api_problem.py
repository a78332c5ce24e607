"""How control words its errors (RFC 9457)."""

from typing import Any

import pytest
from fastapi import FastAPI, HTTPException

from tests.helpers.asgi import Answer, asked
from tta_gateway.node.api_problem import problem, wording


def an_app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    wording(app)

    @app.get("/number")
    async def number(count: int) -> int:
        return count

    @app.get("/refused/{status}")
    async def refused(status: int) -> None:
        raise HTTPException(status, "Because.", {"retry-after": "3"})

    return app


def said(method: str, path: str) -> Answer:
    return asked(an_app(), method, path)


def test_what_is_not_there_is_a_problem() -> None:
    answer = said("GET", "/nowhere")
    assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")
    assert {key: answer.json[key] for key in ("type", "title", "status", "code")} == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "admin_not_found",
    }


def test_what_is_not_there_says_where_to_look() -> None:
    assert said("GET", "/nowhere").json["detail"]


def test_a_method_that_is_not_there_keeps_those_that_are() -> None:
    answer = said("DELETE", "/number")
    assert (answer.status, answer.json["code"], answer.fields["allow"]) == (
        405,
        "admin_method_not_allowed",
        "GET",
    )


def test_what_is_missing_is_named_with_its_place() -> None:
    answer = said("GET", "/number")
    assert (answer.status, answer.json["code"]) == (422, "admin_invalid")
    assert answer.json["detail"] == "query.count: Field required"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "admin_unauthenticated"),
        (409, "admin_conflict"),
        (418, "admin_error"),
        (503, "admin_unavailable"),
    ],
)
def test_a_refusal_has_its_code_its_reason_and_its_fields(status: int, code: str) -> None:
    answer = said("GET", f"/refused/{status}")
    told: dict[str, Any] = answer.json
    assert (answer.status, told["code"], told["detail"]) == (status, code, "Because.")
    assert answer.fields["retry-after"] == "3"


def test_a_problem_is_never_without_a_detail() -> None:
    assert b'"detail":""' not in bytes(problem(404, "").body)
