"""Users and keys as operators see and change them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.helpers.asgi import Answer
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import PASSWORD, SignInHouse, answered, within
from tta_gateway.features.identity.admin_api import router
from tta_gateway.features.identity.password import Passwords
from tta_gateway.node.api_problem import wording
from tta_gateway.support.sql.away import Unavailable


class Operator:
    """Somebody who asks the administration."""

    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        self.app = FastAPI(openapi_url=None)
        wording(self.app)
        self.app.include_router(router(house))

    async def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> Answer:
        return await answered(self.app, method, f"/admin/v1{path}", body)

    async def post(self, path: str, body: dict[str, object] | None = None) -> Answer:
        return await self.ask("POST", path, body)

    async def user(self, name: str = "ada", **more: object) -> Answer:
        return await self.post("/users", {"username": name, "password": PASSWORD, **more})


def asked(folder: Path, work: Callable[[Operator], Awaitable[None]]) -> None:
    """Do the work in a house with nobody in it."""

    async def done(house: SignInHouse) -> None:
        await work(Operator(house))

    within(folder, done)


def test_a_user_is_made_and_told_of(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        made = await operator.user("Ada", roles=["therapist"])
        assert (made.status, made.json["username"], made.json["roles"]) == (
            201,
            "ada",
            ["therapist"],
        )
        assert (await operator.ask("GET", "/users/ada")).json == made.json
        assert b"argon2" not in made.body
        assert (await operator.user("bob")).json["roles"] == ["player"]

    asked(tmp_path, work)


def test_users_are_told_page_by_page(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        for name in ("ada", "bob", "eve"):
            await operator.user(name)
        first = (await operator.ask("GET", "/users?limit=2")).json
        rest = (await operator.ask("GET", f"/users?limit=2&after={first['next']}")).json
        names = [[one["username"] for one in page["users"]] for page in (first, rest)]
        assert (names, rest["next"]) == ([["ada", "bob"], ["eve"]], "")

    asked(tmp_path, work)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "ada"}, 409),
        ({"username": "a b"}, 422),
        ({"username": "bob", "roles": ["king"]}, 422),
        ({"username": "bob", "password": "kanarie"}, 422),
        ({"username": "bob", "password": "kanarie" * 99}, 422),
        ({"username": "bob", "admin": True}, 422),
    ],
)
def test_what_cannot_be_is_refused_without_the_password(
    tmp_path: Path, body: dict[str, object], status: int
) -> None:
    async def work(operator: Operator) -> None:
        await operator.user()
        answer = await operator.post("/users", {"password": PASSWORD, **body})
        assert answer.status == status
        assert b"kanarie" not in answer.body

    asked(tmp_path, work)


def test_passwords_states_and_roles_are_changed(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        await operator.user()
        await operator.house.login()
        for path, body, found in (
            ("password", {"password": "another horse"}, ("active", ["player"])),
            ("disable", None, ("disabled", ["player"])),
            ("enable", None, ("active", ["player"])),
            ("roles", {"grant": ["therapist"], "revoke": ["player"]}, ("active", ["therapist"])),
        ):
            answer = await operator.post(f"/users/ada/{path}", body)  # type: ignore[arg-type]
            assert (answer.status, answer.json["state"], answer.json["roles"]) == (200, *found)
        await operator.house.login(password="another horse")
        assert (await operator.post("/users/ada/logout")).json == {"sessions": 1}

    asked(tmp_path, work)


def test_who_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        for method, path in (("GET", ""), ("POST", "/disable"), ("POST", "/logout")):
            answer = await operator.ask(method, f"/users/nobody{path}")
            assert (answer.status, "no user `nobody`" in answer.json["detail"]) == (404, True)

    asked(tmp_path, work)


def test_keys_are_told_without_what_is_secret_and_rotated(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        (before,) = (await operator.ask("GET", "/keys")).json["keys"]
        assert (before["algorithm"], before["signs"], before["proves_until"]) == (
            "EdDSA",
            True,
            None,
        )
        both = (await operator.post("/keys/rotate", {})).json["keys"]
        assert [one["signs"] for one in both] == [True, False]
        assert both[0]["proves_until"] is not None
        (after,) = (await operator.post("/keys/rotate", {"now": True})).json["keys"]
        assert after["id"] not in [one["id"] for one in both]
        assert operator.house.revealed == 1

    asked(tmp_path, work)


def test_where_no_tokens_are_issued_it_is_said(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        operator.house.accounts = operator.house.keys = None
        for issuing, status, word in ((ISSUING, 503, "just begun"), (None, 409, "issuing")):
            operator.house.issuing = issuing
            for method, path in (("GET", "/users"), ("GET", "/keys"), ("GET", "/users/ada")):
                answer = await operator.ask(method, path)
                assert (answer.status, word in answer.json["detail"]) == (status, True)

    asked(tmp_path, work)


def test_what_cannot_be_now_is_said_with_when(tmp_path: Path) -> None:
    async def work(operator: Operator) -> None:
        assert operator.house.accounts is not None
        operator.house.accounts._passwords = passwords = Passwords(longest=0.0)
        with passwords.place():
            busy = await operator.user()

        def away() -> object:
            raise Unavailable("away")

        operator.house.kept.users._database = away  # type: ignore[assignment]
        gone = await operator.ask("GET", "/users")
        for answer, word in ((busy, "passwords"), (gone, "database")):
            assert (answer.status, answer.fields["retry-after"]) == (503, "2")
            assert word in answer.json["detail"]

    asked(tmp_path, work)
