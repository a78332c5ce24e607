"""A real Docker Engine in namespaces of its own; and the recorder of what one answers.

Its containers, networks and addresses are seen by nobody else on the machine, and end with it; only
its socket is reached from outside.  No image is fetched: one is made of a static busybox.

`python -m tests.helpers.docker_server FILE` plays the steps below against it and writes what it was
asked and answered; tests/contract/discovery/test_docker_recorded.py plays that back.  DOCKER_ROOT
names a folder with another system in which `dockerd` and `busybox` are (a chroot).
"""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Final

from tests.helpers.found import Told, watched
from tests.helpers.recording import Exchange, Recorder, Step, written
from tests.helpers.registry_server import RegistryServer, serving
from tests.helpers.slow import wait_until
from tta_gateway.features.discovery.bound import Docker
from tta_gateway.features.discovery.docker_provider import DockerProvider
from tta_gateway.support.http_client import Origin

SERVICE: Final = "game"
ROUTES: Final = '[{"path": "/live/{id}", "methods": ["GET"], "auth": "none"}]'
_START: Final = 30.0
_FIELDS: Final = ("content-type", "api-version", "server")
_OPTIONS: Final = "--storage-driver=vfs --iptables=false --ip6tables=false"
_ALONE: Final = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_JAIL: Final = """
mount --bind "$0" "$0" && cd "$0" && mkdir -p was
mount -t sysfs sysfs sys && mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t proc proc proc && mount --rbind /dev dev
pivot_root . was && umount -l /was
exec "$@"
"""


def why_not() -> str:
    """Why no engine can run here; empty if one can."""
    missing = [name for name in ("dockerd", "docker", "busybox", "unshare") if not which(name)]
    if missing:
        return f"no {', '.join(missing)} here: Debian's docker.io and busybox-static have them"
    if os.geteuid() != 0:
        return "an engine needs root"
    alone = subprocess.run([*_ALONE, "true"], capture_output=True, check=False).returncode == 0
    return "" if alone else "an engine needs namespaces of its own, which this machine refuses"


