"""New workers, and a new gateway, in the place of the old: nobody is refused meanwhile."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.e2e.edge.stage import Stage, routes
from tests.helpers.clients import PATIENCE
from tests.helpers.crowd import FRESH, Crowd
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.scripted_upstream import Late
from tests.helpers.slow import wait_until, workers_of
from tests.helpers.soak import often
from tta_gateway.node.commands import ask

pytestmark = pytest.mark.e2e

TIMES: Final = often(3, soak=10)


def command(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on the configuration of the gateway that runs."""
    return subprocess.run(
        [sys.executable, "-m", "tta_gateway", *words, "-c", str(tmp_path / "gateway.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status(tmp_path: Path) -> dict[str, Any]:
    return ask(tmp_path / "state", "status")


@pytest.fixture
def crowd(node: Stage) -> Iterator[Crowd]:
    """Clients that come again and again, each time on a new connection."""
    with Crowd(node.port, returns=True) as crowd:
        crowd.newcomers(6, pause=0.0)
        assert wait_until(lambda: crowd.tally.answered[FRESH] > 20)
        yield crowd


def test_workers_are_replaced_without_a_refusal(
    node: Stage, crowd: Crowd, tmp_path: Path, probe: int
) -> None:
    """Red where the old worker is told to leave before the new one serves."""
    before = set(workers_of(node.gateway.process.pid))
    for _ in range(TIMES):
        done = command(tmp_path, "restart", "--workers")
        assert (done.returncode, done.stdout) == (0, "2 workers replaced\n"), done.stderr
    assert crowd.stop().lost == []
    assert wait_until(lambda: status(tmp_path)["leaving"] == 0)
    assert before.isdisjoint(workers_of(node.gateway.process.pid))
    assert len(workers_of(node.gateway.process.pid)) == 2
    assert asked(probe)[1]["deaths"] == 0


def test_the_process_becomes_what_is_installed_now(
    node: Stage, crowd: Crowd, tmp_path: Path
) -> None:
    """Same process, same sockets, new workers.  Red without `inheritable` in node/handover.py."""
    pid, before = node.gateway.process.pid, set(workers_of(node.gateway.process.pid))
    done = command(tmp_path, "upgrade")
    assert (done.returncode, done.stderr) == (0, "")
    assert wait_until(lambda: status(tmp_path)["leaving"] == 0)
    assert crowd.stop().lost == []
    told = status(tmp_path)
    assert (told["pid"], told["generation"], told["workers"]) == (pid, 1, ["serving"] * 2)
    assert before.isdisjoint(workers_of(pid))
    assert node.gateway.process.poll() is None


def test_an_upgraded_gateway_does_all_that_it_did(node: Stage, tmp_path: Path, probe: int) -> None:
    assert command(tmp_path, "upgrade").returncode == 0
    assert command(tmp_path, "upgrade").returncode == 0
    assert wait_until(lambda: status(tmp_path)["leaving"] == 0)  # else one that leaves is killed
    os.kill(workers_of(node.gateway.process.pid)[0], 9)
    assert wait_until(lambda: asked(probe)[1]["workers"] == ["serving"] * 2)
    assert wait_until(lambda: asked(probe)[1]["deaths"] == 1)
    assert command(tmp_path, "restart", "--workers").returncode == 0
    file = tmp_path / "gateway.yaml"
    respond = {"path": "/new", "auth": "none", "respond": {"body": "new"}}
    config = yaml.safe_load(file.read_text()) | {"routes": [*routes(), respond]}
    file.write_text(yaml.safe_dump(config))
    assert wait_until(lambda: asked(probe)[1]["versions"] == [4, 4])
    with node.client() as client:
        assert client.get(b"/new").body == b"new"
    node.gateway.process.terminate()
    assert node.gateway.process.wait(PATIENCE) == 0


def test_what_is_under_way_ends_in_the_old_worker(node: Stage, tmp_path: Path) -> None:
    late = Late()
    with node.client() as client:
        target = node.on(late)
        client.ask(target)
        assert wait_until(lambda: node.upstream.calls(target) == 1)
        assert command(tmp_path, "restart", "--workers").returncode == 0
        assert command(tmp_path, "upgrade").returncode == 0
        assert wait_until(lambda: status(tmp_path)["leaving"] == 1)  # those between had nothing
        late.release()
        assert client.answer().body == late.body
    assert wait_until(lambda: status(tmp_path)["leaving"] == 0)


def test_an_upgrade_that_cannot_be_does_nothing(node: Stage, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    good = yaml.safe_load(file.read_text())
    before = workers_of(node.gateway.process.pid)
    for bad, reason in (
        ({"routes": routes(service="nobody")}, "there is no service `nobody`"),
        ({"listen": f"127.0.0.1:{free_port()}"}, "listen: cannot change while the gateway runs"),
    ):
        file.write_text(yaml.safe_dump({**good, **bad}))
        assert wait_until(lambda: "refused" in asked(_probe(good))[1])
        file.write_text(yaml.safe_dump(good))
        assert wait_until(lambda: "refused" not in asked(_probe(good))[1])
        file.write_text(yaml.safe_dump({**good, **bad}))
        ask(tmp_path / "state", "upgrade")
        assert wait_until(lambda: status(tmp_path)["upgrade"]["refused"] != [])
        assert reason in status(tmp_path)["upgrade"]["refused"][0]
    assert (status(tmp_path)["generation"], workers_of(node.gateway.process.pid)) == (0, before)


def _probe(config: dict[str, Any]) -> int:
    return int(str(config["probe"]).rpartition(":")[2])


def test_a_broken_file_keeps_nobody_from_looking_after_its_gateway(
    node: Stage, tmp_path: Path, probe: int
) -> None:
    """The file is what has to be mended just then: red where the commands check all of it."""
    file = tmp_path / "gateway.yaml"
    file.write_text(f"{file.read_text()}\nroutes: [")
    assert wait_until(lambda: "refused" in asked(probe)[1])
    told = command(tmp_path, "config", "status")
    assert (told.returncode, told.stdout) == (1, f"version 1 of {file} is in force\n")
    assert told.stderr.startswith(f"refused: {file}:")
    assert "is not YAML" in told.stderr
    before = set(workers_of(node.gateway.process.pid))
    assert command(tmp_path, "restart", "--workers").stdout == "2 workers replaced\n"
    assert wait_until(lambda: before.isdisjoint(workers_of(node.gateway.process.pid)))
    done = command(tmp_path, "upgrade")
    assert (done.returncode, "is not YAML" in done.stderr) == (1, True)
    file.unlink()
    told = command(tmp_path, "config", "status", "--state-dir", str(tmp_path / "state"))
    assert told.stdout == f"version 1 of {file} is in force\n"


def test_a_command_without_a_gateway_says_so(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(
        yaml.safe_dump({"state_dir": str(tmp_path / "none"), "routes": [_ANY]})
    )
    for words in (("restart", "--workers"), ("upgrade",), ("config", "status")):
        done = command(tmp_path, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("no gateway runs with the state folder")


_ANY: Final = {"path": "/", "auth": "none", "respond": {"body": "{}"}}
