"""What clients are told where accounts of a service log in."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from tests.helpers.asgi import Answer
from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import SignInHouse, answered, within
from tta_gateway.features.identity.bound import Delegated
from tta_gateway.features.identity.delegated_api import router
from tta_gateway.features.identity.delegation import Delegation
from tta_gateway.features.identity.public import NOT_SERVED, REGISTER
from tta_gateway.features.identity.registration import Registration
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.node.public_api import PublicApp
from tta_gateway.support.http_client import Answer as Told
from tta_gateway.support.http_client import Request

HOME = Delegated(name="home", service="accounts", prefix="home:")


class Client:
    """Somebody who asks, and the service behind."""

    def __init__(self, house: SignInHouse) -> None:
        self.asked: list[Request] = []
        self.delegation: Delegation | None = Delegation(
            house.kept.users, self, issuing=house._issuing, wall=house.wall, log=house
        )
        house.issuing = msgspec.structs.replace(ISSUING, delegated=(HOME,))
        self.house = house
        self.registration: Registration | None = None
        self.failed: list[Exception] = []
        self.app = PublicApp(
            [router(self)], bound=ProblemBound, failed=lambda _, error: self.failed.append(error)
        )

    async def ask(self, service: str, request: Request, *, patience: float) -> Told:
        assert (service, patience) == ("accounts", 5.0)
        self.asked.append(request)
        fields = {"content-type": "application/json", "set-cookie": "a=b", "server": "x"}
        return Told(400, fields, b'{"error": "taken"}')

    async def post(self, path: str, body: dict[str, object] | None = None) -> Answer:
        fields = {"x-real-ip": "192.0.2.7", "x-request-id": "r-1"}
        answer = await answered(self.app, "POST", path, body, **fields)
        assert self.failed == []
        return answer


def asked(folder: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        await work(Client(house))

    within(folder, done)


def test_a_registration_is_sent_on_without_a_role(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        answer = await client.post(REGISTER, {"username": "mira", "role": "admin"})
        assert (answer.status, answer.body) == (400, b'{"error": "taken"}')
        assert answer.fields["content-type"] == "application/json"
        assert answer.fields["cache-control"] == "no-store"
        assert not {"set-cookie", "server"} & answer.fields.keys()
        (request,) = client.asked
        assert (request.target, request.body) == (HOME.registration, b'{"username": "mira"}')
        told = dict(request.fields)
        assert (told["x-forwarded-for"], told["x-request-id"]) == ("192.0.2.7", "r-1")

    asked(tmp_path, work)


def test_what_is_no_object_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        answer = await client.post(REGISTER)
        assert answer.status == 422
        assert b"holds no JSON object" in answer.body
        assert client.asked == []

    asked(tmp_path, work)


def test_what_a_service_would_ask_a_session_of_its_own_for_is_not_served(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        for method, path in NOT_SERVED:
            answer = await answered(client.app, method, path)
            assert (answer.status, b"identity_not_served" in answer.body) == (501, True)

    asked(tmp_path, work)


def test_nothing_is_there_any_more_once_it_is_off(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        client.house.issuing = ISSUING
        assert (await client.post(REGISTER, {})).status == 404
        client.delegation = None
        assert (await client.post(REGISTER, {})).status == 404

    asked(tmp_path, work)


def test_where_no_service_has_accounts_people_register_here(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        client.house.issuing = msgspec.structs.replace(ISSUING, registration="open")
        assert (await client.post(REGISTER, {"username": "mira"})).status == 404
        client.registration = client.house.registration
        body: dict[str, object] = {
            "username": "Mira",
            "password": "several quiet words",
            "email": "mira@example.org",
            "role": "admin",
            "roles": ["admin", "therapist"],
            "permissions": ["users:write"],
            "scope": "all",
        }
        answer = await client.post(REGISTER, body)
        assert answer.status == 200
        told = answer.json
        assert (told["username"], told["role"], told["roles"], told["email"]) == (
            "mira",
            "player",
            ["player"],
            "",
        )
        taken = await client.post(REGISTER, body)
        assert (taken.status, taken.json["code"]) == (409, "identity_name_taken")
        wrong = await client.post(REGISTER, {"username": 7})
        assert (wrong.status, wrong.json["detail"]) == (
            422,
            "Wrong, missing or too long: password, username.",
        )
        none = await client.post(REGISTER)
        assert (none.status, none.json["detail"]) == (422, "Wrong, missing or too long: body.")
        assert client.asked == []

    asked(tmp_path, work)
