"""An upgrade to a version that knows other structures: what control has found out is lost on it.

The newer one is the same code, but for the names of fields in what workers are told of services.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.e2e.test_renewal import command, status
from tests.helpers.admin import Admin
from tests.helpers.crowd import FRESH, Crowd
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

# What is installed, from when there is a file `newer` beside it.
NEWER: Final = """\
from pathlib import Path

if (Path(__file__).parent / "newer").exists():
    import msgspec
    from tta_gateway.kernel import standing

    standing.Standing = msgspec.defstruct(
        "Standing",
        [
            ("endpoints", tuple[standing.Stand, ...]),
            ("down", tuple[str, ...], ()),
            ("degraded", tuple[str, ...], ()),
            ("open", dict[str, float], {}),
        ],
        frozen=True,
        kw_only=True,
        rename={"endpoints": "places"},
    )
"""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stage, Admin]]:
    """A gateway whose control has told the workers how the one service is."""
    (tmp_path / "sitecustomize.py").write_text(NEWER)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    port, probe = free_port(), free_port()
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            upstream=upstream,
            services={"up": {"endpoints": [upstream.url], "health": {"kind": "tcp"}}},
            workers=2,
            admin=f"127.0.0.1:{port}",
            probe=f"127.0.0.1:{probe}",
        ) as one,
    ):
        admin = Admin(port, tmp_path / "state")
        assert wait_until(lambda: "degraded" not in asked(probe)[1])
        assert wait_until(lambda: state(admin) == ["up"])
        yield one, admin


def state(admin: Admin) -> list[str]:
    return [one["state"] for one in admin.told("/admin/v1/services/up")["endpoints"]]


def unread(one: Stage) -> list[dict[str, Any]]:
    lines = [
        json.loads(line) for line in one.gateway.log.read_text().splitlines() if line[0] == "{"
    ]
    return [line for line in lines if line["event"] == "finding_not_read"]


def test_a_gateway_that_cannot_read_what_the_one_before_found_out_serves(
    old: tuple[Stage, Admin], tmp_path: Path
) -> None:
    """Red with an error in the place of what cannot be read in node/sections.py."""
    one, admin = old
    (tmp_path / "newer").touch()
    with Crowd(one.port, returns=True) as crowd:
        crowd.newcomers(6, pause=0.0)
        assert wait_until(lambda: crowd.tally.answered[FRESH] > 20)
        done = command(tmp_path, "upgrade")
        assert (done.returncode, done.stderr) == (0, "")
        assert wait_until(lambda: status(tmp_path)["leaving"] == 0)
        assert wait_until(lambda: status(tmp_path)["control"] == "serving")
        before = crowd.tally.answered[FRESH]
        assert wait_until(lambda: crowd.tally.answered[FRESH] > before + 20)
        assert crowd.stop().lost == []
    assert {one["section"] for one in unread(one)} == {"service/up"}
    assert status(tmp_path)["deaths"] == 0
    assert wait_until(lambda: state(admin) == ["up"])
