"""How many connections one person may have at once, over two workers, with SDKs as they are."""

import time
from collections.abc import Iterator

import pytest

from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.sdk import Sdk, SdkClient

pytestmark = pytest.mark.e2e

SETTLED = 0.4
"""seconds in which the workers of a node tell each other what is taken"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStage]:
    limit = [{"concurrent": 2, "key": ["user"]}]
    with hub_stage(tmp_path_factory.mktemp("seats"), more={"rate_limit": limit}) as made:
        yield made


@pytest.fixture(scope="module", params=["node-json", "python-json"])
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    with Sdk(request.param) as made:
        yield made


def come(stage: HubStage, sdk: Sdk, name: str, who: str, *tokens: str) -> SdkClient:
    return sdk.client(name, stage.direct, *(tokens or (token(who),)))


def test_who_has_as_many_as_may_be_waits_until_one_has_gone(
    stage: HubStage, sdk: Sdk, name: str
) -> None:
    first, second = (come(stage, sdk, f"{name}-{at}", name) for at in range(2))
    for one in (first, second):
        one.connected()
    time.sleep(SETTLED)
    third = come(stage, sdk, f"{name}-3", name, *[token(name)] * 50)
    time.sleep(1.0)
    assert third.events("connected") == []
    other = come(stage, sdk, f"{name}-other", f"{name}-other")
    other.connected()
    first.close()
    third.connected()
    for one in (second, third, other):
        one.close()


def test_a_new_token_takes_no_other_place(stage: HubStage, sdk: Sdk, name: str) -> None:
    """Red where a connection at the limit ends by its own refresh."""
    short = [token(name, lasts=4.0), token(name)]
    first = come(stage, sdk, f"{name}-1", name, *short)
    second = come(stage, sdk, f"{name}-2", name)
    for one in (first, second):
        one.connected()
    time.sleep(5.0)
    assert (first.codes("connecting"), first.codes("disconnected")) == ([0], [])
    first.reads(f"plain:{name}")
    for one in (first, second):
        one.close()
