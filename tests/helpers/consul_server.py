"""A real Consul agent, on loopback, where there is one; and the recorder of what one answers.

Debian 12 has no package of it.  `python -m tests.helpers.consul_server FILE`, with `consul` on the
path, plays the steps below against a real one and writes what it was asked and answered; the tests
(tests/contract/discovery/test_consul_recorded.py) play that back.
"""

import asyncio
import contextlib
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final

from tests.helpers.found import Told, watched
from tests.helpers.gateway import free_port
from tests.helpers.recording import Step
from tests.helpers.registry_server import Answering, Asked, RegistryServer, serving
from tests.helpers.slow import wait_until
from tta_gateway.features.discovery.bound import Consul, ConsulService
from tta_gateway.features.discovery.consul_provider import ConsulProvider
from tta_gateway.support.http_client import Origin, Request, fetch

SERVICE: Final = "players"
TAG: Final = "v1"
ROUTE: Final = "tta-gateway.route=GET /live/{id} auth=none"
ACL: Final = 'acl { enabled = true default_policy = "deny" tokens { master = "%s" } }'
MASTER: Final = "6a1253d2-1785-24fd-91c2-f8e78c745511"  # of a sandbox that is gone
UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"
_START: Final = 30.0
_KEPT: Final[tuple[str, ...]] = (
    "content-type",
    "x-consul-index",
    "x-consul-knownleader",
    "x-consul-lastcontact",
)


