"""The endpoints of the node; its supervisor is a thread that answers at the socket."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.helpers.asgi import Answer, asked
from tta_gateway.node.admin_api import router
from tta_gateway.node.api_problem import wording
from tta_gateway.node.commands import SOCKET
from tta_gateway.node.near import listening

STATUS = {
    "ready": True,
    "configuration": 3,
    "file": "gateway.yaml",
    "versions": [3, 3],
    "pids": [7, 8],
}


class Supervisor:
    """Answers one command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = listening(folder / SOCKET)
        self.socket.settimeout(5.0)
        self.said: list[str] = []

    def answer(self, told: dict[str, Any]) -> None:
        client, _ = self.socket.accept()
        with client, client.makefile("rb") as file:
            self.said.append(json.loads(file.readline())["do"])
            client.sendall(json.dumps(told).encode() + b"\n")

    def asked(self, method: str, path: str, told: dict[str, Any]) -> Answer:
        with ThreadPoolExecutor(1) as pool:
            answering = pool.submit(self.answer, told)
            answer = asked(an_app(self.folder), method, path)
            answering.result()
        return answer


def an_app(folder: Path) -> FastAPI:
    app = FastAPI(openapi_url=None)
    wording(app)
    app.include_router(router(folder, lambda: {"cache": ["c"]}))
    return app


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.socket.close()


def test_the_node_is_what_its_supervisor_says(supervisor: Supervisor) -> None:
    answer = supervisor.asked("GET", "/admin/v1/node", STATUS)
    assert (answer.status, answer.json, supervisor.said) == (
        200,
        {**STATUS, "stores": {"cache": ["c"]}},
        ["status"],
    )


def test_the_configuration_is_told_with_what_was_refused(supervisor: Supervisor) -> None:
    answer = supervisor.asked("GET", "/admin/v1/config", {**STATUS, "refused": ["no"]})
    assert answer.json == {
        "configuration": 3,
        "file": "gateway.yaml",
        "versions": [3, 3],
        "refused": ["no"],
    }


def test_where_nothing_was_refused_that_is_said(supervisor: Supervisor) -> None:
    assert supervisor.asked("GET", "/admin/v1/config", STATUS).json["refused"] == []


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/admin/v1/config/reload", "reload"),
        ("/admin/v1/workers/restart", "restart"),
        ("/admin/v1/node/upgrade", "upgrade"),
    ],
)
def test_what_is_asked_for_is_passed_on(supervisor: Supervisor, path: str, word: str) -> None:
    answer = supervisor.asked("POST", path, {"asked": word})
    assert (answer.status, answer.json, supervisor.said) == (202, {"asked": word}, [word])


def test_what_the_supervisor_refuses_is_a_conflict(supervisor: Supervisor) -> None:
    answer = supervisor.asked("POST", "/admin/v1/workers/restart", {"error": "not yet"})
    assert (answer.status, answer.json["code"], answer.json["detail"]) == (
        409,
        "admin_conflict",
        "not yet",
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_is_done_by_looking(tmp_path: Path, method: str) -> None:
    assert asked(an_app(tmp_path), method, "/admin/v1/workers/restart").status == 405


def test_a_supervisor_that_is_not_there_is_told(tmp_path: Path) -> None:
    answer = asked(an_app(tmp_path), "GET", "/admin/v1/node")
    assert (answer.status, answer.json["code"]) == (503, "admin_unavailable")
    assert answer.json["detail"].startswith("The supervisor does not answer: ")
