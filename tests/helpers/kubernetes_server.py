"""A real API server of Kubernetes, on loopback, where there is one; and the recorder of one.

Debian has no package of it, but the source of Kubernetes 1.20.2, whole; it builds with Debian's Go:

    apt-get source kubernetes                           # of Debian 12, put where the next line says
    cd $GOPATH/src/k8s.io/kubernetes; export GO111MODULE=off CGO_ENABLED=0
    go build ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    ./openapi-gen …                                     # as Makefile.generated_files says
    go build ./cmd/kube-apiserver ./cmd/kube-controller-manager

Its store is Debian's etcd.  The controller that keeps EndpointSlices is the real one too; what
kubelets do (a pod has an address, is ready, ends) is written by the steps below.

`python -m tests.helpers.kubernetes_server FILE`, with both on the path, plays those and writes what
was asked and answered; tests/contract/discovery/test_kubernetes_recorded.py plays that back.
"""

import asyncio
import contextlib
import http.client
import json
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from shutil import which
from typing import Final, Generic, Protocol, TypeVar

import trustme

from tests.helpers.etcd_server import EtcdServer
from tests.helpers.found import Told, watched
from tests.helpers.gateway import free_port
from tests.helpers.recording import Exchange, Recorder, Step, written
from tests.helpers.registry_server import serving
from tests.helpers.slow import wait_until
from tta_gateway.features.discovery.bound import Kubernetes, KubernetesService, RegistryOrigin
from tta_gateway.features.discovery.kubernetes_provider import KubernetesProvider
from tta_gateway.support.http_client import Origin

SPACE: Final = "tta"
SERVICE: Final = "game"
ROUTES: Final = '[{"path": "/live/{id}", "methods": ["GET"], "auth": "none"}]'
SLICES: Final = f"/apis/discovery.k8s.io/v1beta1/namespaces/{SPACE}/endpointslices"
_PODS: Final = f"/api/v1/namespaces/{SPACE}/pods"
_ADMIN: Final = "the-operator-of-a-sandbox"
_START: Final = 60.0
_FIELDS: Final = ("content-type", "cache-control")
_MERGE: Final = "application/merge-patch+json"
_TERMINATING: Final = "--feature-gates=EndpointSliceTerminatingCondition=true"


def why_not() -> str:
    """Why no API server can run here; empty if one can."""
    names = ("kube-apiserver", "kube-controller-manager", "etcd")
    missing = [name for name in names if not which(name)]
    return f"no {', '.join(missing)} here: Debian has no package of Kubernetes' servers" * bool(
        missing
    )


