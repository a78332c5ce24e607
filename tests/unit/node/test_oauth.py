"""The parts of OAuth, put together."""

from pathlib import Path

from tests.helpers.oauth_house import OAuthHouse, within


def test_they_share_key_clock_and_counts(tmp_path: Path) -> None:
    async def work(house: OAuthHouse) -> None:
        server = house.parts.server
        assert house.sign_in is not None
        assert server.wall() == house.now
        assert server.counts is house.sign_in.counts
        assert server.sign_in.secret == house.sign_in.secret
        assert house.parts.registrar.changed == house.sign_in.ended

    within(tmp_path, work)
