"""What people are told who register, or change their passwords."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from tests.helpers.asgi import Answer
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import PASSWORD, SignInHouse, answered, within
from tta_gateway.features.identity.accounts_api import router
from tta_gateway.features.identity.accounts_public import CHANGE, REDEEM
from tta_gateway.features.identity.accounts_public import PASSWORD as PATH
from tta_gateway.features.identity.public import RESET
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.node.public_api import PublicApp

NEWER = "several quiet words"


class Client:
    """Somebody who asks."""

    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        self.app = PublicApp([router(house)], bound=ProblemBound, failed=self._failed)

    def _failed(self, request_id: str, error: Exception) -> None:
        raise AssertionError(request_id) from error

    async def post(self, path: str, body: dict[str, object], token: str = "") -> Answer:
        fields = {"authorization": f"Bearer {token}"} if token else {}
        return await answered(self.app, "POST", path, body, x_real_ip="192.0.2.7", **fields)


def asked(folder: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        await house.ada()
        await work(Client(house))

    within(folder, done)


def test_a_password_is_changed_by_who_knows_it(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        token = (await client.house.login()).access_token
        body: dict[str, object] = {"current_password": PASSWORD, "new_password": NEWER}
        assert (await client.post(PATH, body)).status == 401
        answer = await client.post(PATH, body, token)
        assert (answer.status, answer.fields["cache-control"]) == (200, "no-store")
        back: dict[str, object] = {"current_password": NEWER, "new_password": PASSWORD}
        assert (await client.post(CHANGE, back, token)).status == 200
        wrong = await client.post(PATH, back, token)
        assert (wrong.status, wrong.json["code"]) == (403, "identity_password_wrong")

    asked(tmp_path, work)


def test_a_code_is_redeemed_and_no_secret_comes_back(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        passwords = client.house.own_passwords
        ada = await client.house.kept.users.named("ada")
        assert passwords is not None
        assert ada is not None
        for path, names in ((REDEEM, ("code", "new_password")), (RESET, ("token", "password"))):
            _, code = await passwords.code_for(ada, by="admin")
            body: dict[str, object] = dict(zip(names, (code, NEWER), strict=True))
            assert (await client.post(path, body)).status == 200
            again = await client.post(path, body)
            assert (again.status, again.json["code"]) == (403, "identity_reset_invalid")
        much: dict[str, object] = {"code": "x" * 257, "new_password": "kanarienvogel"}
        long = await client.post(REDEEM, much)
        assert (long.status, b"kanarienvogel" in long.body) == (422, False)

    asked(tmp_path, work)


def test_without_users_it_says_so(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        body: dict[str, object] = {"code": "x", "new_password": NEWER}
        client.house.own_passwords = None
        assert (await client.post(REDEEM, body)).status == 503
        client.house.issuing = None
        assert (await client.post(REDEEM, body)).status == 404
        client.house.issuing = msgspec.structs.replace(ISSUING)

    asked(tmp_path, work)
