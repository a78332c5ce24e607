"""The endpoints: who may list, and that a reason is needed to read."""

import json
from typing import Any, Final

from fastapi import FastAPI, HTTPException

from tests.helpers.asgi import Answer as Answered
from tests.helpers.asgi import asked
from tta_gateway.features.error_records.api import Answer, Reader, router

ROOT: Final = "/admin/v1/error-records"


class Archive:
    """One record, for whoever shows `good`."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def reader(self, authorization: str | None) -> Reader:
        if authorization != "good":
            raise HTTPException(403, "no")
        return Reader("ada", lambda _: True)

    person = reader

    def rows(self, correlation: str, skip: int) -> list[Answer]:
        self.asked.append((correlation, skip))
        return [{"id": "r1"}]

    def opened(self, id: str, reader: Reader, reason: str) -> Answer | None:
        self.asked.append((id, reader.name, reason))
        return {"record": {"id": id}} if id == "r1" else None


def told(
    archive: Archive, method: str, path: str, body: object = None, shown: str = "good"
) -> Answered:
    app = FastAPI()
    app.include_router(router(archive))
    data = b"" if body is None else json.dumps(body).encode()
    return asked(
        app, method, f"{ROOT}{path}", data, authorization=shown, content_type="application/json"
    )


def test_records_are_listed_for_those_who_may() -> None:
    archive = Archive()
    answer = told(archive, "GET", "?correlation=c-1&skip=2")
    assert (answer.json, archive.asked) == ({"records": [{"id": "r1"}]}, [("c-1", 2)])
    assert told(archive, "GET", "", shown="bad").status == 403


def test_a_record_is_read_with_a_reason() -> None:
    archive, reason = Archive(), {"reason": "ticket 4711: chat fails"}
    assert told(archive, "POST", "/r1/read", {"reason": " " * 20}).status == 422
    assert told(archive, "POST", "/r1/read", reason).json == {"record": {"id": "r1"}}
    assert archive.asked == [("r1", "ada", reason["reason"])]
    assert told(archive, "POST", "/r2/read", reason).status == 404
    for short in ({}, {"reason": "why"}):
        assert told(archive, "POST", "/r1/read", short).status == 422
    assert told(archive, "POST", "/r1/read", reason, shown="bad").status == 403
