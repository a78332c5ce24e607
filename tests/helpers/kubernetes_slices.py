"""The API server of today's Kubernetes, as far as EndpointSlices go; and the recorder of it.

Debian unstable has no API server of Kubernetes, but the library that it is made of, with its types,
storage and watches.  tests/contract/discovery/recorded/kubernetes-slices.go puts them together to a
server of `discovery.k8s.io/v1` alone, which asks nobody who he is; there is no controller: slices
are written by the steps below, with all fields that controllers fill in.

    apt-get install golang-go golang-k8s-apiextensions-apiserver-dev      # of Debian unstable
    GO111MODULE=off GOPATH=/usr/share/gocode go build kubernetes-slices.go

`python -m tests.helpers.kubernetes_slices FILE`, with it on the path, plays them and writes what
was asked and answered; tests/contract/discovery/test_kubernetes_recorded.py plays that back.
"""

import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any, Final

from tests.helpers.etcd_server import EtcdServer
from tests.helpers.gateway import free_port
from tests.helpers.kubernetes_server import (
    ONE,
    ROUTES,
    SERVICE,
    SPACE,
    TWO,
    Play,
    certified,
)
from tests.helpers.recording import Exchange, Step, written
from tests.helpers.slow import wait_until

NAME: Final = "kubernetes-slices"
_SLICES: Final = f"/apis/discovery.k8s.io/v1/namespaces/{SPACE}/endpointslices"
_START: Final = 30.0


class SlicesServer:
    """A server of slices and its etcd."""

    def __init__(self, folder: Path) -> None:
        """Start them."""
        self._folder = folder
        self.port = free_port()
        self.tls = certified(folder)
        self._etcd = EtcdServer(folder)
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        found = which(NAME)
        assert found, f"there is no {NAME}"
        folder = self._folder
        words = (
            f"--etcd-servers={self._etcd.url}",
            f"--secure-port={self.port}",
            f"--tls-cert-file={folder}/cert.pem",
            f"--tls-private-key-file={folder}/key.pem",
        )
        with (folder / f"{NAME}.log").open("a") as log:
            process = subprocess.Popen([found, *words], stdout=log, stderr=log)
        log_text = (folder / f"{NAME}.log").read_text
        assert wait_until(self._answers, _START), log_text()
        return process

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            return bool(self.ask("GET", _SLICES))
        return False

    def ask(self, method: str, path: str, told: object = None) -> str:
        """Ask it."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=10.0, context=self.tls
        )
        with contextlib.closing(connection):
            body = None if told is None else json.dumps(told)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 300, text
            return text

    def put(self, name: str, *endpoints: dict[str, Any], service: str = SERVICE) -> None:
        """Have a slice be so from now on."""
        labels = {
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": service,
        }
        meta = {"name": name, "labels": labels, "annotations": {"tta-gateway/routes": ROUTES}}
        ports = [{"name": "metrics", "port": 9100, "protocol": "TCP"}]
        ports.append({"name": "http", "port": 8080, "protocol": "TCP"})
        told = {"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        exists = f'"name":"{name}"' in self.ask("GET", _SLICES)
        self.ask("PUT" if exists else "POST", _SLICES + f"/{name}" * exists, told)

    def delete(self, name: str) -> None:
        """Have no such slice."""
        self.ask("DELETE", f"{_SLICES}/{name}")

    def elsewhere(self, name: str) -> None:
        """Have a slice of another service."""
        self.put(name, service="other")

    def forget(self) -> None:
        """Crash and start anew, after a change elsewhere."""
        self.elsewhere("other-1")
        self._process.kill()
        self._process.wait()
        self._process = self._started()

    @property
    def version(self) -> str:
        """What it says that it is made of."""
        return (self._folder / f"{NAME}.log").read_text().partition("made of ")[2].split("\n")[0]

    def stop(self) -> None:
        """End both."""
        self._process.kill()
        self._process.wait()
        self._etcd.stop()


@contextlib.contextmanager
def slices_server() -> Iterator[SlicesServer]:
    """Run one."""
    with tempfile.TemporaryDirectory() as folder:
        server = SlicesServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    """An endpoint, as controllers fill it in."""
    return {
        "addresses": [address],
        "conditions": conditions,
        "hints": {"forZones": [{"name": "west-1a"}]},
        "nodeName": "node-1",
        "targetRef": {"kind": "Pod", "name": f"pod-{address}", "namespace": SPACE},
        "zone": "west-1a",
    }


READY: Final = {"ready": True, "serving": True, "terminating": False}
ENDING: Final = {"ready": False, "serving": True, "terminating": True}


STEPS: Final[tuple[Step[SlicesServer], ...]] = (
    Step("there is no slice", lambda _: None, ()),
    Step(
        "one comes with an endpoint",
        lambda server: server.put("game-1", endpoint("10.1.2.3", **READY)),
        (ONE,),
    ),
    Step(
        "another comes, whose endpoint has no conditions",
        lambda server: server.put("game-2", {"addresses": ["10.1.2.4"]}),
        (ONE, TWO),
    ),
    Step(
        "the first endpoint terminates",
        lambda server: server.put("game-1", endpoint("10.1.2.3", **ENDING)),
        (f"{ONE} drains", TWO),
    ),
    Step("its slice is empty", lambda server: server.put("game-1"), (TWO,)),
    Step("a slice is deleted", lambda server: server.delete("game-2"), ()),
)


async def _played() -> tuple[str, dict[str, list[Exchange]]]:
    with slices_server() as server:
        play = Play(server)
        await play.steps(STEPS)
        await play.too_old()
        await play.by_itself()
        return server.version, play.found


def main(path: str) -> None:
    """Record, and write it."""
    version, found = asyncio.run(_played())
    written(Path(path), f"Kubernetes' own library of API servers, {version}", found)


if __name__ == "__main__":
    main(sys.argv[1])