def certified(folder: Path) -> ssl.SSLContext:
    """Write a certificate for loopback, its key and its authority; return what trusts it."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(str(folder / "key.pem"))
    own.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


class ApiServer:
    """An API server, its etcd and the controller of slices."""

    def __init__(self, folder: Path) -> None:
        """Start them."""
        self._folder = folder
        self._is_allowed = False
        self.port = free_port()
        self.tls = certified(folder)
        self.ca = str(folder / "ca.pem")
        (folder / "tokens").write_text(f'{_ADMIN},admin,1,"system:masters"\n')
        self._etcd = EtcdServer(folder)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            self.start()
            self._control()
            self._furnish()
        except BaseException:
            self.stop()
            raise

    def _run(self, name: str, *options: str) -> None:
        found = which(name)
        assert found, f"there is no {name}"
        with (self._folder / f"{name}.log").open("a") as log:
            self._running[name] = subprocess.Popen([found, *options], stdout=log, stderr=log)

    def start(self) -> None:
        """Start the API server, anew if it has ended."""
        folder = self._folder
        self._run(
            "kube-apiserver",
            f"--etcd-servers={self._etcd.url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={folder}/cert.pem",
            f"--tls-private-key-file={folder}/key.pem",
            f"--token-auth-file={folder}/tokens",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={folder}/key.pem",
            f"--service-account-key-file={folder}/key.pem",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=ServiceAccount",
            _TERMINATING,
        )
        log = folder / "kube-apiserver.log"
        assert wait_until(self.is_ready, _START), log.read_text()[-4000:]

    def _control(self) -> None:
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": self.ca}
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "one", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": _ADMIN}}],
            "contexts": [{"name": "one", "context": {"cluster": "one", "user": "admin"}}],
            "current-context": "one",
        }
        file = self._folder / "kubeconfig"
        file.write_text(json.dumps(told))
        options = (
            f"--kubeconfig={file}",
            "--controllers=endpointslice,garbagecollector",
            "--leader-elect=false",
        )
        ports = ("--port=0", "--secure-port=0", _TERMINATING)
        self._run("kube-controller-manager", *options, *ports)

    def is_ready(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            return self.ask("GET", "/readyz") == "ok"
        return False

    def ask(
        self, method: str, path: str, told: object = None, *, kind: str = "application/json"
    ) -> str:
        """Ask it, as its operator."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=10.0, context=self.tls
        )
        with contextlib.closing(connection):
            fields = {"Authorization": f"Bearer {_ADMIN}", "Content-Type": kind}
            connection.request(method, path, None if told is None else json.dumps(told), fields)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status < 300, text
            return text

    def _furnish(self) -> None:
        """Have a namespace, a node, a service and an account that may list and watch slices."""
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": SPACE}})
        zone = {"topology.kubernetes.io/zone": "west-1a"}
        self.ask("POST", "/api/v1/nodes", {"metadata": {"name": "node-1", "labels": zone}})
        account = {"metadata": {"name": "gateway"}}
        self.ask("POST", f"/api/v1/namespaces/{SPACE}/serviceaccounts", account)
        port = {"name": "http", "port": 80, "targetPort": 8080}
        metrics = {"name": "metrics", "port": 9100}
        spec = {"selector": {"app": SERVICE}, "ports": [metrics, port]}
        self.ask(
            "POST",
            f"/api/v1/namespaces/{SPACE}/services",
            {"metadata": {"name": SERVICE}, "spec": spec},
        )

    def allow(self, *verbs: str) -> None:
        """Let the account do this with slices, and nothing else."""
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SPACE}"
        rule = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs}
        role = {"metadata": {"name": "gateway"}, "rules": [rule]}
        if self._is_allowed:
            self.ask("PUT", f"{path}/roles/gateway", role)
            return
        self._is_allowed = True
        self.ask("POST", f"{path}/roles", role)
        api = "rbac.authorization.k8s.io"
        bound = {
            "metadata": {"name": "gateway"},
            "roleRef": {"apiGroup": api, "kind": "Role", "name": "gateway"},
            "subjects": [{"kind": "ServiceAccount", "name": "gateway", "namespace": SPACE}],
        }
        self.ask("POST", f"{path}/rolebindings", bound)

    def token(self) -> str:
        """A token of the account."""
        path = f"/api/v1/namespaces/{SPACE}/serviceaccounts/gateway/token"
        found: str = json.loads(self.ask("POST", path, {"spec": {}}))["status"]["token"]
        return found

    def token_file(self) -> str:
        """A file with one."""
        return self.told("token", self.token())

    def told(self, name: str, text: str) -> str:
        """A file with this."""
        file = self._folder / name
        file.write_text(text)
        return str(file)

    # What kubelets do

    def pod(self, name: str, address: str) -> None:
        """Have a pod with an address, which is not ready yet."""
        spec = {"nodeName": "node-1", "containers": [{"name": "one", "image": "none"}]}
        meta = {"name": name, "labels": {"app": SERVICE}}
        self.ask("POST", _PODS, {"metadata": meta, "spec": spec})
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        self.ask("PATCH", f"{_PODS}/{name}/status", {"status": status}, kind=_MERGE)
        self.ready(name, is_ready=False)

    def ready(self, name: str, *, is_ready: bool = True) -> None:
        """Say whether it is."""
        condition = {"type": "Ready", "status": str(is_ready)}
        status = {"status": {"conditions": [condition]}}
        self.ask("PATCH", f"{_PODS}/{name}/status", status, kind=_MERGE)

    def end_pod(self, name: str, *, seconds: int) -> None:
        """Have it end within these seconds; none: it is gone."""
        self.ask("DELETE", f"{_PODS}/{name}", {"gracePeriodSeconds": seconds})

    def take_away(self) -> None:
        """Have the service no more."""
        self.ask("DELETE", f"/api/v1/namespaces/{SPACE}/services/{SERVICE}")

    def annotate(self, **annotations: str | None) -> None:
        """Write annotations of all slices of the service."""
        listed = json.loads(self.ask("GET", SLICES))
        told = {
            "metadata": {"annotations": {f"tta-gateway/{k}": v for k, v in annotations.items()}}
        }
        for one in listed["items"]:
            self.ask("PATCH", f"{SLICES}/{one['metadata']['name']}", told, kind=_MERGE)

    def elsewhere(self, name: str) -> None:
        """Have a slice of another service."""
        labels = {"kubernetes.io/service-name": "other"}
        told = {"metadata": {"name": name, "labels": labels}, "addressType": "IPv4"}
        self.ask("POST", SLICES, {**told, "endpoints": [], "ports": []})

    def forget(self) -> None:
        """Crash and start anew, after changes elsewhere; and have etcd forget all before now."""
        self.elsewhere("other-1")
        self.end(signal.SIGKILL)
        self._etcd.ask("/v3/kv/compaction", revision=str(self._etcd.revision()), physical=True)
        self.start()

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it, as an operator does, or a crash."""
        server = self._running.pop("kube-apiserver")
        server.send_signal(how)
        server.wait(90.0)

    def stop(self) -> None:
        """End all of them."""
        for one in self._running.values():
            one.kill()
            one.wait()
        self._etcd.stop()


@contextlib.contextmanager
def api_server() -> Iterator[ApiServer]:
    """Run one."""
    with tempfile.TemporaryDirectory() as folder:
        server = ApiServer(Path(folder))
        try:
            yield server
        finally:
            server.stop()


ONE: Final = "10.1.2.3:8080"
TWO: Final = "10.1.2.4:8080"


def _first(server: ApiServer) -> None:
    server.pod("one", "10.1.2.3")
    server.ready("one")


STEPS: Final[tuple[Step[ApiServer], ...]] = (
    Step("a service that nobody serves", lambda _: None, ()),
    Step("a pod comes and is ready", _first, (ONE,)),
    Step("another comes, which is not", lambda server: server.pod("two", "10.1.2.4"), (ONE,)),
    Step("it is ready", lambda server: server.ready("two"), (ONE, TWO)),
    Step("its probe fails", lambda server: server.ready("two", is_ready=False), (ONE,)),
    Step("and passes again", lambda server: server.ready("two"), (ONE, TWO)),
    Step("somebody annotates the slice", lambda server: server.annotate(routes=ROUTES), (ONE, TWO)),
    Step(
        "the first one terminates",
        lambda server: server.end_pod("one", seconds=30),
        (f"{ONE} drains", TWO),
    ),
    Step("it serves no more", lambda server: server.ready("one", is_ready=False), (TWO,)),
    Step("it is gone", lambda server: server.end_pod("one", seconds=0), (TWO,)),
    Step("the service is taken away", lambda server: server.take_away(), ()),
)


def a_provider(origin: RegistryOrigin, *, token_file: str = "") -> KubernetesProvider:
    """The provider as the steps are played with it."""
    settings = Kubernetes(origin=origin, token_file=token_file, namespace=SPACE)
    wanted = {"players": (KubernetesService(service=SERVICE, port="http"), False)}
    return KubernetesProvider(settings, wanted)


class Played(Protocol):
    """A server that is recorded."""

    port: int
    tls: ssl.SSLContext

    def elsewhere(self, name: str) -> None:
        """Have a slice of another service."""

    def forget(self) -> None:
        """Crash and start anew, so that what was listed is too old to be watched from."""


P = TypeVar("P", bound=Played)


class Play(Generic[P]):
    """Plays against one server, and what is recorded of it."""

    def __init__(self, server: P) -> None:
        """Play against this one."""
        self.server = server
        self.found: dict[str, list[Exchange]] = {}

    @contextlib.asynccontextmanager
    async def recorded(self, name: str, token: str) -> AsyncIterator[tuple[Recorder, Told]]:
        """Record what is asked meanwhile."""
        origin = Origin("127.0.0.1", self.server.port, tls=self.server.tls)
        recorder = Recorder(origin, fields=_FIELDS)
        async with serving(recorder.serve) as passing:
            provider = a_provider(passing.origin(), token_file=token)
            async with watched(provider) as told:
                yield recorder, told
        self.found[name] = list(recorder.kept)

    async def steps(self, steps: Sequence[Step[P]], *, token: str = "") -> None:
        """Play these, one after the other."""
        async with self.recorded("steps", token) as (recorder, told):
            for number, step in enumerate(steps):
                recorder.step = number
                await asyncio.to_thread(step.happens, self.server)
                await told.until("players", *step.places)
                await asyncio.sleep(1.5)

    async def too_old(self, *, token: str = "") -> None:
        """What was listed is forgotten before it is watched from there on."""
        async with self.recorded("too old", token) as (recorder, told):
            recorder.may_watch.clear()
            await told.until("players")
            recorder.step = 1
            await asyncio.to_thread(self.server.forget)
            recorder.may_watch.set()
            await _watched_twice(recorder, 10.0)

    async def by_itself(self, *, token: str = "") -> None:
        """A watch ends after its time, and another begins where its last bookmark was."""
        async with self.recorded("a watch ends by itself", token) as (recorder, told):
            await told.until("players")
            await asyncio.sleep(1.0)
            recorder.step = 1
            await asyncio.to_thread(self.server.elsewhere, "other-2")
            await _watched_twice(recorder, 330.0)


async def _watched_twice(recorder: Recorder, patience: float) -> None:
    async with asyncio.timeout(patience):
        while sum(one.is_stream for one in recorder.kept) < 2:  # noqa: ASYNC110 - as it comes
            await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


async def _refused(play: Play[ApiServer], token: str, name: str) -> None:
    async with play.recorded(name, token) as (_, told):
        await told.ends()


async def _ended(play: Play[ApiServer], token: str) -> None:
    async with play.recorded("the server ends", token) as (recorder, told):
        await told.until("players")
        await asyncio.sleep(1.0)
        recorder.step = 1
        await asyncio.to_thread(play.server.end)
        await told.ends()


async def _played() -> dict[str, list[Exchange]]:
    with api_server() as server:
        play = Play(server)
        await _refused(play, server.told("unknown", "nobody-knows-it"), "unknown token")
        await _refused(play, "", "no token")
        token = await asyncio.to_thread(server.token_file)
        await _refused(play, token, "no role")
        await asyncio.to_thread(server.allow, "list")
        await _refused(play, token, "may list and not watch")
        await asyncio.to_thread(server.allow, "list", "watch")
        await play.steps(STEPS, token=token)
        await play.too_old(token=token)
        await play.by_itself(token=token)
        await _ended(play, token)
        return play.found


def main(path: str) -> None:
    """Record, and write it."""
    words = subprocess.run(
        ["kube-apiserver", "--version"], capture_output=True, text=True, check=True
    )
    written(Path(path), words.stdout.strip(), asyncio.run(_played()))


if __name__ == "__main__":
    main(sys.argv[1])
