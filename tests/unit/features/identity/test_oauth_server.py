"""What codes and tokens are good for, as it is counted; more in tests/contract/identity."""

from pathlib import Path

from tests.helpers.oauth_house import WEB, Browser, OAuthHouse, within
from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.oauth_client import Terms


def test_what_is_asked_for_is_counted_by_what_became_of_it(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        assert house.oauth is not None
        client, _ = await house.client()
        browser = Browser(house)
        code = await browser.code(client)
        assert (await house.redeem(client, code)).status == 200
        assert (await house.redeem(client, code)).status == 400
        await house.redeem(client, code, grant_type="password")
        counts = house.oauth.counts
        for grant, result in (
            ("authorization_code", "good"),
            ("authorization_code", "invalid_grant"),
            ("other", "unsupported_grant_type"),
        ):
            child = counts.child(metrics.OAUTH, grant, result)
            assert child.cells[child.at] == 1.0
        assert [name for name, _ in house.events] == ["oauth_code_replayed"]

    within(tmp_path, work)


def test_a_client_without_the_grant_gets_nothing_to_refresh_with(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        terms = Terms(
            kind="public", redirect_uris=WEB.redirect_uris, grants=("authorization_code",)
        )
        client, _ = await house.client(terms)
        told = (await house.redeem(client, await Browser(house).code(client))).json
        assert told.keys() == {"access_token", "token_type", "expires_in"}

    within(tmp_path, work)


def test_a_client_that_is_not_there_is_none(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        assert house.oauth is not None
        assert await house.oauth.client("") is None
        assert await house.oauth.client("client-x") is None

    within(tmp_path, work)
