"""Who takes care of people asks control, and control the guard."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException

from tests.helpers.asgi import Answer, asked
from tta_gateway.features.escalation.api import Who, router

INCIDENT = {"id": "i1", "person": "gateway/ada", "state": "open"}


class House:
    """A guard that says what it is told to; who shows a name is that person."""

    def __init__(self) -> None:
        self.questions: list[Mapping[str, object]] = []
        self.sees = True
        self.app = FastAPI()
        self.app.include_router(router(self))

    def reader(self, authorization: str | None) -> Who:
        if not authorization:
            raise HTTPException(401, "who?")
        return Who(authorization, lambda _: self.sees)

    responder = reader

    def clinician(self, authorization: str | None) -> Who:
        if authorization == "administration":
            raise HTTPException(403, "people alone")
        return self.reader(authorization)

    async def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        self.questions.append(question)
        if question["do"] == "list":
            return {"incidents": [INCIDENT]}
        return {"incident": INCIDENT, "evidence": [{"report": "r1", "sealed": "c2VhbGVk"}]}

    def opened(self, report: str, sealed: str) -> str | None:
        return f"{report} {sealed}"

    def new_id(self) -> str:
        return "fresh"

    def asked(self, method: str, path: str, body: object = None, **fields: str) -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        shown = {"content_type": "application/json", "authorization": "ben", **fields}
        return asked(self.app, method, f"/admin/v1/incidents{path}", said, **shown)


@pytest.fixture
def house() -> House:
    return House()


def test_incidents_are_listed_as_far_as_they_are_theirs(house: House) -> None:
    assert house.asked("GET", "").json == {"incidents": [INCIDENT], "next": None}
    house.sees = False
    assert house.asked("GET", "?all=true").json == {"incidents": [], "next": None}
    assert [one["all"] for one in house.questions] == [False, True]
    assert house.asked("GET", "/i1").status == 404


@pytest.mark.parametrize(
    ("path", "body", "does"),
    [
        ("/acknowledge", None, "acknowledge"),
        ("/acknowledge", {"text": "on my way"}, "acknowledge"),
        ("/hand-over", {"to": "ward 3"}, "hand_over"),
        ("/notes", {"text": "called"}, "note"),
        ("/resolve", {"text": "is safe"}, "resolve"),
        ("/reopen", {"text": "wrote again"}, "reopen"),
    ],
)
def test_what_people_do_is_asked_of_the_guard_in_their_name(
    house: House, path: str, body: object, does: str
) -> None:
    assert house.asked("POST", f"/i1{path}", body).status == 200
    seen, done = house.questions
    assert seen == {"do": "show", "incident": "i1", "alone": True}
    assert (done["do"], done["does"], done["by"], done["id"]) == ("act", does, "ben", "fresh")


def test_what_is_asked_again_under_a_key_has_the_same_id(house: House) -> None:
    for _ in range(2):
        house.asked("POST", "/i1/acknowledge", idempotency_key="k1")
    assert [one.get("id") for one in house.questions if one["do"] == "act"] == [
        "ben acknowledge i1 k1"
    ] * 2


def test_nobody_acts_about_whom_they_may_not_see(house: House) -> None:
    house.sees = False
    assert house.asked("POST", "/i1/acknowledge").status == 404
    assert house.asked("POST", "/i1/evidence", {"reason": "to help her"}).status == 404
    assert all(one["do"] == "show" for one in house.questions)


def test_what_was_written_is_read_with_a_reason_that_is_kept(house: House) -> None:
    told = house.asked("POST", "/i1/evidence", {"reason": "to help her"})
    assert told.json["texts"] == [{"report": "r1", "text": "r1 c2VhbGVk"}]
    assert house.questions[-1]["does"] == "read_evidence"
    assert house.questions[-1]["text"] == "to help her"
    assert house.asked("POST", "/i1/evidence", {"reason": "so"}).status == 422
    assert house.asked("POST", "/i1/evidence", {"reason": " " * 20}).status == 422
    admin = house.asked(
        "POST", "/i1/evidence", {"reason": "to help her"}, authorization="administration"
    )
    assert admin.status == 403


def test_a_drill_is_begun(house: House) -> None:
    assert house.asked("POST", "/drills").status == 201
    assert house.asked("POST", "/drills", {"level": 2}).status == 201
    assert [one["level"] for one in house.questions] == [3, 2]
    assert house.asked("POST", "/drills", {"level": 4}).status == 422
    assert house.asked("POST", "/drills", idempotency_key="weekly").status == 201
    assert house.questions[-1] == {"do": "drill", "id": "weekly", "by": "ben", "level": 3}


def test_each_reading_is_kept_whatever_key_it_is_asked_under(house: House) -> None:
    body = {"reason": "to help her"}
    for _ in range(2):
        house.asked("POST", "/i1/evidence", body, idempotency_key="k1")
    assert [one["id"] for one in house.questions if one["do"] == "act"] == ["fresh", "fresh"]


def test_who_cares_for_few_sees_them_behind_all_others() -> None:
    class Many(House):
        async def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
            self.questions.append(question)
            skip = question["skip"]
            if skip == 0:
                return {"incidents": [{**INCIDENT, "person": "gateway/bob"}] * 1000}
            return {"incidents": [INCIDENT]}

        def reader(self, _: str | None) -> Who:
            return Who("eva", lambda person: person == "gateway/ada")

    many = Many()
    assert many.asked("GET", "").json == {"incidents": [INCIDENT], "next": None}
    assert [one["skip"] for one in many.questions] == [0, 1000]


def test_what_follows_a_full_page_is_asked_for_behind_it() -> None:
    class Full(House):
        async def ask(self, _: Mapping[str, object]) -> dict[str, Any]:
            return {"incidents": [INCIDENT] * 1000}

    assert Full().asked("GET", "?skip=1000").json["next"] == 2000
    assert Full().asked("GET", "?skip=-1").status == 422
