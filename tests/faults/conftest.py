"""The gateways that faults are tried on."""

from collections.abc import Iterator

import pytest

from tests.e2e.edge.stage import Stage, stage
from tests.helpers.databases import postgres
from tests.helpers.nodes import admin_port, node, probe, upstream
from tests.helpers.scripted_upstream import ScriptedUpstream
from tests.helpers.two_nodes import both, echo, nodes, redis

__all__ = [
    "admin_port",
    "both",
    "echo",
    "node",
    "nodes",
    "postgres",
    "probe",
    "redis",
    "upstream",
]


@pytest.fixture(scope="session")
def edge(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with default settings."""
    path = tmp_path_factory.mktemp("faults")
    with stage(path, upstream=upstream) as running:
        yield running
