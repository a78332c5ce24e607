"""Stores of the operator: one that is not there is asked until it is; secrets stand elsewhere."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.slow import companion_of, wait_until
from tests.helpers.valkey_server import BOTH, Kind, server

pytestmark = pytest.mark.e2e

FIT: Final = (
    *("--appendonly", "yes", "--appendfsync", "always"),
    *("--maxmemory-policy", "noeviction"),
)
SECRET: Final = "kanarien7vogel"
CALM: Final = 12.5  # seconds, at most, until a store that answers is asked again


class Node:
    """A gateway with a store for state, and what it tells of it."""

    def __init__(self, one: Stage, folder: Path, probe: int, admin: int) -> None:
        self.stage = one
        self.folder = folder
        self._probe = probe
        self.admin = Admin(admin, folder / "state")

    def health(self) -> dict[str, object]:
        """What the probe says."""
        status, said = asked(self._probe)
        assert status == 200  # whatever becomes of a store
        return said

    def stores(self) -> list[str]:
        """What there is to say about the store for state."""
        found: list[str] = self.admin.told("/admin/v1/node")["stores"].get("state", ["unasked"])
        return found

    def is_away(self, patience: float = 10.0) -> bool:
        """Wait until the probe, and whoever asks for the node, hears that it is away."""

        def told() -> bool:
            missing = self.health().get("degraded", [])
            return missing == ["valkey state"] and "could not be asked" in self.stores()[0]

        return wait_until(told, patience)

    def is_fit(self, patience: float = 10.0) -> bool:
        """Wait until there is nothing to say about it."""
        return wait_until(lambda: "degraded" not in self.health() and self.stores() == [], patience)

    def events(self) -> list[str]:
        """The events about stores, as they came."""
        told: list[dict[str, Any]] = [
            json.loads(line)
            for line in self.stage.gateway.log.read_text().splitlines()
            if '"event":"store_' in line
        ]
        return [one["event"] for one in told]

    def version(self) -> object:
        """The version of the configuration that all workers decide from."""
        said = self.health()
        return said["configuration"] if said["versions"] == [said["configuration"]] else None


@contextlib.contextmanager
def node(folder: Path, url: object) -> Iterator[Node]:
    """A gateway whose state is to be there."""
    probe, admin = free_port(), free_port()
    with (
        scripted() as upstream,
        stage(
            folder,
            upstream=upstream,
            probe=f"127.0.0.1:{probe}",
            admin=f"127.0.0.1:{admin}",
            valkey_url=url,
        ) as one,
    ):
        yield Node(one, folder, probe, admin)


@pytest.mark.parametrize("kind", BOTH)
def test_a_store_that_rises_after_the_gateway_is_found(tmp_path: Path, kind: Kind) -> None:
    """Red where `Stores.look` in node/stores.py asks once."""
    port = free_port()
    with node(tmp_path, f"redis://127.0.0.1:{port}") as one:
        assert one.is_away()
        assert one.stores() == ["state: it could not be asked: Connection refused"]
        with one.stage.client() as client:
            assert client.get(b"/").status == 200
        with server(kind, *FIT, port=port):
            assert one.is_fit()
        assert wait_until(lambda: one.events() == ["store_unfit", "store_fit"])


def test_a_store_that_goes_is_told_of_and_found_again(tmp_path: Path) -> None:
    with (
        server("redis", *FIT) as store,
        node(tmp_path, f"redis://127.0.0.1:{store.port}") as one,
    ):
        assert one.is_fit()
        store.kill()
        assert one.is_away(CALM + 5.0)
        store.start_again()
        assert one.is_fit()
        assert wait_until(lambda: one.events() == ["store_unfit", "store_fit"])


def test_a_next_control_tells_what_the_one_before_knew(tmp_path: Path) -> None:
    port = free_port()
    with node(tmp_path, f"redis://127.0.0.1:{port}") as one:
        assert one.is_away()
        pid = companion_of(one.stage.gateway.process.pid, "control")
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: "control" in str(one.health().get("degraded")))
        with server("redis", *FIT, port=port):
            assert one.is_fit(20.0)


# --- secrets --------------------------------------------------------------------------------------


def put(file: Path, password: str, port: int) -> None:
    """Write a URL with this password, in one step."""
    beside = file.with_suffix(".new")
    beside.write_text(f"redis://:{password}@127.0.0.1:{port}\n")
    beside.chmod(0o600)
    beside.replace(file)


def shown(folder: Path) -> str:
    """What `config show` prints."""
    return _said("config", "show", folder)


def _said(*words: object) -> str:
    *command, folder = words
    done = subprocess.run(
        [sys.executable, "-m", "tta_gateway", *map(str, command), "-c", f"{folder}/gateway.yaml"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout + done.stderr


def nowhere(one: Node, file: Path | None = None) -> bool:
    """Whether the secret is in nothing that the gateway writes, prints or tells."""
    told = [str(one.health()), str(one.admin.told("/admin/v1/node")), shown(one.folder)]
    told += [str(one.admin.told("/admin/v1/config")), _said("check", one.folder)]
    files = [path for path in one.folder.rglob("*") if path.is_file() and path != file]
    held = [path.read_bytes() for path in files]
    return SECRET not in "".join(told) and not any(SECRET.encode() in data for data in held)


def test_a_secret_in_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """Red without `_watches.adopt` in node/assemble_node.py."""
    file = tmp_path / "store.url"
    with server("redis", *FIT, "--requirepass", SECRET) as store:
        put(file, "wrong", store.port)
        with node(tmp_path, {"file": "store.url"}) as one:
            assert one.is_away()
            assert one.stores() == ["state: it could not be asked: it refuses: WRONGPASS"]
            put(file, SECRET, store.port)
            assert one.is_fit()
            assert one.version() == 2
            assert "file: store.url" in shown(tmp_path)
            assert nowhere(one, file)


def test_a_secret_that_has_gone_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    file = tmp_path / "store.url"
    with server("redis", *FIT, "--requirepass", SECRET) as store:
        put(file, SECRET, store.port)
        with node(tmp_path, {"file": "store.url"}) as one:
            assert one.is_fit()
            file.unlink()
            one.stage.gateway.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: "refused" in one.health())
            assert "valkey_url.file: `" in str(one.health()["refused"])
            assert (one.version(), one.stores()) == (1, [])
            put(file, SECRET, store.port)  # and it is watched even so
            assert wait_until(lambda: one.version() == 2)
            assert "refused" not in one.health()


def test_a_secret_in_a_variable_is_there_when_the_file_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server("redis", *FIT, "--requirepass", SECRET) as store:
        monkeypatch.setenv("STORE", f"redis://:{SECRET}@127.0.0.1:{store.port}")
        with node(tmp_path, {"env": "STORE"}) as one:
            assert one.is_fit()
            one.stage.gateway.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: one.version() == 2)
            assert one.is_fit()
            assert "env: STORE" in shown(tmp_path)
            assert nowhere(one)
