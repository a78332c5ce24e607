"""Login providers in control: there as long as somebody may log in by way of one."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.unit.features.identity.issuing import NOW
from tests.unit.node.test_issuing import Node
from tta_gateway.node.providers import LoginProviders
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

URL = "http://127.0.0.1:1"  # where nobody listens
WITH = (
    "identity: {issuing: {url: 'https://gate', "
    f"providers: [{{name: clinic, issuer: '{URL}', client_id: tta}}]}}}}\n"
)


def names(made: LoginProviders) -> list[str]:
    return [] if made.external is None else [one.name for one in made.external.providers()]


def test_they_are_built_beside_what_issues(tmp_path: Path) -> None:
    async def done() -> None:
        clock = FakeClock(wall=NOW)
        node = Node(tmp_path, clock)
        made = LoginProviders(Bus(), log=cast("Any", node), clock=clock, counts=Registry())
        node.issuance.providers = made
        assert not names(made)
        await node.begin(WITH)
        await node.issuance.look()
        assert names(made) == ["clinic"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await made.run()
        assert node.events.count("login_provider_away") == 1
        clock.advance(100.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await made.run()  # and what is over is forgotten
        node.issuance.adopt(node.parts("workers: 1\n"), tmp_path)
        assert not names(made)
        await node.databases.close()

    asyncio.run(done())