class ConsulServer:
    """An agent for development: server and agent in one, everything in memory."""

    def __init__(self, folder: Path, *, configuration: str = "") -> None:
        """Start it."""
        self.port = free_port()
        found = which("consul")
        assert found, "there is no consul"
        (folder / "more.hcl").write_text(configuration)
        words = [found, "agent", "-dev", "-node=n1", "-bind=127.0.0.1", "-disable-host-node-id"]
        words += [f"-config-file={folder / 'more.hcl'}", f"-http-port={self.port}"]
        words += [f"-{one}-port={free_port()}" for one in ("serf-lan", "serf-wan", "server")]
        words += ["-dns-port=-1", "-grpc-port=-1"]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        assert wait_until(self._leads, _START), (folder / "log").read_text()

    def _leads(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("GET", "/v1/catalog/nodes") not in ("", "[]")
        return False

    def ask(self, method: str, path: str, told: object = None) -> str:
        """Ask it, as its operator."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10.0)
        with contextlib.closing(connection):
            body = b"" if told is None else json.dumps(told).encode()
            connection.request(method, path, body, {"X-Consul-Token": MASTER})
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == 200 else ""

    def register(
        self, name: str, port: int, *tags: str, weight: int = 1, ttl: bool = False
    ) -> None:
        """Have an instance; with a `ttl`, one that is critical until it says otherwise."""
        told: dict[str, Any] = {"ID": name, "Name": SERVICE, "Port": port, "Tags": [TAG, *tags]}
        told |= {"Address": "127.0.0.2", "Weights": {"Passing": weight, "Warning": 1}}
        if ttl:
            told["Check"] = {"TTL": "60s", "CheckID": f"check-{name}"}
        self.ask("PUT", "/v1/agent/service/register", told)

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextlib.contextmanager
def consul(*, configuration: str = "") -> Iterator[ConsulServer]:
    """Run one."""
    with tempfile.TemporaryDirectory() as folder:
        server = ConsulServer(Path(folder), configuration=configuration)
        try:
            yield server
        finally:
            server.stop()


def _weighted(agent: ConsulServer) -> None:
    agent.register("two", 9002, ROUTE, weight=7, ttl=True)
    agent.ask("PUT", "/v1/agent/check/pass/check-two")


STEPS: Final[tuple[Step[ConsulServer], ...]] = (
    Step("nothing is registered", lambda _: None, ()),
    Step("one comes", lambda agent: agent.register("one", 9001), ("127.0.0.2:9001",)),
    Step(
        "another comes, with a weight, a route and a check that passes",
        _weighted,
        ("127.0.0.2:9001", "127.0.0.2:9002"),
    ),
    Step(
        "its check fails",
        lambda agent: _said(agent, "PUT", "/v1/agent/check/fail/check-two"),
        ("127.0.0.2:9001",),
    ),
    Step(
        "and passes again",
        lambda agent: _said(agent, "PUT", "/v1/agent/check/pass/check-two"),
        ("127.0.0.2:9001", "127.0.0.2:9002"),
    ),
    Step(
        "the first one leaves",
        lambda agent: _said(agent, "PUT", "/v1/agent/service/deregister/one"),
        ("127.0.0.2:9002",),
    ),
)


def _said(agent: ConsulServer, method: str, path: str) -> None:
    agent.ask(method, path)


@dataclass(frozen=True)
class Exchange:
    """What was asked and answered, and at which step the answer came."""

    step: int
    target: str
    token: str
    status: int
    fields: dict[str, str]
    body: str


def a_provider(server: RegistryServer, *, token: str = "") -> ConsulProvider:
    """The provider as the steps are played with it."""
    wanted = {"players": (ConsulService(service=SERVICE, tags=(TAG,)), False)}
    settings = Consul(origin=server.origin(), token=token)
    return ConsulProvider(settings, wanted, now=time.monotonic)


class Recorder:
    """Passes on what is asked to an agent, and keeps it with its answer."""

    def __init__(self, agent: ConsulServer) -> None:
        self._origin = Origin("127.0.0.1", agent.port)
        self.step = 0
        self.kept: list[Exchange] = []

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Ask the agent."""
        token = asked.fields.get("x-consul-token", "")
        fields = (("X-Consul-Token", token),) if token else ()
        told = await fetch(self._origin, Request(asked.target, fields=fields), patience=75.0)
        kept = {name: told.fields[name] for name in _KEPT if name in told.fields}
        body = told.body.decode()
        self.kept.append(Exchange(self.step, asked.target, token, told.status, kept, body))
        await answer.whole(told.body, status=told.status, **_named(kept))


class Player:
    """Answers as was recorded, in that order, each at its step; what was not asked then is red."""

    def __init__(self, recorded: list[Exchange]) -> None:
        self._left = recorded
        self._moved = asyncio.Condition()
        self.step = 0
        self.unexpected: list[str] = []

    async def go_on(self, step: int) -> None:
        """Let what was answered at this step be answered."""
        async with self._moved:
            self.step = step
            self._moved.notify_all()

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Answer with the next one."""
        if not self._left:
            await asyncio.Event().wait()  # as a query that nothing has answered by the end
        one = self._left.pop(0)
        if (asked.target, asked.fields.get("x-consul-token", "")) != (one.target, one.token):
            self.unexpected.append(asked.target)
        async with self._moved:
            await self._moved.wait_for(lambda: self.step >= one.step)
        await answer.whole(one.body.encode(), status=one.status, **_named(one.fields))


def _named(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in fields.items()}


def recorded(text: str) -> dict[str, list[Exchange]]:
    """Read a recording: exchanges by the name of what was played."""
    told = json.loads(text)
    return {name: [Exchange(**one) for one in ones] for name, ones in told["exchanges"].items()}


async def _play() -> dict[str, list[Exchange]]:
    found = {}
    with consul() as agent:
        recorder = Recorder(agent)
        async with serving(recorder.serve) as server, watched(a_provider(server)) as told:
            for number, step in enumerate(STEPS):
                recorder.step = number
                await asyncio.to_thread(step.happens, agent)
                await told.until("players", *step.places)
        found["steps"] = list(recorder.kept)
    for name, token in (("without a token", ""), ("with a token that nobody knows", UNKNOWN)):
        with consul(configuration=ACL % MASTER) as agent:
            await asyncio.to_thread(agent.register, "one", 9001)
            recorder = Recorder(agent)
            async with serving(recorder.serve) as server:
                told = Told()
                async with watched(a_provider(server, token=token), told):
                    await asyncio.sleep(2.0)
            found[name] = list(recorder.kept)
    return found


def main(path: str) -> None:
    """Record, and write it."""
    words = subprocess.run(["consul", "version"], capture_output=True, text=True, check=True).stdout
    exchanges = {name: [asdict(one) for one in ones] for name, ones in asyncio.run(_play()).items()}
    told = {"recorded of": words.splitlines()[0], "exchanges": exchanges}
    Path(path).write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
