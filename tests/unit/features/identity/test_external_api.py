"""What browsers and providers are told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlencode

import msgspec

from tests.helpers.asgi import Answer, App
from tests.helpers.identity_house import ISSUING, NOW
from tests.helpers.sign_in_house import answered
from tta_gateway.features.identity import problems
from tta_gateway.features.identity.bound import External, Issuing
from tta_gateway.features.identity.external_api import router
from tta_gateway.features.identity.external_login import Beginning, Broken, Done, ExternalLogin
from tta_gateway.features.identity.sign_in import Grant
from tta_gateway.features.identity.store import ACTIVE, Session, User
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.node.public_api import PublicApp
from tta_gateway.support.sql.away import Unavailable

AUTH = "/api/v1/auth/external"
CLINIC = External(name="clinic", issuer="https://id", client_id="tta", title="The clinic")
CITY = External(name="city", issuer="https://city", client_id="tta")
BACK = "https://home/app"
USER = User("clinic:p", "p", ACTIVE, NOW, NOW, provider="clinic")
GRANT = Grant("access", 600, "refresh", USER, Session("s", "clinic:p", NOW, NOW, NOW + 50.0, "fed"))
PAGE = {"accept": "text/html,*/*"}


class House:
    """The endpoints, and somebody who lets people in as a test says."""

    def __init__(self) -> None:
        self.issuing: Issuing | None = msgspec.structs.replace(ISSUING, providers=(CLINIC, CITY))
        self.external: ExternalLogin | None = cast("ExternalLogin", self)
        self.broken: Exception | None = None
        self.pairs: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.app: App = PublicApp([router(self)], bound=ProblemBound, failed=self.failed)

    def failed(self, _: str, error: Exception) -> None:
        raise error

    # As ExternalLogin

    secret = b"k" * 32

    def providers(self) -> tuple[External, ...]:
        assert self.issuing is not None
        return self.issuing.providers

    def provider(self, name: str) -> External:
        if name != "clinic":
            raise ClientFault(problems.EXTERNAL_UNKNOWN)
        return CLINIC

    def returning(self, asked: str) -> str:
        if asked.startswith("//"):
            raise ClientFault(problems.EXTERNAL_RETURN)
        return f"https://home{asked}"

    def _raise(self) -> None:
        if self.broken is not None:
            raise self.broken

    async def begin(self, provider: External, return_to: str) -> Beginning:
        self._raise()
        return Beginning(f"https://id/a?{provider.name}={return_to}", "login=sealed")

    async def finish(
        self, _: External, pairs: Sequence[tuple[str, str]], cookies: Mapping[str, str]
    ) -> Done:
        self.pairs = [*pairs, *cookies.items()]
        self._raise()
        return Done(GRANT, BACK)

    def forgotten(self, _: External, state: str) -> str:
        return f"login={state}; Max-Age=0"

    async def leaving(self, _: External, return_to: str) -> str:
        self._raise()
        return f"https://id/end?{return_to}"

    async def logged_out(self, _: External, token: str) -> None:
        self.tokens.append(token)
        self._raise()

    async def get(self, path: str, **fields: str) -> Answer:
        return await answered(self.app, "GET", f"{AUTH}{path}", None, **fields)


def at_home(work: Callable[[House], Awaitable[None]]) -> None:
    async def done() -> None:
        await work(House())

    asyncio.run(done())


def test_a_login_page_hears_of_all() -> None:
    async def work(house: House) -> None:
        answer = await house.get("")
        assert answer.status == 200
        assert msgspec.json.decode(answer.body) == {
            "providers": [
                {"name": "clinic", "title": "The clinic", "url": f"https://home{AUTH}/clinic"},
                {"name": "city", "title": "city", "url": f"https://home{AUTH}/city"},
            ]
        }

    at_home(work)


def test_a_browser_is_sent_there_and_back_with_nothing_secret() -> None:
    async def work(house: House) -> None:
        answer = await house.get("/clinic?return_to=/app")
        assert answer.status == 303
        assert answer.fields["location"] == "https://id/a?clinic=https://home/app"
        assert answer.fields["set-cookie"] == "login=sealed"
        assert answer.fields["cache-control"] == "no-store"
        assert answer.fields["referrer-policy"] == "no-referrer"
        answer = await house.get("/clinic/callback?code=c&state=s&state=t", cookie="a=b")
        assert (answer.status, answer.fields["location"]) == (303, BACK)
        assert house.pairs == [("code", "c"), ("state", "s"), ("state", "t"), ("a", "b")]
        assert "refresh" not in answer.fields["location"]
        assert "access" not in repr(answer)
        answer = await house.get("/clinic/logout?return_to=/app")
        assert answer.fields["location"] == "https://id/end?https://home/app"

    at_home(work)


def test_who_is_not_let_in_is_told_on_their_page_or_on_a_plain_one() -> None:
    async def work(house: House) -> None:
        house.broken = Broken(problems.EXTERNAL_AWAY, BACK)
        for path in ("", "/callback?state=s", "/logout"):
            answer = await house.get(f"/clinic{path}", **PAGE)
            assert answer.fields["location"] == f"{BACK}?login_error=identity_external_away"
        house.broken = Broken(problems.EXTERNAL_AWAY)
        answer = await house.get("/clinic/callback", **PAGE)
        assert (answer.status, answer.fields["retry-after"]) == (503, "10")
        assert b'<html lang="en">' in answer.body
        assert b"identity_external_away" in answer.body
        assert "default-src 'none'" in answer.fields["content-security-policy"]
        answer = await house.get("/clinic/callback")
        assert msgspec.json.decode(answer.body)["code"] == "identity_external_away"

    at_home(work)


def test_where_nobody_is_sent_and_whom_nobody_knows() -> None:
    async def work(house: House) -> None:
        for path, status in (
            ("/clinic?return_to=//evil", 400),
            ("/clinic/logout?return_to=//evil", 400),
            ("/nobody", 404),
            ("/nobody/callback", 404),
            ("/nobody/logout", 404),
        ):
            for fields in (PAGE, {}):
                answer = await house.get(path, **fields)
                assert answer.status == status
                assert "location" not in answer.fields
        many = urlencode([("a", "b")] * 40)
        assert (await house.get(f"/clinic/callback?{many}")).status == 303
        assert house.pairs == []

    at_home(work)


async def logout(house: House, body: bytes) -> Answer:
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's
        said.append(message)

    path = f"{AUTH}/clinic/backchannel-logout"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
    }
    await house.app(scope, receive, send)
    fields = {name.decode(): text.decode() for name, text in said[0]["headers"]}
    return Answer(said[0]["status"], fields, said[1]["body"])


def test_a_provider_tells_of_a_logout() -> None:
    async def work(house: House) -> None:
        answer = await logout(house, b"logout_token=a.b.c")
        assert (answer.status, answer.fields["cache-control"]) == (200, "no-store")
        for body in (b"", b"\xff", b"logout_token=a&logout_token=b", b"&" * 40):
            await logout(house, body)
        assert house.tokens == ["a.b.c", "", "", "", ""]
        house.broken = ClientFault(problems.LOGOUT_TOKEN)
        assert (await logout(house, b"")).status == 400
        house.broken = Unavailable("away")
        assert (await logout(house, b"")).status == 503

    at_home(work)


def test_without_a_database_or_providers() -> None:
    async def work(house: House) -> None:
        house.external = None
        assert (await house.get("")).status == 503
        house.issuing = ISSUING
        assert (await house.get("")).status == 404

    at_home(work)


def test_where_a_second_factor_is_missing_the_page_is_told_and_a_cookie_holds_the_rest() -> None:
    async def work(house: House) -> None:
        house.broken = Broken(problems.FACTOR_NEEDED, BACK, "sealed")
        answer = await house.get("/clinic/callback?state=x", **PAGE)
        assert answer.status == 303
        assert answer.fields["location"] == f"{BACK}?login_error=identity_second_factor_needed"
        assert "sealed" not in answer.fields["location"]
        kept = answer.fields["set-cookie"]
        assert "__Secure-tta-mfa=sealed; Max-Age=300; Path=/api/v1/auth; HttpOnly" in kept

    at_home(work)
