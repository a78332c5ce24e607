"""The administration: metrics of all processes, and the node itself, for whoever has the token."""

import json
import os
import signal
import stat
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.gateway import free_port
from tests.helpers.probe import all_serve_again, asked
from tests.helpers.slow import companion_of, resident, wait_until, workers_of

pytestmark = pytest.mark.e2e

SUM: Final = "tta_http_requests_total"
LABELS: Final = ("/{rest:path}", "GET", "api-gateway", "200")
HEAVY: Final = ("pydantic", "sqlalchemy", "fastapi", "starlette", "redis", "yaml", "uvloop")


@pytest.fixture
def admin(whole: Stage, tmp_path: Path, admin_port: int) -> Admin:
    assert whole.gateway.process.poll() is None
    return Admin(admin_port, tmp_path / "state")


def ask_often(whole: Stage, count: int) -> None:
    for _ in range(count):
        with whole.client() as client:
            assert client.get(b"/").status == 200


def test_without_the_token_nothing_is_told(admin: Admin) -> None:
    for path in ("/metrics", "/admin/v1/config", "/admin/v1/node"):
        status, fields, body = admin.ask(path, token="a guess")
        problem = json.loads(body)
        assert (status, problem["code"]) == (401, "admin_unauthenticated")
        assert fields["www-authenticate"].startswith("Bearer")
        assert "admin.token" in problem["detail"]


def test_of_thousands_of_mistakes_some_are_told_everywhere(
    whole: Stage, admin: Admin, tmp_path: Path, probe: int
) -> None:
    """Red without `few` in node/reload.py."""
    file = tmp_path / "gateway.yaml"
    bad = [{"path": f"/r{number}", "service": "none", "auth": "none"} for number in range(3000)]
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "routes": bad}))
    assert wait_until(lambda: "refused" in asked(probe)[1], 20.0)
    refused = admin.told("/admin/v1/config")["refused"]
    assert (len(refused), asked(probe)[1]["refused"]) == (51, refused)
    assert refused[-1] == "and 2950 more: `tta-gateway check` shows all"
    lines = whole.gateway.log.read_text().splitlines()
    (event,) = [json.loads(line) for line in lines if "configuration_refused" in line]
    assert event["complaints"] == refused


def test_the_token_is_its_owners_alone_and_outlives_control(
    whole: Stage, admin: Admin, tmp_path: Path, probe: int
) -> None:
    token = admin.token()
    assert stat.S_IMODE((tmp_path / "state" / "admin.token").stat().st_mode) == 0o600
    kill(whole, "control", probe)
    assert admin.token() == token
    assert admin.ask("/metrics")[0] == 200


def kill(whole: Stage, name: str, probe: int) -> None:
    """Kill a process beside the workers, and wait for the next."""
    pid = companion_of(whole.gateway.process.pid, name)
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: companion_of(whole.gateway.process.pid, name) not in (None, pid))
    assert wait_until(lambda: asked(probe)[1][name] == "serving")


def test_metrics_are_those_of_all_workers_together(whole: Stage, admin: Admin) -> None:
    ask_often(whole, 40)
    assert wait_until(lambda: admin.samples().get((SUM, LABELS)) == 40)
    samples = admin.samples()
    assert samples["tta_http_request_duration_seconds_count", LABELS[:3]] == 40
    assert samples["tta_active_connections", ("api-gateway",)] == 0
    for kind in ("worker", "control"):
        assert samples["tta_gateway_process_cpu_seconds_total", (kind,)] > 0
        assert samples["tta_gateway_process_resident_memory_bytes", (kind,)] > 2**20


def test_metrics_may_be_open_to_all_who_reach_them(tmp_path: Path) -> None:
    port = free_port()
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, admin=f"127.0.0.1:{port}", admin_metrics="open"),
    ):
        admin = Admin(port, tmp_path / "state")
        assert admin.ask("/metrics", token="nobody")[0] == 200
        assert admin.ask("/admin/v1/config", token="nobody")[0] == 401


