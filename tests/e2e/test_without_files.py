"""What was accepted is enough: workers start whatever has become of certificates and keys since."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.certificates import Folder
from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.programs import curl, daemon
from tests.helpers.slow import wait_until, workers_of
from tta_gateway.node.commands import ask

pytestmark = pytest.mark.e2e

KEYS: Final = ("server.pem.key", "mine.pem.key")
NAME: Final = "gateway.test"


@dataclass(frozen=True, slots=True)
class World:
    """A gateway that speaks TLS on both sides, asks for certificates, and shows its own."""

    stage: Stage
    folder: Folder
    outside: Folder
    ports: dict[str, int]
    path: Path

    @property
    def pid(self) -> int:
        return self.stage.gateway.process.pid

    def told(self) -> dict[str, object]:
        return asked(self.ports["probe"])[1]

    def serves(self) -> bool:
        """Whether a known client is let in, and led to a service that lets the gateway in."""
        shown = self.outside.path / "client.pem"
        done = curl(
            *("--cacert", str(self.outside.ca), "--cert", str(shown), "--key", f"{shown}.key"),
            *("--resolve", f"{NAME}:{self.ports['listen']}:127.0.0.1"),
            f"https://{NAME}:{self.ports['listen']}/",
        )
        return done.returncode == 0 and done.stdout.startswith("HTTP/1.1 200")

    def keeps_strangers_out(self) -> bool:
        url = f"https://127.0.0.1:{self.ports['listen']}/"
        return curl("--insecure", url).returncode == 56

    def replaced(self, end: Callable[[], None]) -> bool:
        """Whether both workers are others after this, and serve."""
        before = workers_of(self.pid)
        end()
        new = wait_until(lambda: set(workers_of(self.pid)).isdisjoint(before), 20.0)
        ready = ["serving"] * 2
        return new and wait_until(lambda: self.told()["workers"] == ready and self.all_new(2))

    def all_new(self, count: int) -> bool:
        return len(workers_of(self.pid)) == count

    def kill(self) -> None:
        for pid in workers_of(self.pid):
            os.kill(pid, signal.SIGKILL)

    def restart(self) -> None:
        ask(self.path / "state", "restart")


@contextlib.contextmanager
def running(path: Path) -> Iterator[World]:
    """All that the gateway reads is in `certificates`, what others need of it is `outside`."""
    folder, outside = Folder(path / "certificates"), Folder(path / "outside")
    shutil.copy(outside.ca, folder.ca)
    folder.authority = outside.authority
    theirs = outside.issue("127.0.0.1", file="service.pem")
    outside.issue("a-client", file="client.pem")
    mine = folder.issue("the-gateway", file="mine.pem")
    ports = {name: free_port() for name in ("listen", "service", "probe", "admin")}
    tls = {"certificates": [folder.issue(NAME)], "client_ca": str(folder.ca)}
    up = {
        "endpoints": [f"https://127.0.0.1:{ports['service']}"],
        "ca": str(folder.ca),
        "client_certificate": mine["certificate"],
        "client_key": mine["key"],
    }
    command = [
        *("openssl", "s_server", "-accept", f"127.0.0.1:{ports['service']}", "-www", "-quiet"),
        *("-cert", theirs["certificate"], "-key", theirs["key"]),
        *("-Verify", "1", "-CAfile", str(outside.ca), "-verify_return_error"),
    ]
    with (
        daemon(command, port=ports["service"], log=path / "service.log"),
        scripted() as upstream,
        stage(
            path,
            upstream=upstream,
            workers=2,
            listen=[{"address": f"127.0.0.1:{ports['listen']}", "tls": tls}],
            services={"up": up},
            probe=f"127.0.0.1:{ports['probe']}",
            admin=f"127.0.0.1:{ports['admin']}",
        ) as one,
    ):
        world = World(one, folder, outside, ports, path)
        assert world.serves(), one.gateway.tail()
        yield world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as one:
        yield one


def gone(folder: Path) -> None:
    """Take every file away that the configuration names."""
    shutil.rmtree(folder)


def garbled(folder: Path) -> None:
    """Write nonsense into all of them."""
    for file in folder.iterdir():
        file.write_text("-----BEGIN NOTHING-----\n")


def hanging(folder: Path) -> None:
    """Have whoever opens one of them wait for ever, as on a disk that does not answer."""
    for file in list(folder.iterdir()):
        file.unlink()
        os.mkfifo(file)


@pytest.mark.parametrize("spoil", [gone, garbled, hanging])
def test_workers_follow_each_other_whatever_has_become_of_the_files(
    world: World, spoil: Callable[[Path], None]
) -> None:
    """Red where a worker reads them: none came up again, and nobody was left to be asked."""
    spoil(world.folder.path)
    for end in (world.kill, world.restart):
        assert world.replaced(end), world.stage.gateway.tail()
        assert [world.serves() for _ in range(6)] == [True] * 6
        assert world.keeps_strangers_out()
    assert world.told()["deaths"] == 2


def test_a_node_starts_from_what_was_kept_when_all_files_have_gone(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        state = tmp_path / "state"
        assert wait_until(lambda: (state / "snapshot.kept").exists())
        file = tmp_path / "gateway.yaml"
        world.stage.gateway.stop()
        gone(world.folder.path)
        file.unlink()
        command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(file)]
        process = subprocess.Popen(
            [*command, "--kept", str(state)], stdout=subprocess.DEVNULL, cwd=tmp_path
        )
        try:
            assert wait_until(world.serves, 20.0)
            assert world.keeps_strangers_out()
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


def test_a_bad_renewal_is_refused_and_successors_show_the_old_certificate(world: World) -> None:
    before = serial(world)
    made = world.folder.issue(NAME)
    good = Path(made["key"]).read_bytes()
    Path(made["key"]).write_bytes(b"half a k")
    world.stage.gateway.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "refused" in world.told())
    assert "holds no private key in PEM" in str(world.told()["refused"])
    assert world.replaced(world.kill)
    assert serial(world) == before
    Path(made["key"]).write_bytes(good)
    world.stage.gateway.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: world.told()["versions"] == [2, 2])
    after = serial(world)
    assert after != before
    gone(world.folder.path)
    assert world.replaced(world.kill)
    assert (serial(world), world.serves()) == (after, True)


def serial(world: World) -> str:
    """The number of the certificate that is shown."""
    port, shown = world.ports["listen"], world.outside.path / "client.pem"
    known = ("-cert", str(shown), "-key", f"{shown}.key", "-servername", NAME)
    words = " ".join(("openssl s_client -connect", f"127.0.0.1:{port}", *known))
    command = f"{words} </dev/null 2>/dev/null | openssl x509 -noout -serial"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.startswith("serial=")
    return done.stdout


def test_no_key_is_anywhere_but_in_memory(world: World, tmp_path: Path) -> None:
    """Not in the state folder, a log, an answer of the administration, or what commands print."""
    state, file = tmp_path / "state", tmp_path / "gateway.yaml"
    assert wait_until(lambda: (state / "snapshot.kept").exists())
    assert wait_until(lambda: "degraded" not in world.told())
    admin = Admin(world.ports["admin"], state)
    written = [one.read_bytes() for one in tmp_path.rglob("*") if is_the_gateways(one, world)]
    assert len(written) > 5
    said = [admin.ask(f"/admin/v1/{name}")[2] for name in ("config", "node")]
    said += [printed(word, "-c", str(file)) for word in ("show", "status")]
    said.append(str(world.told()).encode())
    assert all(said)
    for form in forms(world.folder.path):
        assert not any(form in text for text in (*written, *said))


def is_the_gateways(path: Path, world: World) -> bool:
    others = (world.folder.path, world.outside.path)
    return path.is_file() and path.parent not in others


def printed(*words: str) -> bytes:
    command = [sys.executable, "-m", "tta_gateway", "config", *words]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout


def forms(folder: Path) -> list[bytes]:
    """What would give a key away: how each begins, a line of it, and its number."""
    found = [b"PRIVATE KEY"]
    for name in KEYS:
        key = load_pem_private_key((folder / name).read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)  # as they are made
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        found += [pem.splitlines()[1], key.private_numbers().private_value.to_bytes(32, "big")]
    return found
