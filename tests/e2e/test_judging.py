"""Workers of which each sees too few answers to judge an endpoint, and control, which sees all."""

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.http_service import Service
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
TOGETHER: Final = "by what all workers saw"


@contextlib.contextmanager
def node(
    tmp_path: Path, services: list[Service], *, workers: int, admin: int, **more: object
) -> Iterator[Stage]:
    players = {"endpoints": [one.url for one in services], **more}
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            upstream=upstream,
            workers=workers,
            admin=f"127.0.0.1:{admin}",
            services={"players": players},
            routes=[{"path": "/{rest:path}", "service": "players", "auth": "none"}],
        ) as one,
    ):
        try:
            yield one
        finally:
            for service in services:
                service.kill()


def ask(one: Stage) -> int:
    """Ask on a new connection, so that any worker may be asked; return who answered."""
    with one.client() as client:
        client.ask(b"/a", fields=[(b"Connection", b"close")])
        return int(client.answer().body)


def events(one: Stage, name: str) -> list[dict[str, Any]]:
    lines = one.gateway.log.read_text().splitlines()
    return [json.loads(line) for line in lines if f'"event":"{name}"' in line]


def transitions(admin: Admin) -> set[tuple[str, str, str]]:
    told = admin.told("/admin/v1/services/players")["transitions"]
    return {(one["endpoint"], one["change"], one["by"]) for one in told}


def endpoint(admin: Admin, name: str) -> dict[str, Any]:
    told = admin.told("/admin/v1/services/players")["endpoints"]
    found: dict[str, Any] = next(one for one in told if one["endpoint"] == name)
    return found


def is_there(admin: Admin) -> bool:
    """Tell whether control serves."""
    try:
        return admin.ask("/admin/v1/services")[0] == 200
    except OSError:
        return False


def printed(tmp_path: Path) -> str:
    file = str(tmp_path / "gateway.yaml")
    command = [sys.executable, "-m", "tta_gateway", "services", "-c", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_an_endpoint_that_fails_more_than_its_peers_is_ejected_by_all_workers(
    tmp_path: Path, admin_port: int
) -> None:
    """Of 50 answers of each endpoint in four seconds each worker sees about half; 40 are needed.

    Red without `self._judge_shares` in node/judging.py.
    """
    outliers = {"failures": 1000, "interval": "4s", "least_asked": 40}
    services = [Service(each=2), Service(), Service()]
    name = f"127.0.0.1:{services[0].port}"
    with node(
        tmp_path,
        services,
        workers=2,
        admin=admin_port,
        outliers=outliers,
        balance="least_request",
    ) as one:
        end = time.monotonic() + 30.0
        while time.monotonic() < end and not events(one, "endpoint_ejected"):
            began = time.monotonic()
            ask(one)
            time.sleep(max(0.0, began + 4.0 / 150 - time.monotonic()))
        (line,) = events(one, "endpoint_ejected")
        assert (line["endpoint"], line["service"]) == (name, "players")
        assert line["cause"].endswith(f"failed, {TOGETHER}; for 30 s")
        failed, _, asked, *_ = line["cause"].split()
        assert int(asked) >= 40
        assert 0.4 < int(failed) / int(asked) < 0.6
        assert wait_until(lambda: services[0].port not in Counter(ask(one) for _ in range(20)))
        assert services[0].port not in Counter(ask(one) for _ in range(60))
        admin = Admin(admin_port, tmp_path / "state")
        assert transitions(admin) == {(name, "ejected", "control")}
        text = printed(tmp_path)
        assert f"  {name} ejected until " in text
        assert f" {name} ejected: {line['cause']} (control)" in text


def test_an_endpoint_that_is_slow_gets_only_probes_from_all_workers_until_it_is_fast_again(
    tmp_path: Path, admin_port: int
) -> None:
    """Each of four workers sees about three slow answers, and needs five.

    Red without `self._judge_paces` in node/judging.py.
    """
    services = [Service(takes=0.4), Service(), Service()]
    slow = services[0].port
    name = f"127.0.0.1:{slow}"
    admin = Admin(admin_port, tmp_path / "state")

    with node(tmp_path, services, workers=4, admin=admin_port, outliers={"interval": "2s"}) as one:
        assert wait_until(lambda: is_there(admin))
        answered = Counter[int]()
        while answered[slow] < 13:
            answered[ask(one)] += 1
        assert wait_until(lambda: endpoint(admin, name).get("probed_only_by") == 4, 15.0)
        penalised = events(one, "endpoint_penalised")
        ours = [line for line in penalised if TOGETHER in line["cause"]]
        assert len(ours) == 1
        assert len(penalised) - len(ours) < 4  # of the workers not all saw it themselves
        assert (name, "penalised", "control") in transitions(admin)
        assert wait_until(lambda: len(events(one, "endpoint_slow")) == 1)
        says_why(events(one, "endpoint_slow"), name)
        assert f"players/{name}: weight 0." in printed(tmp_path)
        services[0].fail(failing=False)  # it takes no time any more
        end = time.monotonic() + 60.0
        while time.monotonic() < end and not events(one, "endpoint_fast_again"):
            ask(one)
        (line,) = events(one, "endpoint_fast_again")
        assert line["endpoint"] == name
        assert wait_until(lambda: "probed_only_by" not in endpoint(admin, name))
        assert slow in Counter(ask(one) for _ in range(100))


def says_why(lines: list[dict[str, Any]], name: str) -> None:
    """Check the line of a penalty."""
    (line,) = lines
    assert (line["service"], line["endpoint"]) == ("players", name)
    assert line["weight"] < 0.6
    assert line["p99"] > 0.25 > line["peers_p99"] > 0.0
    why = f"players/{name}: weight {line['weight']:.2f}, p99 {line['ratio']:.1f}"
    assert line["why"] == f"{why} times its peers"
