"""Breaking glass: who is let, what is refused, what is answered."""

import json

import pytest

from tests.helpers.asgi import Answer, asked
from tests.helpers.care_store import MemoryStore
from tests.unit.features.access.test_service import House as CareHouse
from tta_gateway.features.access import public
from tta_gateway.features.access.api import router
from tta_gateway.features.access.service import Care
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.problem import Problem
from tta_gateway.node.public_api import PublicApp

NOBODY = Problem("nobody", 401, "Nobody.", "Show something.")


def _fail(*_: object) -> None:
    raise AssertionError


class House:
    """The endpoints, over care that is kept in memory."""

    def __init__(self) -> None:
        self.inner = CareHouse()
        self.wall = self.inner.wall
        self.app = PublicApp([router(self)], bound=ProblemBound, failed=_fail)

    def care(self) -> Care:
        return self.inner.care

    def opener(self, authorization: str | None) -> str:
        if not authorization:
            raise ClientFault(NOBODY)
        return authorization.removeprefix("Bearer ")

    @property
    def store(self) -> MemoryStore:
        return self.inner.store

    def asked(
        self, method: str, path: str = public.GLASS, body: object = None, *, shown: str = "t1"
    ) -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        fields = {"authorization": f"Bearer {shown}"} if shown else {}
        return asked(self.app, method, path, said, content_type="application/json", **fields)

    def opened(self, **changed: object) -> Answer:
        body = {"person": "p1", "reason": "they said goodbye to all", **changed}
        return self.asked("POST", body=body)


@pytest.fixture
def house() -> House:
    return House()


def test_who_says_why_may_see_for_a_while(house: House) -> None:
    answer = house.opened(minutes=15)
    assert answer.status == 201
    assert (answer.json["carer"], answer.json["person"]) == ("t1", "p1")
    assert house.inner.until(glass=True) == {"p1": house.inner.now + 900.0}
    assert [one.reason for one in house.inner.heard] == ["they said goodbye to all"]


def test_half_an_hour_is_usual(house: House) -> None:
    house.opened()
    assert house.inner.until(glass=True) == {"p1": house.inner.now + 1800.0}


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": "because"},
        {"reason": "          "},
        {"reason": "x" * 1001},
        {"minutes": 0},
        {"minutes": 481},
        {"person": ""},
        {"for_ever": True},
    ],
)
def test_without_a_reason_or_an_end_nothing_is_broken(
    house: House, changed: dict[str, object]
) -> None:
    answer = house.opened(**changed)
    assert (answer.status, answer.json["code"]) == (422, "request_invalid")
    assert house.inner.told == {}


def test_who_shows_nothing_is_refused(house: House) -> None:
    for method in ("POST", "GET"):
        body = {"person": "p1", "reason": "they said goodbye"} if method == "POST" else None
        assert house.asked(method, body=body, shown="").status == 401


def test_everybody_sees_and_closes_what_they_have_broken_themselves(house: House) -> None:
    house.opened()
    assert [one["id"] for one in house.asked("GET").json["glass"]] == ["g1"]
    assert house.asked("GET", shown="t2").json["glass"] == []
    answer = house.asked("DELETE", f"{public.GLASS}/g1", shown="t2")
    assert (answer.status, answer.json["code"]) == (404, "access_glass_unknown")
    assert house.inner.until(glass=True) != {}
    assert house.asked("DELETE", f"{public.GLASS}/g1").status == 204
    assert house.inner.told == {}
    assert house.asked("DELETE", f"{public.GLASS}/g1").status == 404


def test_while_nothing_can_be_written_nothing_is_broken(house: House) -> None:
    house.store.is_away = True
    for answer in (house.opened(), house.asked("GET"), house.asked("DELETE", f"{public.GLASS}/g1")):
        assert (answer.status, answer.json["code"]) == (503, "access_store_unavailable")
        assert answer.fields["retry-after"] == "2"
    assert house.inner.told == {}
