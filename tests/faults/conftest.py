"""The gateways that faults are tried on."""

from collections.abc import Iterator

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.scripted_upstream import ScriptedUpstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """What stands behind the shared gateway."""
    with scripted() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def edge(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with default settings."""
    path = tmp_path_factory.mktemp("faults")
    with stage(path, upstream=upstream) as running:
        yield running
