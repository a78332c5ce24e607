"""The public app: whole bodies in, errors out as the workers word theirs."""

import json
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from tests.helpers.asgi import Answer, asked, told
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.errors import ClientFault, Full
from tta_gateway.kernel.own import LARGEST
from tta_gateway.kernel.problem import UPSTREAM_BUSY
from tta_gateway.node.public_api import PublicApp

ID = "0192f0c1-0000-7000-8000-000000000001"


async def _breaking() -> AsyncIterator[bytes]:
    yield b"half"
    raise ValueError("what a person wrote")


def a_router() -> APIRouter:
    made = APIRouter()

    @made.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"got": len(await request.body())}

    @made.get("/number")
    async def number(count: int) -> int:
        return count

    @made.get("/busy")
    async def busy(full: float = 0.0) -> None:
        raise Full(UPSTREAM_BUSY, seconds=full) if full else ClientFault(UPSTREAM_BUSY, "Not now.")

    @made.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "What a person wrote.", {"x-a": "b"})

    @made.get("/closed")
    async def closed() -> None:
        raise HTTPException(507)

    @made.get("/broken")
    async def broken() -> None:
        raise ValueError("what a person wrote")

    @made.get("/half")
    async def half() -> StreamingResponse:
        return StreamingResponse(_breaking())

    return made


class House:
    """A public app, and what it has reported."""

    def __init__(self) -> None:
        self.bound = ProblemBound()
        self.failures: list[tuple[str, Exception]] = []
        self.app = PublicApp(
            [a_router()],
            bound=lambda: self.bound,
            failed=lambda request_id, error: self.failures.append((request_id, error)),
        )

    def asked(self, method: str, path: str, *parts: bytes) -> Answer:
        return asked(self.app, method, path, *parts, x_request_id=ID)


@pytest.fixture
def house() -> House:
    return House()


def test_a_body_arrives_whole(house: House) -> None:
    assert house.asked("POST", "/echo", b"one ", b"", b"two").json == {"got": 7}


def test_a_body_may_be_as_large_as_any_and_not_one_byte_larger(house: House) -> None:
    half = b"a" * (LARGEST // 2)
    assert house.asked("POST", "/echo", half, half).json == {"got": LARGEST}
    answer = house.asked("POST", "/echo", half, half, b"a")
    assert (answer.status, answer.json["code"]) == (413, "request_body_too_large")


def test_a_part_of_a_body_is_never_taken_for_the_whole(house: House) -> None:
    assert told(house.app, "POST", "/echo", b"one ", None) == []
    assert house.failures == []


def test_head_is_answered_like_get(house: House) -> None:
    assert house.asked("HEAD", "/busy").status == 503  # the server leaves the body out


def test_workers_hear_for_how_long_there_is_no_room(house: House) -> None:
    answer = house.asked("GET", "/busy?full=0.25")
    assert (answer.status, answer.fields["x-tta-closed-for"]) == (503, "0.250")
    assert "x-tta-closed-for" not in house.asked("GET", "/busy").fields


def test_what_is_not_there_is_a_problem_that_names_the_request(house: House) -> None:
    answer = house.asked("GET", "/nowhere")
    assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")
    assert answer.fields["cache-control"] == "no-store"
    assert (answer.json["code"], answer.json["correlation_id"]) == ("routing_not_found", ID)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/number/"])
def test_nothing_is_served_that_nobody_declared(house: House, path: str) -> None:
    assert house.asked("GET", path).status == 404


def test_a_method_that_is_not_there_keeps_those_that_are(house: House) -> None:
    answer = house.asked("DELETE", "/echo")
    assert (answer.status, answer.fields["allow"]) == (405, "POST")
    assert answer.json["code"] == "routing_method_not_allowed"


def test_what_is_missing_is_named_with_its_place(house: House) -> None:
    answer = house.asked("GET", "/number")
    assert (answer.status, answer.json["code"]) == (422, "request_invalid")
    assert answer.json["detail"] == "query.count: Field required"


def test_a_refusal_is_worded_like_those_of_the_workers(house: House) -> None:
    answer = house.asked("GET", "/busy")
    assert (answer.status, answer.fields["retry-after"]) == (503, "1")
    assert (answer.json["code"], answer.json["detail"]) == (UPSTREAM_BUSY.code, "Not now.")
    assert answer.fields["proxy-status"] == "tta-gateway; error=connection_limit_reached"


def test_an_error_of_the_framework_keeps_its_fields_and_not_its_words(house: House) -> None:
    answer = house.asked("GET", "/teapot")
    assert (answer.status, answer.fields["x-a"]) == (422, "b")
    assert answer.json["code"] == "request_invalid"
    assert b"person" not in answer.body


def test_an_error_of_the_framework_that_is_not_the_client_s_is_ours(house: House) -> None:
    answer = house.asked("GET", "/closed")
    assert (answer.status, answer.json["code"]) == (500, "internal")


def test_a_fault_is_reported_and_the_client_gets_its_id_and_no_more(house: House) -> None:
    answer = house.asked("GET", "/broken")
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert answer.json["correlation_id"] == ID
    assert b"person" not in answer.body
    ((request_id, error),) = house.failures
    assert (request_id, type(error)) == (ID, ValueError)


def test_an_answer_that_breaks_is_not_ended_as_if_it_were_whole(house: House) -> None:
    said = told(house.app, "GET", "/half")
    assert [one["type"] for one in said] == ["http.response.start", "http.response.body"]
    assert said[1]["more_body"]
    assert len(house.failures) == 1


def test_operators_choose_the_words_at_any_time(house: House) -> None:
    house.bound = ProblemBound(base="https://errors.example/", message=True)
    said = house.asked("GET", "/nowhere").json
    assert said["type"] == "https://errors.example/routing_not_found"
    assert said["message"] == said["detail"]


def test_a_request_without_an_id_is_answered_all_the_same(house: House) -> None:
    assert json.loads(asked(house.app, "GET", "/nowhere").body)["correlation_id"] == ""