class DockerEngine:
    """One engine, asked with Docker's own command."""

    def __init__(self, folder: Path, *, root: str = "") -> None:
        """Start it; with a `root`, as the system in that folder has it."""
        self._root = root
        self._folder = folder
        self.socket = f"{root}{folder}/docker.sock"
        self._process = self._started()
        try:
            self._import()
        except BaseException:
            self.stop()
            raise

    def _started(self) -> "subprocess.Popen[bytes]":
        folder = self._folder
        words = f"exec dockerd {_OPTIONS} --data-root={folder}/data --exec-root={folder}/exec"
        words += f" --pidfile={folder}/pid --host=unix://{folder}/docker.sock"
        shell = ["sh", "-c", f"ip link set lo up; {words}"]
        jail = ["sh", "-c", _JAIL, self._root] if self._root else []
        log = Path(f"{self._root}{folder}/log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            process = subprocess.Popen([*_ALONE, *jail, *shell], stdout=file, stderr=file)
        assert wait_until(lambda: bool(self.ask("version")), _START), log.read_text()
        return process

    def _import(self) -> None:
        """Make an image of a busybox and nothing else."""
        binary = Path(which("busybox") or "busybox").resolve()
        assert b"/ld-linux" not in binary.read_bytes(), f"{binary} is not Debian's busybox-static"
        image = io.BytesIO()
        with tarfile.open(fileobj=image, mode="w") as tar:
            tar.add(binary, "bin/busybox")
            shell = tarfile.TarInfo("bin/sh")  # what runs health checks
            shell.type, shell.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(shell)
        words = [*self._command, "import", "-", "tiny"]
        subprocess.run(words, input=image.getvalue(), check=True, capture_output=True)

    @property
    def _command(self) -> list[str]:
        return ["docker", "--host", f"unix://{self.socket}"]

    def ask(self, *words: str) -> str:
        """Ask it for something; nothing if it does not do so."""
        done = subprocess.run([*self._command, *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def do(self, *words: str) -> None:
        """Have it do something."""
        subprocess.run([*self._command, *words], capture_output=True, check=True)

    def run(self, name: str, *options: str) -> None:
        """Have a container, which does nothing."""
        label = f"--label=tta-gateway.service={SERVICE}"
        always = ("--detach", "--stop-timeout=1", f"--name={name}", label)
        self.do("run", *always, *options, "tiny", "/bin/busybox", "sleep", "100000")

    def end(self) -> None:
        """End it as an operator does."""
        inside = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        for one in inside.split():
            os.kill(int(one), signal.SIGTERM)
        self._process.wait(20.0)

    def start(self) -> None:
        """Start it anew, with its containers."""
        self._process = self._started()

    def stop(self) -> None:
        """End it, and all that runs in it."""
        with contextlib.suppress(subprocess.TimeoutExpired, FileNotFoundError, ProcessLookupError):
            self.ask("rm", "--force", *self.ask("ps", "--all", "--quiet").split())
            self.end()
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def docker_engine(*, root: str = "") -> Iterator[DockerEngine]:
    """Run one."""
    with tempfile.TemporaryDirectory() as folder:
        engine = DockerEngine(Path(folder), root=root)
        try:
            yield engine
        finally:
            engine.stop()


ONE: Final = "172.17.0.2:9001"
TWO: Final = "10.89.0.2:9002"
HEALTH: Final = (
    "--health-cmd=/bin/busybox test -e /well",
    "--health-interval=1s",
    "--health-retries=1",
    "--health-timeout=5s",
)


def _second(engine: DockerEngine) -> None:
    engine.do("network", "create", "--subnet=10.89.0.0/24", "backend")
    label = "--label=tta-gateway"
    labels = (f"{label}.network=backend", f"{label}.port=9002", f"{label}.routes={ROUTES}")
    engine.run("two", "--network=backend", *labels, *HEALTH)


def _done(*words: str) -> Callable[[DockerEngine], None]:
    return lambda engine: engine.do(*words)


def _well(verb: str) -> Callable[[DockerEngine], None]:
    return _done("exec", "two", "/bin/busybox", verb, "/well")


STEPS: Final[tuple[Step[DockerEngine], ...]] = (
    Step("nothing runs", lambda _: None, ()),
    Step(
        "one comes, which exposes a port and publishes it",
        lambda engine: engine.run("one", "--expose=9001", "--publish=127.0.0.1::9001"),
        (ONE,),
    ),
    Step("another comes, in a network of its own; its check has not passed", _second, (ONE,)),
    Step("its check passes", _well("touch"), (TWO, ONE)),
    Step("its check fails", _well("rm"), (ONE,)),
    Step("and passes again", _well("touch"), (TWO, ONE)),
    Step("the first one is paused", _done("pause", "one"), (TWO,)),
    Step("and goes on", _done("unpause", "one"), (TWO, ONE)),
    Step(
        "the second one leaves its network",
        _done("network", "disconnect", "backend", "two"),
        (ONE,),
    ),
    Step("and joins it again", _done("network", "connect", "backend", "two"), (TWO, ONE)),
    Step("the first one is killed", _done("kill", "one"), (TWO,)),
    Step("and started again", _done("start", "one"), (TWO, ONE)),
    Step(
        "a third one comes that has no address of its own",
        lambda engine: engine.run("three", "--network=host", "--label=tta-gateway.port=9003"),
        (TWO, ONE),
    ),
    Step("the first one is stopped", _done("stop", "--time=0", "one"), (TWO,)),
    Step("the second one is taken away", _done("rm", "--force", "two"), ()),
)


def a_provider(server: RegistryServer, left_out: list[str]) -> DockerProvider:
    """The provider as the steps are played with it."""
    settings = Docker(origin=server.origin())
    wanted = {"players": (SERVICE, False)}
    misread = lambda name, why: left_out.append(f"{name}: {why}")  # noqa: E731
    return DockerProvider(settings, wanted, misread=misread)


async def _play(root: str) -> tuple[str, dict[str, list[Exchange]]]:
    found = {}
    with docker_engine(root=root) as engine:
        version = await asyncio.to_thread(engine.ask, "version", "--format={{.Server.Version}}")
        recorder = Recorder(Origin("", 0, unix=engine.socket), fields=_FIELDS)
        left_out: list[str] = []
        async with serving(recorder.serve) as server:
            async with watched(a_provider(server, left_out)) as told:
                for number, step in enumerate(STEPS):
                    recorder.step = number
                    await asyncio.to_thread(step.happens, engine)
                    await told.until("players", *step.places)
                    await asyncio.sleep(1.0)
            found["steps"] = list(recorder.kept)
            recorder.kept.clear()
            recorder.step = 0
            told = Told()
            async with watched(a_provider(server, left_out), told):
                await told.until("players")
                recorder.step = 1
                await asyncio.to_thread(engine.end)
                await told.ends()
            found["the engine ends"] = list(recorder.kept)
    return version, found


def main(path: str) -> None:
    """Record, and write it."""
    version, exchanges = asyncio.run(_play(os.environ.get("DOCKER_ROOT", "")))
    written(Path(path), f"Docker Engine {version}", exchanges)


if __name__ == "__main__":
    main(sys.argv[1])
