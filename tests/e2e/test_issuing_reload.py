"""Issuing begins, changes and ends with a reload, while the gateway serves."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.gateway import free_port
from tests.helpers.issuing_gateway import URL, Issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

LONGEST = 20.0


def changed(one: Stage, identity: dict[str, Any] | None, auth: str) -> None:
    """Have it serve another configuration."""
    file = one.gateway.log.with_name("gateway.yaml")
    written = yaml.safe_load(file.read_text())
    written.pop("identity", None)
    if identity is not None:
        written["identity"] = identity
    for route in written["routes"]:
        if "guarded" in route["path"]:
            route["auth"] = auth
    file.write_text(yaml.safe_dump(written))
    os.kill(one.gateway.process.pid, signal.SIGHUP)


def algorithms(one: Issuing) -> list[str]:
    told = one.ask("GET", "/.well-known/jwks.json").told
    return [key["alg"] for key in told.get("keys", [])]


def test_it_begins_changes_its_algorithm_and_ends_with_reloads(tmp_path: Path) -> None:
    admin, probe, state = free_port(), free_port(), tmp_path / "state"
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            {"path": "/guarded/{rest:path}"},
            upstream=upstream,
            admin=f"127.0.0.1:{admin}",
            probe=f"127.0.0.1:{probe}",
            workers=2,
            state_dir=str(state),
        ) as running,
    ):
        one = Issuing(running, Admin(admin, state), probe, state)
        assert one.login().told == {}  # the service's own answer
        issuing: dict[str, Any] = {"issuing": {"url": URL}}
        changed(running, issuing, "required")
        assert wait_until(lambda: algorithms(one) == ["EdDSA"], LONGEST)
        one.user()
        first = one.login().told["access_token"]
        assert one.is_known_everywhere(first, (200, ""))
        issuing["issuing"]["algorithm"] = "ES256"
        changed(running, issuing, "required")
        assert wait_until(lambda: algorithms(one) == ["EdDSA", "ES256"], LONGEST)
        for token in (first, one.login().told["access_token"]):
            assert one.is_known_everywhere(token, (200, ""))
        changed(running, None, "none")
        assert wait_until(lambda: one.login().told == {}, LONGEST)
        assert one.administer("GET", "/users").status == 409
