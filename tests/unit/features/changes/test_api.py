"""What the two ask, and what they are told."""

import asyncio
import json

import pytest
from fastapi import FastAPI, HTTPException

from tests.helpers.asgi import Answer, asked
from tests.unit.features.changes.test_service import House as Inner
from tta_gateway.features.changes.api import router
from tta_gateway.features.changes.service import Changes

PROPOSAL = {"kind": "words", "change": {"word": "yes"}, "reason": "it is what was agreed"}


class House:
    """The endpoints; whoever shows a name is that person, and `nobody` may do nothing."""

    def __init__(self) -> None:
        self.inner = Inner()
        self.app = FastAPI()
        self.app.include_router(router(self))

    @property
    def changes(self) -> Changes[list[str]]:
        return self.inner.changes

    def reader(self, authorization: str | None) -> None:
        self.proposer(authorization)

    def proposer(self, authorization: str | None) -> str:
        if not authorization or authorization == "nobody":
            raise HTTPException(403, "no")
        return authorization

    decider = proposer

    def asked(self, method: str, path: str, by: str = "p1", body: object = None) -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        fields = {"content_type": "application/json", "authorization": by}
        return asked(self.app, method, f"/admin/v1/changes{path}", said, **fields)

    def proposed(self) -> str:
        return str(self.asked("POST", "", body=PROPOSAL).json["id"])


@pytest.fixture
def house() -> House:
    return House()


def test_one_proposes_another_approves_and_both_see_it(house: House) -> None:
    answer = house.asked("POST", "", body=PROPOSAL)
    assert (answer.status, answer.json["state"], answer.json["decided"]) == (201, "proposed", None)
    told = house.asked("POST", f"/{answer.json['id']}/approve", "p2", {"note": "well"})
    assert (told.status, told.json["state"], told.json["note"]) == (200, "applied", "well")
    assert told.json["decided"].endswith("Z")
    assert [one["id"] for one in house.asked("GET", "").json["changes"]] == [answer.json["id"]]


@pytest.mark.parametrize(
    ("step", "by", "state"), [("reject", "p2", "rejected"), ("withdraw", "p1", "withdrawn")]
)
def test_it_is_rejected_or_withdrawn(house: House, step: str, by: str, state: str) -> None:
    assert house.asked("POST", f"/{house.proposed()}/{step}", by).json["state"] == state


def test_whatever_cannot_be_says_why(house: House) -> None:
    one = house.proposed()
    assert house.asked("POST", f"/{one}/approve", "p1").status == 403
    assert house.asked("POST", f"/{one}/withdraw", "p2").status == 403
    assert house.asked("POST", "/nothing/approve", "p2").status == 404
    wrong: list[dict[str, object]] = [{"reason": "so"}, {"kind": "deeds"}, {"change": {}}]
    wrong.append({"more": 1})
    for changed in wrong:
        assert house.asked("POST", "", body={**PROPOSAL, **changed}).status == 422
    assert house.asked("POST", f"/{one}/reject", "p2").status == 200
    assert house.asked("POST", f"/{one}/approve", "p2").status == 409
    house.inner.store.is_away = True
    for answer in (house.asked("GET", ""), house.asked("POST", "", body=PROPOSAL)):
        assert (answer.status, answer.fields["retry-after"]) == (503, "2")


def test_whoever_may_not_hears_so(house: House) -> None:
    one = house.proposed()
    for method, path in (("GET", ""), ("POST", f"/{one}/approve"), ("POST", f"/{one}/withdraw")):
        assert house.asked(method, path, "nobody").status == 403
    assert asyncio.run(house.changes.all())[0].state.value == "proposed"
