"""The endpoints of clients: what they hear, and in which words; more in tests/contract/identity."""

from pathlib import Path

from tests.helpers.identity_house import ISSUING
from tests.helpers.oauth_house import OAuthHouse, within
from tta_gateway.features.identity.oauth_api import described, router
from tta_gateway.features.identity.oauth_client import Terms
from tta_gateway.features.identity.oauth_login_api import router as login_router
from tta_gateway.features.identity.oauth_public import ROUTES
from tta_gateway.support.sql.away import Unavailable


def test_every_route_has_its_endpoint(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        served = {
            (method, getattr(one, "path", ""))
            for made in (router(house), login_router(house))
            for one in made.routes
            for method in getattr(one, "methods", ())
        }
        assert served == {(route.methods[0], route.path) for route in ROUTES}

    within(tmp_path, work)


def test_it_describes_itself_without_a_secret(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        for path in (
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ):
            answer = await house.ask("GET", path)
            assert answer.json == described(ISSUING)
            assert answer.fields["cache-control"] == "public, max-age=300"
        assert "implicit" not in str(described(ISSUING))
        assert "password" not in str(described(ISSUING))

    within(tmp_path, work)


def test_a_token_is_told_and_kept_by_nobody_between(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        client, secret = await house.client(Terms(kind="confidential"))
        form = {"grant_type": "client_credentials", "client_id": client.id}
        answer = await house.token({**form, "client_secret": secret})
        assert (answer.status, answer.fields["cache-control"]) == (200, "no-store")
        assert answer.json.keys() == {"access_token", "token_type", "expires_in"}

    within(tmp_path, work)


def test_an_error_is_in_the_words_of_oauth_and_of_all_errors_here(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        answer = await house.token({"client_id": "nobody"}, x_request_id="r1")
        assert answer.status == 401
        assert answer.fields["content-type"] == "application/json"
        assert answer.fields["www-authenticate"] == 'Basic realm="oauth2"'
        told = answer.json
        assert (told["error"], told["code"]) == ("invalid_client", "identity_oauth_client_refused")
        assert told["correlation_id"] == "r1"
        twice = await house.ask("POST", "/oauth2/token", "a=1&a=2")
        assert (twice.json["error"], twice.json["detail"]) == (
            "invalid_request",
            "A parameter stands there twice.",
        )
        kind = "application/x-www-form-urlencoded; charset=utf-8"
        assert (await house.token({"client_id": "nobody"}, content_type=kind)).status == 401

    within(tmp_path, work)


def test_while_nobody_can_be_asked_it_says_so(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        def away() -> None:
            raise Unavailable("x")

        assert house.oauth is not None
        house.oauth.proof._clients.of = lambda _: away()  # type: ignore[method-assign, assignment, return-value]
        answer = await house.token({"client_id": "c"})
        assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
        assert answer.fields["retry-after"] == "2"
        house.oauth = None
        assert (await house.token({"client_id": "c"})).status == 503
        house.issuing = None
        for path in ("/oauth2/token", "/oauth2/revoke"):
            assert (await house.ask("POST", path, {})).status == 404
        assert (await house.ask("GET", "/.well-known/openid-configuration")).status == 404

    within(tmp_path, work)
