"""The endpoints of services: bodies, batches, and what OpenAPI is told."""

import json
from typing import Any

import pytest

from tests.helpers.asgi import asked
from tests.unit.features.realtime.test_server_api import House as Inner
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.realtime.api import router
from tta_gateway.features.realtime.public import NAMES, PLACE, ROUTES
from tta_gateway.node.public_api import PublicApp


def _fail(*_: object) -> None:
    raise AssertionError


class House:
    """The endpoints, over a store in memory."""

    def __init__(self) -> None:
        self.inner = Inner()
        self.app = PublicApp([router(self.inner.api)], bound=ProblemBound, failed=_fail)

    def ask(self, name: str, body: bytes) -> Any:  # noqa: ANN401 - whatever JSON says
        answer = asked(self.app, "POST", f"{PLACE}/{name}", body, content_type="application/json")
        assert answer.status == 200
        return json.loads(answer.body)


@pytest.fixture
def house() -> House:
    return House()


def test_a_call_is_answered(house: House) -> None:
    told = house.ask("publish", b'{"channel": "session:a", "data": {"b": [1]}}')
    assert told == {"result": {"offset": 1, "epoch": "1"}}
    read = house.ask("history", b'{"channel": "session:a", "limit": 1}')
    assert read["result"]["publications"] == [{"data": {"b": [1]}, "offset": 1}]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"1", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("name", ["publish", "batch"])
def test_what_is_no_object_is_a_bad_request(house: House, name: str, body: bytes) -> None:
    assert house.ask(name, body)["error"]["code"] == 107


@pytest.mark.parametrize("parallel", [True, False])
def test_a_batch_answers_each_under_its_name(house: House, *, parallel: bool) -> None:
    commands = [
        {"publish": {"channel": "session:a", "data": 1}},
        {"publish": {"channel": "nothing", "data": 1}},
        {"fly": {}},
        {"publish": 1},
        {},
        1,
    ]
    told = house.ask("batch", json.dumps({"commands": commands, "parallel": parallel}).encode())
    first, *rest = told["replies"]
    assert first == {"publish": {"offset": 1, "epoch": "1"}}
    assert [one["error"]["code"] for one in rest] == [102, 104, 107, 104, 104]


def test_a_batch_without_commands_is_a_bad_request(house: House) -> None:
    assert house.ask("batch", b"{}")["error"]["code"] == 107
    many = json.dumps({"commands": [{}] * 1001}).encode()
    assert house.ask("batch", many)["error"]["code"] == 107


def test_there_is_a_route_to_every_endpoint() -> None:
    made = router(Inner().api)
    paths = sorted(route.path for route in made.routes)  # type: ignore[attr-defined]  # of HTTP
    assert paths == sorted(route.path for route in ROUTES) == sorted(f"{PLACE}/{n}" for n in NAMES)
