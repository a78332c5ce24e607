"""Limits as operators see and change them."""

import json
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from tests.helpers.asgi import Answer, asked
from tests.unit.features.ratelimit.test_service import NOW, RATE, Store
from tests.unit.features.ratelimit.test_service import House as Inner
from tta_gateway.features.ratelimit.api import router
from tta_gateway.features.ratelimit.bound import RateLimitBound
from tta_gateway.features.ratelimit.store import Away, Owed, Settled

SEATS = msgspec.structs.replace(RATE, id="s", handle="s", of="concurrent", per=0.0)
QUOTA = msgspec.structs.replace(RATE, id="q", handle="q", quota=True, key=("user", "address"))
DEAR = msgspec.structs.replace(RATE, id="d", handle="d", cost=5)
EACH = [msgspec.structs.replace(RATE, id=f"e {one}", handle="e") for one in "ab"]


class AwayStore(Store):
    """A store that is away."""

    async def look(self, one: Owed) -> Settled:
        raise Away(one.id, may_be_done=False)

    async def reset(self, one: Owed, nonce: bytes) -> None:
        raise Away(one.id, may_be_done=bool(nonce))


class House:
    """The endpoints."""

    def __init__(self) -> None:
        self.inner = Inner()
        self.inner.limits.adopt(RateLimitBound(limits=(RATE, QUOTA, SEATS, *EACH, DEAR)))
        self.events: list[tuple[str, dict[str, object]]] = []
        self.app = FastAPI()
        limits = self.inner.limits
        self.app.include_router(router(limits, log=self.log, monotonic=lambda: 1.0))

    def log(self, name: str, **fields: object) -> None:
        self.events.append((name, fields))

    def asked(self, method: str, path: str = "", body: object = None) -> Answer:
        said = b"" if body is None else json.dumps(body).encode()
        path = f"/admin/v1/ratelimits{path}"
        return asked(self.app, method, path, said, content_type="application/json")

    def limit(self, handle: str = "r") -> dict[str, Any]:
        shown = self.asked("GET").json["limits"]
        return next(one for one in shown if one["handle"] == handle)


def test_all_limits_are_shown_as_they_are_in_force() -> None:
    house = House()
    assert len(house.asked("GET").json["limits"]) == 6
    assert house.limit() == {
        "limit": "r",
        "handle": "r",
        "name": "r",
        "of": "requests",
        "amount": 10,
        "per_seconds": 10.0,
        "burst": 10,
        "quota": False,
        "key": ["user"],
        "exact": False,
        "dry_run": False,
        "adaptive": False,
        "overridden": False,
        "overridden_until": None,
    }


def test_a_limit_is_changed_for_a_time_and_taken_back() -> None:
    house = House()
    answer = house.asked("PUT", "/override?handle=r", {"amount": 3, "lasts": 60, "dry_run": True})
    assert answer.status == 200
    limit = house.limit()
    assert answer.json["limits"] == [limit]
    assert (limit["amount"], limit["dry_run"], limit["overridden"]) == (3, True, True)
    assert limit["overridden_until"] == NOW + 60
    assert house.asked("DELETE", "/override?handle=r").status == 204
    assert house.limit()["amount"] == 10
    assert house.asked("DELETE", "/override?handle=r").status == 404
    assert [name for name, _ in house.events] == ["limit_overridden", "limit_as_configured"]
    assert house.events[0][1] == {"limit": "r", "amount": 3, "lasts": 60, "dry_run": True}


def test_one_that_each_route_has_is_changed_for_all() -> None:
    answer = House().asked("PUT", "/override?handle=e", {"per_seconds": 5.0})
    assert [one["per_seconds"] for one in answer.json["limits"]] == [5.0, 5.0]


@pytest.mark.parametrize(
    ("handle", "body", "status"),
    [
        ("x", {"amount": 3}, 404),
        ("r", {"amount": 0}, 422),
        ("r", {"amont": 3}, 422),
        ("s", {"burst": 3}, 422),
        ("s", {"per_seconds": 3.0}, 422),
        ("q", {"burst": 3}, 422),
        ("q", {"amount": 3}, 200),
        ("s", {"amount": 3}, 200),
        ("d", {"amount": 4}, 422),
        ("d", {"burst": 4}, 422),
        ("d", {"amount": 4, "burst": 5}, 200),
    ],
)
def test_what_makes_no_sense_is_refused(handle: str, body: object, status: int) -> None:
    assert House().asked("PUT", f"/override?handle={handle}", body).status == status


def test_an_override_below_what_one_request_takes_says_so_and_changes_nothing() -> None:
    """Red where `override` of features/ratelimit/api.py takes whatever it is told."""
    house = House()
    answer = house.asked("PUT", "/override?handle=d", {"amount": 4})
    assert answer.json["detail"].startswith(
        "`amount: 4` is less than one request takes of `d`, whose `cost` is 5: nobody would get "
        "through. Write 5 at least"
    )
    assert not house.limit("d")["overridden"]
    assert house.events == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_user_is_written_with_the_issuer(method: str) -> None:
    answer = House().asked(method, "/bucket?limit=r&key=p1")
    assert answer.status == 422
    assert "write `gateway/p1` for whoever" in answer.json["detail"]


def test_a_bucket_is_shown() -> None:
    house = House()
    assert house.asked("GET", "/bucket?limit=r&key=home/p1").json == {
        "limit": "r",
        "key": "home/p1",
        "spent": 2.0,
        "left": 8,
        "whole_in_seconds": 2.0,
    }
    assert house.inner.store.asked[0].key == "home/p1"


def test_the_bucket_of_a_quota_is_shown() -> None:
    house = House()
    shown = house.asked("GET", "/bucket?limit=q&key=home/p1&key=192.0.2.7").json
    assert (shown["spent"], shown["left"], shown["whole_in_seconds"]) == (3.0, 7, 5.0)
    assert house.inner.store.asked[0].key == "home/p1\x1f192.0.2.7"


def test_a_bucket_is_emptied() -> None:
    house = House()
    assert house.asked("DELETE", "/bucket?limit=r&key=@192.0.2.7").status == 204
    assert house.inner.store.asked[0].key == "\x00192.0.2.7"
    assert house.events == [("limit_reset", {"limit": "r"})]


@pytest.mark.parametrize(
    ("query", "status"),
    [("limit=x&key=a", 404), ("limit=s&key=a", 409), ("limit=q&key=a", 422), ("limit=r", 422)],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_bucket_that_is_none_is_not_shown(method: str, query: str, status: int) -> None:
    assert House().asked(method, f"/bucket?{query}").status == status


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_without_the_store_nobody_can_tell(method: str) -> None:
    house = House()
    house.inner.limits._buckets = AwayStore()
    answer = house.asked(method, "/bucket?limit=r&key=home/p1")
    assert (answer.status, answer.fields["retry-after"]) == (503, "2")
