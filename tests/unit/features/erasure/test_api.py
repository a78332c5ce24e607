"""Who may have somebody's key erased, and what they are told."""

import json

import pytest
from fastapi import FastAPI, HTTPException

from tests.helpers.asgi import Answer, asked
from tta_gateway.features.erasure.api import Erasure, router

REASON = "asked for by the person"


class House:
    """Erases what it is told, if somebody shows something."""

    def __init__(self) -> None:
        self.kept: list[Erasure] = []
        self.app = FastAPI()
        self.app.include_router(router(self))

    def eraser(self, authorization: str | None) -> str:
        if not authorization:
            raise HTTPException(401, "Show something.")
        return "eve"

    async def erase(self, person: str, *, reason: str, by: str) -> Erasure:
        made = Erasure(id="e1", person=person, reason=reason, by=by, at=0.0, here=True)
        self.kept.append(made)
        return made

    async def all(self) -> list[Erasure]:
        return self.kept

    def asked(self, method: str, body: object = None, *, shown: str = "Bearer a") -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        fields = {"authorization": shown} if shown else {}
        kind = "application/json"
        return asked(self.app, method, "/admin/v1/erasures", said, content_type=kind, **fields)


def test_a_key_is_erased_with_a_reason_and_that_is_kept() -> None:
    house = House()
    answer = house.asked("POST", {"person": "a/p7", "reason": f" {REASON} "})
    assert answer.status == 201
    assert answer.json == {
        "id": "e1",
        "person": "a/p7",
        "reason": REASON,
        "by": "eve",
        "at": "1970-01-01T00:00:00Z",
        "here": True,
        "waits": [],
    }
    assert house.asked("GET").json == {"erasures": [answer.json]}


def test_nobody_erases_without_saying_who_they_are() -> None:
    house = House()
    assert house.asked("POST", {"person": "a/p7", "reason": REASON}, shown="").status == 401
    assert house.asked("GET", shown="").status == 401
    assert house.kept == []


@pytest.mark.parametrize("reason", ["", "          ", "short"])
def test_without_a_reason_nothing_is_erased(reason: str) -> None:
    house = House()
    assert house.asked("POST", {"person": "a/p7", "reason": reason}).status == 422
    assert house.kept == []
