"""Who cares for whom, as operators ask and say it."""

import asyncio
import json

import pytest
from fastapi import FastAPI

from tests.helpers.asgi import Answer, asked
from tests.unit.features.access.test_service import House as CareHouse
from tta_gateway.features.access.admin_api import router
from tta_gateway.features.access.service import Care

TIE = {"carer": "clinic:t1", "person": "p1"}
CARE = {**TIE, "days": 30}


class House:
    """The endpoints, over care that is kept in memory."""

    def __init__(self) -> None:
        self.inner = CareHouse()
        self.wall = self.inner.wall
        self.app = FastAPI()
        self.app.include_router(router(self))

    def care(self) -> Care:
        return self.inner.care

    def asked(self, method: str, path: str, body: object = None) -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        return asked(self.app, method, f"/admin/v1{path}", said, content_type="application/json")


@pytest.fixture
def house() -> House:
    return House()


def test_care_is_granted_for_a_time_and_shown(house: House) -> None:
    answer = house.asked("POST", "/care", CARE)
    assert (answer.status, answer.json["granted_by"]) == (201, "admin")
    assert house.inner.until("clinic:t1") == {"p1": house.inner.now + 30 * 86_400.0}
    house.asked("POST", "/care", {**CARE, "person": "p2"})
    shown = house.asked("GET", "/care").json["care"]
    assert [one["person"] for one in shown] == ["p1", "p2"]
    for query, count in (("carer=clinic:t1", 2), ("person=p2", 1), ("carer=t2", 0)):
        assert len(house.asked("GET", f"/care?{query}").json["care"]) == count


def test_care_is_ended(house: House) -> None:
    house.asked("POST", "/care", CARE)
    assert house.asked("POST", "/care/end", TIE).status == 204
    assert house.inner.told == {}
    assert house.asked("POST", "/care/end", TIE).status == 404


@pytest.mark.parametrize(
    "changed", [{"days": 0}, {"days": 4000}, {"carer": ""}, {"person": "p" * 321}, {"a": 1}]
)
def test_what_could_not_be_meant_is_refused(house: House, changed: dict[str, object]) -> None:
    assert house.asked("POST", "/care", {**CARE, **changed}).status == 422
    assert house.inner.told == {}


def test_broken_glass_is_shown_with_its_reason_and_closed(house: House) -> None:
    async def work() -> None:
        await house.inner.care.open("t1", "p1", reason="they said goodbye", lasting=60.0)

    asyncio.run(work())
    (one,) = house.asked("GET", "/glass").json["glass"]
    assert (one["reason"], one["closed"]) == ("they said goodbye", "")
    assert house.asked("POST", "/glass/g1/close").status == 204
    assert house.inner.told == {}
    (one,) = house.asked("GET", "/glass?days=1").json["glass"]
    assert one["closed_by"] == "admin"
    assert house.asked("POST", "/glass/g1/close").status == 404


def test_while_the_store_is_away_it_says_when_to_come_again(house: House) -> None:
    house.inner.store.is_away = True
    for answer in (
        house.asked("GET", "/care"),
        house.asked("POST", "/care", CARE),
        house.asked("POST", "/care/end", TIE),
        house.asked("GET", "/glass"),
        house.asked("POST", "/glass/g1/close"),
    ):
        assert (answer.status, answer.fields["retry-after"]) == (503, "2")
