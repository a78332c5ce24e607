"""Clients as operators see and change them."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI
from joserfc.jwk import OKPKey

from tests.helpers.asgi import Answer
from tests.helpers.oauth_house import BACK, OAuthHouse, within
from tests.helpers.sign_in_house import answered
from tta_gateway.features.identity.oauth_admin_api import router
from tta_gateway.node.api_problem import wording
from tta_gateway.support.sql.away import Unavailable


async def ask(
    house: OAuthHouse, method: str, path: str, body: Mapping[str, object] | None = None
) -> Answer:
    app = FastAPI()
    wording(app)
    app.include_router(router(house))
    return await answered(app, method, f"/admin/v1/clients{path}", body)


def test_a_client_is_made_shown_changed_and_removed(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        made = await ask(house, "POST", "", {"name": "stories", "kind": "confidential"})
        told = made.json
        assert (made.status, told["grants"], told["roles"]) == (
            201,
            ["client_credentials"],
            ["service"],
        )
        assert told["secret"].startswith("tta_cs_")
        again = (await ask(house, "GET", "/stories")).json
        assert again == {**told, "secret": None}
        assert (await ask(house, "GET", "")).json == {"clients": [again]}
        house.now += 1.0
        newer = await ask(house, "POST", "/stories/secrets")
        assert (newer.status, len(newer.json["secrets"])) == (201, 2)
        assert (await ask(house, "POST", "/stories/secrets")).status == 422
        gone = await ask(house, "DELETE", f"/stories/secrets/{told['secrets'][0]['id']}")
        assert gone.json["secrets"] == newer.json["secrets"][1:]
        changed = await ask(house, "PUT", f"/{told['id']}", {"scopes": ["read"]})
        assert changed.json["scopes"] == ["read"]
        assert (await ask(house, "POST", "/stories/disable")).json["state"] == "disabled"
        assert (await ask(house, "POST", "/stories/enable")).json["state"] == "active"
        assert (await ask(house, "DELETE", "/stories")).json["name"] == "stories"
        assert (await ask(house, "GET", "/stories")).status == 404

    within(tmp_path, work)


def test_a_client_with_keys_has_no_secret(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        key = OKPKey.generate_key("Ed25519", {"kid": "k1"}).as_dict(private=True)
        body = {"name": "a", "kind": "confidential", "jwks": {"keys": [key]}}
        told = await ask(house, "POST", "", body)
        assert (told.json["keys"], told.json["secret"]) == (["k1"], None)
        assert str(key["d"]) not in repr(await house.kept_clients())

    within(tmp_path, work)


def test_what_cannot_be_is_said_with_why(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        body = {"name": "a", "kind": "public", "redirect_uris": [BACK]}
        assert (await ask(house, "POST", "", body)).status == 201
        assert (await ask(house, "POST", "", body)).status == 409
        for wrong in ({"kind": "secret"}, {"name": ""}, {"redirect_uris": ["x"]}, {"extra": 1}):
            assert (await ask(house, "POST", "", {**body, **wrong})).status == 422
        no_keys = {"name": "b", "kind": "confidential", "jwks": {"keys": []}}
        assert "key set" in (await ask(house, "POST", "", no_keys)).json["detail"]
        registrar, house.registrar = house.registrar, None
        assert (await ask(house, "GET", "")).status == 503
        house.issuing = None
        assert "issuing" in (await ask(house, "GET", "")).json["detail"]
        assert registrar is not None

    within(tmp_path, work)


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        async def away() -> None:
            raise Unavailable("x")

        assert house.registrar is not None
        house.registrar.all = away  # type: ignore[method-assign, assignment]
        answer = await ask(house, "GET", "")
        assert (answer.status, answer.fields["retry-after"]) == (503, "2")

    within(tmp_path, work)
