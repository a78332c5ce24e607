"""A gateway with more than one worker, its probe, and what stands beside the workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.nodes import admin_port, node, probe
from tests.helpers.probe import asked
from tests.helpers.slow import wait_until

__all__ = ["admin_port", "node", "probe"]


@pytest.fixture
def whole(tmp_path: Path, admin_port: int, probe: int) -> Iterator[Stage]:
    """Two workers, control and guard, all of which serve."""
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            upstream=upstream,
            workers=2,
            admin=f"127.0.0.1:{admin_port}",
            probe=f"127.0.0.1:{probe}",
        ) as one,
    ):
        assert wait_until(lambda: "degraded" not in asked(probe)[1])
        yield one
