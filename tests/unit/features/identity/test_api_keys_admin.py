"""API keys as operators make, see and revoke them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI

from tests.helpers.asgi import Answer
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import answered
from tests.unit.features.identity.test_api_key_keeper import House, within
from tta_gateway.features.identity.api_key import is_whole
from tta_gateway.features.identity.api_key_keeper import ApiKeyKeeper
from tta_gateway.features.identity.api_keys_admin import router
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.node.api_problem import wording
from tta_gateway.support.sql.away import Unavailable

NEW: dict[str, object] = {"name": "reports", "roles": ["player"]}


class Operator:
    """Somebody who asks the administration."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.issuing: Issuing | None = ISSUING
        self.api_keys: ApiKeyKeeper | None = house.keeper
        self.app = FastAPI(openapi_url=None)
        wording(self.app)
        self.app.include_router(router(self))

    def wall(self) -> float:
        return self.house.now

    async def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        return await answered(self.app, method, f"/admin/v1/apikeys{path}", body)


def asked(folder: Path, work: Callable[[Operator], Awaitable[None]]) -> None:
    async def done(house: House) -> None:
        await work(Operator(house))

    within(folder, done)


def test_a_key_is_shown_once(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        made = await operator.ask("POST", "", NEW)
        assert made.status == 201
        assert is_whole(made.json["key"].encode())
        assert operator.house.knows(made.json["key"])
        told = await operator.ask("GET", "")
        (one,) = told.json["keys"]
        assert (one["name"], one["counts"], one["revoked"]) == ("reports", True, None)
        assert made.json["key"].encode() not in told.body

    asked(tmp_path, work)


def test_it_is_rotated_and_revoked(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        first = (await operator.ask("POST", "", NEW)).json
        second = await operator.ask("POST", "/reports/rotate", {"overlap": 0})
        assert second.status == 201
        assert operator.house.knows(second.json["key"])
        assert not operator.house.knows(first["key"])
        gone = await operator.ask("DELETE", f"/reports?id={second.json['id']}")
        assert gone.json == {"revoked": 1}
        again = await operator.ask("DELETE", "/reports")
        assert (again.status, b"no key `reports`" in again.body) == (404, True)
        shown = (await operator.ask("GET", "")).json["keys"]
        assert [(one["counts"], one["revoked"] is None) for one in shown] == [(False, False)] * 2

    asked(tmp_path, work)


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        for body in (
            {**NEW, "roles": ["nobody"]},
            {**NEW, "lasts": 0},
            {**NEW, "lasts": 1e9},
            {**NEW, "subject": "somebody"},
            {},
        ):
            assert (await operator.ask("POST", "", body)).status == 422, body
        assert (await operator.ask("POST", "/reports/rotate", {})).status == 422

    asked(tmp_path, work)


def test_where_there_are_none_it_says_why(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        operator.api_keys = None
        soon = await operator.ask("GET", "")
        operator.issuing = None
        off = await operator.ask("GET", "")
        assert (soon.status, off.status) == (503, 409)

    asked(tmp_path, work)


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    def away() -> None:
        raise Unavailable("away")

    async def work(operator: Operator) -> None:
        operator.house.store._database = away  # type: ignore[assignment]
        told = await operator.ask("GET", "")
        assert (told.status, told.fields["retry-after"]) == (503, "2")

    asked(tmp_path, work)
