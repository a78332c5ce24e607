"""Fixtures that suites with processes share; a conftest takes over those that it wants."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import ScriptedUpstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """What stands behind gateways that many tests share."""
    with scripted() as upstream:
        yield upstream


@pytest.fixture
def probe() -> int:
    """The port of a node's probe."""
    return free_port()


@pytest.fixture
def node(tmp_path: Path, probe: int) -> Iterator[Stage]:
    """Two workers behind one address."""
    address = f"127.0.0.1:{probe}"
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, workers=2, probe=address) as one,
    ):
        yield one


@pytest.fixture
def admin_port() -> int:
    """The port of its administration."""
    return free_port()
