"""Second factors as operators see them, and take them away."""

from pathlib import Path

from fastapi import FastAPI

from tests.helpers.asgi import Answer
from tests.helpers.factor_house import Person, with_ada
from tests.helpers.sign_in_house import answered
from tests.unit.features.identity.test_factors_api import Away
from tta_gateway.features.identity.factors_admin_api import router
from tta_gateway.node.api_problem import wording


async def administer(ada: Person, method: str, name: str = "ada") -> Answer:
    app = FastAPI(openapi_url=None)
    wording(app)
    app.include_router(router(ada.house))
    return await answered(app, method, f"/admin/v1/users/{name}/factors")


def test_they_are_shown_without_what_is_secret(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        assert (await administer(ada, "GET")).json == {"factors": [], "recovery_codes_left": 0}
        made = (await ada.enrol_totp()).json["factor"]
        told = (await administer(ada, "GET")).json
        assert told == {"factors": [made], "recovery_codes_left": 10}

    with_ada(tmp_path, work)


def test_they_are_taken_away_and_all_sessions_end(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        await ada.enrol_totp()
        told = ada.house.told
        assert (await administer(ada, "DELETE")).json == {"factors": 1}
        assert ada.house.told == told + 1
        assert ada.house.events[-1] == ("second_factors_cleared", {"user": "id-1", "factors": 1})
        answer = await ada.post("refresh", {"refresh_token": ada.refresh}, token="")
        assert answer.json["code"] == "identity_session_over"
        assert (await ada.login()).json["mfa_required"] is False

    with_ada(tmp_path, work)


def test_what_cannot_be_is_worded(tmp_path: Path) -> None:
    async def work(ada: Person) -> None:
        assert (await administer(ada, "GET", "bob")).status == 404
        assert (await administer(ada, "DELETE", "b%20b")).status == 404
        assert (await administer(ada, "GET", "b b")).status == 422
        factors = ada.house.second_factors
        assert factors is not None
        factors.factors = Away()  # type: ignore[assignment]  # all of it is away
        for method in ("GET", "DELETE"):
            answer = await administer(ada, method)
            assert (answer.status, answer.fields["retry-after"]) == (503, "2")
        ada.house.second_factors = None
        assert (await administer(ada, "GET")).status == 409

    with_ada(tmp_path, work)
