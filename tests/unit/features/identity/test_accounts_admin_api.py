"""Codes that operators make for people."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from fastapi import FastAPI

from tests.helpers.asgi import Answer
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import SignInHouse, answered, within
from tta_gateway.features.identity.accounts_admin_api import router


class Desk:
    """An operator."""

    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        self.app = FastAPI()
        self.app.include_router(router(house))

    async def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        return await answered(self.app, method, f"/admin/v1{path}", body)


def asked(folder: Path, work: Callable[[Desk], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        house.issuing = msgspec.structs.replace(ISSUING, registration="invited")
        await house.ada()
        await work(Desk(house))

    within(folder, done)


def test_a_code_for_who_has_forgotten_the_password(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        made = await desk.ask("POST", "/users/ada/reset")
        assert made.status == 201
        assert made.json["username"] == "ada"
        assert made.json["code"].startswith("tta_pr_")
        assert made.json["until"].endswith("Z")
        assert (await desk.ask("POST", "/users/nobody/reset")).status == 404
        assert (await desk.ask("POST", "/users/a%2Fb/reset")).status in (404, 422)
        desk.house.own_passwords = None
        assert (await desk.ask("POST", "/users/ada/reset")).status == 409

    asked(tmp_path, work)


def test_invitations_are_made_shown_and_withdrawn(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        made = await desk.ask("POST", "/invitations", {"roles": ["therapist"]})
        assert (made.status, made.json["roles"]) == (201, ["therapist"])
        assert made.json["code"].startswith("tta_in_")
        (known,) = (await desk.ask("GET", "/invitations")).json["invitations"]
        assert known == {**made.json, "code": ""}
        assert (await desk.ask("POST", "/invitations", {"roles": ["emperor"]})).status == 422
        assert (await desk.ask("POST", "/invitations", {"lasts": 1})).status == 422
        path = f"/invitations/{known['id']}"
        assert [(await desk.ask("DELETE", path)).status for _ in range(2)] == [200, 404]
        desk.house.registration = None
        assert (await desk.ask("GET", "/invitations")).status == 409

    asked(tmp_path, work)
