"""Endpoints past FastAPI: which, with what, and that they answer as by the usual way."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from tests.helpers.asgi import Answer, App, asked
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.errors import Full
from tta_gateway.kernel.problem import UPSTREAM_BUSY
from tta_gateway.node.direct import directs
from tta_gateway.node.public_api import PublicApp

JSON = "application/json"


class Body(BaseModel):
    """What is said."""

    name: str
    count: int = 1


async def needed(request: Request, body: Body) -> Response:
    if body.name == "full":
        raise Full(UPSTREAM_BUSY, seconds=0.5)
    if body.name == "broken":
        raise ValueError("what a person wrote")
    host = request.headers.get("host", "")
    return JSONResponse({"said": body.model_dump(), "host": host}, 201, {"x-a": "b"})


async def optional(body: Body | None = None) -> JSONResponse:
    return JSONResponse(None if body is None else body.model_dump())


async def alone(request: Request) -> Response:
    return Response(await request.body())


async def nothing() -> Response:
    return Response(status_code=204)


async def of_a_field(request: Request, authorization: Annotated[str, Header()]) -> Response:
    return Response(authorization + request.method)


async def of_two(body: Body, other: Body) -> Response:
    return JSONResponse([body.name, other.name])


async def of_a_number(count: int) -> Response:
    return JSONResponse(count)


async def with_another_default(body: Body = Body(name="a")) -> Response:  # noqa: B008 - FastAPI's way
    return JSONResponse(body.name)


async def told() -> dict[str, str]:
    return {}


def in_a_thread(request: Request) -> Response:
    return Response(request.method)


def usual(made: APIRouter) -> None:
    """Add what goes the usual way."""
    made.add_api_route("/field", of_a_field, methods=["POST"])
    made.add_api_route("/two", of_two, methods=["POST"])
    made.add_api_route("/number", of_a_number, methods=["POST"])
    made.add_api_route("/told", told, methods=["POST"])
    made.add_api_route("/thread", in_a_thread, methods=["POST"])
    made.add_api_route("/of/{name}", nothing, methods=["POST"])
    made.add_api_route("/after", nothing, methods=["POST"], dependencies=[Depends(told)])


def a_router() -> APIRouter:
    made = APIRouter()
    made.add_api_route("/needed", needed, methods=["POST", "PUT"])
    made.add_api_route("/optional", optional, methods=["POST"])
    made.add_api_route("/default", with_another_default, methods=["POST"])
    made.add_api_route("/alone", alone, methods=["POST"])
    made.add_api_route("/nothing", nothing, methods=["GET"])
    usual(made)
    return made


def test_only_what_needs_nothing_of_the_framework_is_called_past_it() -> None:
    found = {*directs(a_router().routes)}
    names = ("/needed", "/optional", "/default", "/alone")
    assert found == {("POST", one) for one in names} | {("PUT", "/needed"), ("GET", "/nothing")}


class Both:
    """The same app twice: one of them knows no way past FastAPI."""

    def __init__(self) -> None:
        self.failures: list[list[Exception]] = [[], []]
        self.straight, self.usual = (self._made(number) for number in range(2))
        assert self.usual._directs
        self.usual._directs = {}

    def _made(self, number: int) -> PublicApp:
        failures = self.failures[number]
        return PublicApp(
            [a_router()], bound=ProblemBound, failed=lambda _, error: failures.append(error)
        )

    def asked(self, method: str, path: str, body: bytes, kind: str) -> Answer:
        """Return what both say."""
        fields = {"host": "h", "content_type": kind} if kind else {"host": "h"}
        apps: list[App] = [self.straight, self.usual]
        first, second = (asked(app, method, path, body, **fields) for app in apps)
        assert first == second
        reported = [[str(one) for one in kept] for kept in self.failures]
        assert reported[0] == reported[1]
        return first


RIGHT = b'{"name": "a", "count": "2", "more": 1}'


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/needed", RIGHT, JSON, 201),
        ("/needed", RIGHT, "Application/JSON; charset=utf-8", 201),
        ("/needed", RIGHT, "application/more+json", 201),
        ("/needed", RIGHT.decode().encode("utf-16"), JSON, 201),
        ("/needed", RIGHT, "text/plain", 422),
        ("/needed", RIGHT, "", 422),
        ("/needed", b'{"name": 1}', JSON, 422),
        ("/needed", b'{"name"', JSON, 422),
        ("/needed", b'{"name": "\\ud800"}', JSON, 500),  # which cannot be said again
        ("/needed", b"", JSON, 422),
        ("/needed", b"null", JSON, 422),
        ("/needed", b'{"name": "full"}', JSON, 503),
        ("/needed", b'{"name": "broken"}', JSON, 500),
        ("/optional", RIGHT, JSON, 200),
        ("/optional", b"", JSON, 200),
        ("/optional", b"", "", 200),
        ("/optional", b"null", JSON, 200),
        ("/optional", b"[]", JSON, 422),
        ("/default", RIGHT, JSON, 200),
        ("/default", b"", JSON, 200),
        ("/alone", b"any", "text/plain", 200),
        ("/number?count=2", b"", "", 200),
        ("/of/somebody", b"", "", 204),
        ("/nowhere", b"", "", 404),
    ],
)
def test_both_ways_lead_to_the_same(path: str, body: bytes, kind: str, status: int) -> None:
    assert Both().asked("POST", path, body, kind).status == status


def test_head_and_wrong_methods_are_answered_alike() -> None:
    both = Both()
    assert both.asked("HEAD", "/nothing", b"", "").status == 204
    assert both.asked("DELETE", "/needed", b"", "").status == 405


def test_what_is_right_does_not_come_by_the_framework() -> None:
    app: Any = PublicApp([a_router()], bound=ProblemBound, failed=lambda *_: None)
    app.app = None
    assert asked(app, "POST", "/needed", RIGHT, content_type=JSON, host="h").json == {
        "said": {"name": "a", "count": 2},
        "host": "h",
    }
    assert asked(app, "POST", "/optional").body == b"null"
