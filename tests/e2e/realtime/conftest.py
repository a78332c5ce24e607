"""A gateway with a hub, and the SDKs that are its clients."""

import uuid
from collections.abc import Iterator

import pytest

from tests.helpers.hub_stage import HubStage, hub_stage
from tests.helpers.sdk import KINDS, Sdk


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStage]:
    """The gateway of a module."""
    with hub_stage(tmp_path_factory.mktemp("hub"), queue="256KiB") as made:
        yield made


@pytest.fixture(scope="module", params=KINDS)
def sdk(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    """Each SDK in each of its codecs."""
    with Sdk(request.param) as made:
        yield made


@pytest.fixture
def name() -> str:
    """What nobody has been called before."""
    return uuid.uuid4().hex[:12]