def test_no_counter_goes_back_when_a_worker_is_killed(
    whole: Stage, admin: Admin, probe: int
) -> None:
    """Red where a worker takes a fresh segment, without Segments.leave in offspring.py."""
    ask_often(whole, 30)
    assert wait_until(lambda: admin.samples().get((SUM, LABELS)) == 30)
    for deaths in (1, 2, 3):
        before = admin.counters()
        os.kill(workers_of(whole.gateway.process.pid)[0], signal.SIGKILL)
        assert wait_until(lambda deaths=deaths: all_serve_again(probe, deaths=deaths))  # type: ignore[misc]
        after = admin.counters()
        assert [key for key, value in before.items() if after.get(key, 0.0) < value] == []
    ask_often(whole, 10)
    assert wait_until(lambda: admin.samples().get((SUM, LABELS)) == 40)


def test_what_a_worker_that_was_killed_held_is_counted_no_longer(
    whole: Stage, admin: Admin, probe: int
) -> None:
    with whole.client() as one, whole.client() as other:
        assert (one.get(b"/").status, other.get(b"/").status) == (200, 200)
        assert admin.samples()["tta_active_connections", ("api-gateway",)] == 2
        for pid in workers_of(whole.gateway.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: all_serve_again(probe, deaths=2))
        assert wait_until(
            lambda: admin.samples().get(("tta_active_connections", ("api-gateway",))) == 0
        )


@pytest.mark.parametrize("name", ["control", "guard"])
def test_a_companion_that_is_killed_disturbs_nobody(whole: Stage, probe: int, name: str) -> None:
    with whole.client() as client:
        pid = companion_of(whole.gateway.process.pid, name)
        assert pid
        os.kill(pid, signal.SIGKILL)
        degraded = wait_until(lambda: asked(probe)[1].get("degraded") == [name], 2.0)
        for _ in range(50):
            assert client.get(b"/").status == 200
        assert wait_until(lambda: "degraded" not in asked(probe)[1])
    assert degraded or name == "guard"  # that one is back within a moment
    assert asked(probe)[0] == 200


def test_whoever_asks_while_control_is_dead_is_answered_by_the_next(
    whole: Stage, admin: Admin
) -> None:
    pid = companion_of(whole.gateway.process.pid, "control")
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert admin.ask("/metrics")[0] == 200


def test_a_refused_configuration_is_told_to_operators(
    whole: Stage, admin: Admin, tmp_path: Path
) -> None:
    assert admin.told("/admin/v1/config")["refused"] == []
    file = tmp_path / "gateway.yaml"
    good = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**good, "routes": routes(service="nobody")}))
    assert admin.ask("/admin/v1/config/reload", method="POST")[0] == 202
    assert wait_until(lambda: admin.told("/admin/v1/config")["refused"] != [])
    told = admin.told("/admin/v1/config")
    assert "there is no service `nobody`" in told["refused"][0]
    assert (told["configuration"], told["versions"]) == (1, [1, 1])
    with whole.client() as client:
        assert client.get(b"/").status == 200


def test_what_is_not_there_is_a_problem(admin: Admin) -> None:
    status, fields, body = admin.ask("/admin/v1/nothing")
    assert (status, fields["content-type"]) == (404, "application/problem+json")
    assert json.loads(body)["code"] == "admin_not_found"


def test_the_guard_has_mapped_no_heavy_library_and_is_small(whole: Stage) -> None:
    pid = companion_of(whole.gateway.process.pid, "guard")
    assert pid
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert [name for name in HEAVY if f"/{name}" in maps] == []
    assert resident(pid) < 50 * 2**20


def test_all_of_it_ends_with_the_command(whole: Stage) -> None:
    pids = [
        *workers_of(whole.gateway.process.pid),
        companion_of(whole.gateway.process.pid, "guard"),
        companion_of(whole.gateway.process.pid, "control"),
    ]
    whole.gateway.process.terminate()
    assert whole.gateway.process.wait(10) == 0
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_no_companion_outlives_a_supervisor_that_is_killed(whole: Stage) -> None:
    pids = [companion_of(whole.gateway.process.pid, name) for name in ("guard", "control")]
    assert None not in pids
    whole.gateway.process.kill()
    assert wait_until(lambda: not any(_lives(pid) for pid in pids), 1.5)


def _lives(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
