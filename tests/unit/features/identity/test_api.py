"""What clients are told: tokens in the body or a cookie, users, sessions, and why not."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.asgi import Answer
from tests.helpers.sign_in_house import OWN, PASSWORD, SignInHouse, answered, within
from tests.unit.features.identity.issuing import ISSUER, NOW, a_key, a_signer, a_token
from tta_gateway.features.identity.api import router
from tta_gateway.features.identity.key import key_of
from tta_gateway.features.identity.public import ROUTES, TICKET
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.node.public_api import PublicApp
from tta_gateway.support.sql.away import Unavailable

COOKIE: Final = "__Secure-tta-refresh"
NOTHING: Final[dict[str, object]] = {}
PAGE: Final = {"origin": "http://gate", "host": "gate"}


class Client:
    """Somebody who asks the endpoints."""

    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        self.failed: list[Exception] = []
        self.app = PublicApp(
            [router(house)],
            bound=ProblemBound,
            failed=lambda _, error: self.failed.append(error),
        )

    async def ask(
        self, method: str, path: str, body: dict[str, object] | None = None, **fields: str
    ) -> Answer:
        answer = await answered(self.app, method, path, body, **fields)
        assert self.failed == []
        return answer

    async def post(self, word: str, body: dict[str, object] | None = None, **fields: str) -> Answer:
        return await self.ask("POST", f"/api/v1/auth/{word}", body, **fields)

    async def login(self, **more: str) -> Answer:
        return await self.post("login", {"username": "ada", "password": PASSWORD}, **more)

    async def refresh(self, kept: str, body: dict[str, object] | None = NOTHING) -> Answer:
        return await self.post("refresh", body, cookie=f"{COOKIE}={kept}", **PAGE)

    async def get(self, word: str, token: str) -> Answer:
        return await self.ask("GET", f"/api/v1/auth/{word}", authorization=f"Bearer {token}")


def asked(folder: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    """Do the work where there is a user."""

    async def done(house: SignInHouse) -> None:
        await house.ada("player", "therapist")
        await work(Client(house))

    within(folder, done)


def cookie_of(answer: Answer) -> str:
    name, _, rest = answer.fields["set-cookie"].partition("=")
    assert name == COOKIE
    return rest.partition(";")[0]


def test_what_is_served_is_what_leads_here(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        served = {
            (method, route.path)  # type: ignore[attr-defined]
            for route in client.app.routes
            for method in route.methods  # type: ignore[attr-defined]
        }
        elsewhere = {("POST", TICKET)}  # ticket_api.py
        assert served | elsewhere == {(route.methods[0], route.path) for route in ROUTES}
        led = {(route.methods[0], route.path) for route in ROUTES}
        assert served == led - {("POST", TICKET)}  # which ticket_api serves

    asked(tmp_path, work)


def test_a_login_is_answered_in_the_platform_s_shape(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        answer = await client.login()
        assert (answer.status, answer.fields["cache-control"]) == (200, "no-store")
        told = answer.json
        assert {*told} == {
            "access_token",
            "refresh_token",
            "token_type",
            "expires_in",
            "mfa_required",
            "mfa_challenge",
            "user",
            "user_info",
        }
        assert told["refresh_token"] != ""
        assert told["user_info"]["role"] == "therapist"
        assert "set-cookie" not in answer.fields

    asked(tmp_path, work)


def test_a_page_gets_a_cookie_and_no_script_sees_what_is_in_it(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        answer = await client.login(**PAGE)
        kept = cookie_of(answer)
        assert len(kept) == 43
        assert answer.json["refresh_token"] == ""
        assert kept not in answer.body.decode()
        again = await client.refresh(kept)
        assert (again.status, again.json["refresh_token"]) == (200, "")
        assert cookie_of(again) != kept
        assert (await client.refresh(cookie_of(again), None)).status == 200

    asked(tmp_path, work)


def test_where_the_refresh_token_is_to_be_can_be_said(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        body: dict[str, object] = {"username": "ada", "password": PASSWORD}
        kept = await client.post("login", {**body, "refresh_in": "cookie"})
        told = await client.post("login", {**body, "refresh_in": "body"}, **PAGE)
        assert len(cookie_of(kept)) == 43
        assert told.json["refresh_token"] != ""

    asked(tmp_path, work)


@pytest.mark.parametrize("word", ["login", "refresh", "logout"])
def test_a_page_of_elsewhere_may_not_have_the_cookie_set_or_used(tmp_path: Path, word: str) -> None:
    async def work(client: Client) -> None:
        kept = cookie_of(await client.login(**PAGE))
        body: dict[str, object] = {"username": "ada", "password": PASSWORD}
        for said in ({"origin": "https://evil"}, {"sec_fetch_site": "cross-site"}):
            fields = {"host": "gate", "cookie": f"{COOKIE}={kept}", **said}
            path, sent = f"/api/v1/auth/{word}", body if word == "login" else {}
            answer = await answered(client.app, "POST", path, sent, **fields)
            assert (answer.status, answer.json["code"]) == (403, "identity_origin_refused")
        again = await client.post("refresh", {}, cookie=f"{COOKIE}={kept}", **PAGE)
        assert again.status == 200

    asked(tmp_path, work)


def test_outside_a_browser_the_body_renews(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        token = (await client.login()).json["refresh_token"]
        answer = await client.post("refresh", {"refresh_token": token})
        assert answer.json["refresh_token"] not in ("", token)
        assert "set-cookie" not in answer.fields

    asked(tmp_path, work)


def test_without_a_refresh_token_nothing_is_renewed(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        answer = await client.post("refresh", {})
        assert (answer.status, answer.json["code"]) == (401, "identity_refresh_missing")
        answer = await client.post("refresh", {"refresh_token": "x"})
        assert (answer.status, answer.json["code"]) == (401, "identity_refresh_invalid")
        assert answer.fields["cache-control"] == "no-store"

    asked(tmp_path, work)


def test_who_fails_is_refused_and_then_has_to_wait(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        wrong: dict[str, object] = {"username": "ada", "password": "another one"}
        codes = [(await client.post("login", wrong)).json["code"] for _ in range(4)]
        assert codes == ["identity_login_refused"] * 3 + ["identity_login_waiting"]
        answer = await client.post("login", wrong)
        assert (answer.status, answer.fields["retry-after"]) == (429, "6")

    asked(tmp_path, work)


@pytest.mark.parametrize(
    "body",
    [
        {"username": "ada"},
        {"username": "ada", "password": 7},
        {"username": "ada", "password": "kanarie" * 40},
        {"username": "a" * 513, "password": "kanarie"},
    ],
)
def test_what_is_no_login_is_refused_without_being_quoted(
    tmp_path: Path, body: dict[str, object]
) -> None:
    async def work(client: Client) -> None:
        answer = await client.post("login", body)
        assert answer.status == 422
        assert b"kanarie" not in answer.body

    asked(tmp_path, work)


def test_one_is_told_of_oneself(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        token = (await client.login()).json["access_token"]
        me = (await client.get("me", token)).json
        assert (me["username"], me["role"], me["mfa_enabled"]) == ("ada", "therapist", False)
        assert me["last_login"] == "2027-01-15T08:00:00Z"
        answer = await client.post("verify-token", {}, authorization=f"Bearer {token}")
        told = answer.json
        assert (told["valid"], told["username"]) == (True, "ada")
        assert told["expires_at"] == "2027-01-15T08:10:10Z"

    asked(tmp_path, work)


def test_of_those_who_log_in_elsewhere_the_token_tells(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        signer = a_signer()
        client.house.bearers.verifier = Verifier([(ISSUER, [a_key(signer)])])
        token = a_token(signer, iat=NOW - 1, exp=NOW + 60).decode()
        me = (await client.get("me", token)).json
        assert (me["user_id"], me["roles"], me["last_login"]) == ("p1", ["player"], None)
        for word in ("sessions",):
            answer = await client.get(word, token)
            assert (answer.status, answer.json["code"]) == (403, "identity_session_elsewhere")
        out = await client.post("logout", {}, authorization=f"Bearer {token}")
        assert (out.status, out.json["code"]) == (403, "identity_session_elsewhere")

    asked(tmp_path, work)


def test_whoever_is_disabled_is_nobody(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        token = (await client.login()).json["access_token"]
        user = await client.house.kept.users.named("ada")
        assert user is not None
        await client.house.kept.users.set_state(user.id, "disabled", now=NOW)
        answer = await client.get("me", token)
        assert (answer.status, answer.json["code"]) == (401, "identity_token_revoked")

    asked(tmp_path, work)


def test_sessions_are_told_and_ended(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        first = (await client.login()).json["access_token"]
        client.house.now += 1.0
        await client.login()
        told = (await client.get("sessions", first)).json["sessions"]
        assert [one["current"] for one in told] == [False, True]
        path = f"/api/v1/auth/sessions/{told[0]['id']}"
        for status in (204, 404):
            answer = await client.ask("DELETE", path, authorization=f"Bearer {first}")
            assert answer.status == status
        assert len((await client.get("sessions", first)).json["sessions"]) == 1

    asked(tmp_path, work)


def test_nobody_ends_a_session_of_somebody_else(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        assert client.house.accounts is not None
        await client.house.accounts.create("eve", PASSWORD, ("player",), by="admin")
        mine = (await client.login()).json["access_token"]
        (session,) = (await client.get("sessions", mine)).json["sessions"]
        answer = await client.post("login", {"username": "eve", "password": PASSWORD})
        theirs = answer.json["access_token"]
        path = f"/api/v1/auth/sessions/{session['id']}"
        answer = await client.ask("DELETE", path, authorization=f"Bearer {theirs}")
        assert (answer.status, answer.json["code"]) == (404, "identity_session_unknown")

    asked(tmp_path, work)


def test_a_logout_goes_by_whichever_token_is_shown(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        assert client.house.sign_in is not None
        by_access = (await client.login()).json
        by_body = (await client.login()).json
        by_cookie = await client.login(**PAGE)
        held = f"{COOKIE}={cookie_of(by_cookie)}"
        answers = [
            await client.post("logout", authorization=f"Bearer {by_access['access_token']}"),
            await client.post("logout", {"refresh_token": by_body["refresh_token"]}),
            await client.post("logout", {}, cookie=held, **PAGE),
            await client.post("logout", {}, cookie=f"{COOKIE}=unknown", **PAGE),
        ]
        assert [one.status for one in answers] == [200] * 4
        assert ["Max-Age=0" in one.fields.get("set-cookie", "") for one in answers] == [
            False,
            False,
            True,
            True,
        ]
        assert await client.house.sign_in.open(by_access["user"]["user_id"]) == []
        answer = await client.post("logout", {})
        assert (answer.status, answer.json["code"]) == (401, "identity_token_missing")

    asked(tmp_path, work)


def test_everywhere_is_all_devices(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        tokens = [(await client.login()).json for _ in range(2)]
        shown = f"Bearer {tokens[0]['access_token']}"
        answer = await client.post("logout-all", authorization=shown)
        assert (answer.status, answer.json["sessions"]) == (200, 2)
        assert "Max-Age=0" in answer.fields["set-cookie"]
        for token in tokens:
            refused = await client.post("refresh", {"refresh_token": token["refresh_token"]})
            assert refused.json["code"] == "identity_session_over"

    asked(tmp_path, work)


def test_the_public_keys_prove_what_was_signed(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        token = (await client.login()).json["access_token"]
        answer = await client.ask("GET", "/.well-known/jwks.json")
        assert answer.fields["cache-control"] == "public, max-age=300"
        (jwk,) = answer.json["keys"]
        told = Verifier([(OWN, [key_of(jwk)])]).prove(token.encode(), NOW)
        assert getattr(told, "issuer", "") == "gateway"

    asked(tmp_path, work)


def test_without_the_database_it_is_said_when_to_come_back(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        token = (await client.login()).json

        def away() -> object:
            raise Unavailable("away")

        kept = client.house.kept
        for store in (kept.users, kept.sessions, kept.failures, kept.logins):
            store._database = away  # type: ignore[assignment]
        shown = f"Bearer {token['access_token']}"
        answers = [
            await client.login(),
            await client.post("refresh", {"refresh_token": token["refresh_token"]}),
            await client.post("logout", {}, authorization=shown),
            await client.post("logout-all", authorization=shown),
            await client.get("me", token["access_token"]),
            await client.get("sessions", token["access_token"]),
        ]
        for answer in answers:
            assert (answer.status, answer.fields["retry-after"]) == (503, "2")
            assert answer.json["code"] == "identity_store_unavailable"

    asked(tmp_path, work)


def test_where_no_tokens_are_issued_there_is_nothing(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        client.house.sign_in = None
        answer = await client.login()
        assert (answer.status, answer.json["code"]) == (503, "identity_store_unavailable")
        client.house.issuing = None
        answer = await client.login()
        assert (answer.status, answer.json["code"]) == (404, "routing_not_found")

    asked(tmp_path, work)
