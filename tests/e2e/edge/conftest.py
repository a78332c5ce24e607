"""Gateways that many tests share: where a promise allows it, one serves the whole session."""

from collections.abc import Iterator

import pytest

from tests.e2e.edge.stage import Stage, stage
from tests.helpers.nodes import upstream
from tests.helpers.scripted_upstream import ScriptedUpstream

__all__ = ["upstream"]


@pytest.fixture(scope="session")
def edge(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with default settings, and routes that are small or short of patience."""
    special = (
        {"path": "/large/{rest:path}", "max_body": "1GiB"},
        {"path": "/small/{rest:path}", "max_body": 1000},
        {"path": "/first-byte/{rest:path}", "timeouts": {"first_byte": "600ms"}},
        {"path": "/total/{rest:path}", "timeouts": {"first_byte": "400ms", "total": "600ms"}},
        {"path": "/idle/{rest:path}", "timeouts": {"idle": "600ms"}},
        {
            "path": "/body-idle/{rest:path}",
            "timeouts": {"body_idle": "600ms"},
            "max_body": "1GiB",
        },
        {
            "path": "/tunnel-idle/{rest:path}",
            "timeouts": {"tunnel_idle": "600ms"},
            "safety": {"mode": "off", "reason": "bytes, and no words"},
        },
        {"path": "/no-upgrade/{rest:path}", "upgrade": "off"},
    )
    path = tmp_path_factory.mktemp("edge")
    with stage(path, *special, upstream=upstream) as running:
        yield running


@pytest.fixture(scope="session")
def hasty(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway without patience for clients."""
    timeouts = {"header": "600ms", "keep_alive": "600ms", "write_stalled": "800ms", "linger": "1s"}
    path = tmp_path_factory.mktemp("hasty")
    with stage(path, upstream=upstream, client_timeouts=timeouts) as running:
        yield running
