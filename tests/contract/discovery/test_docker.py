"""Docker, against a contract server, for what a real engine does not do when asked to.

What real ones answered is in test_docker_recorded.py, and one runs in tests/e2e/discovery.  The
shapes here are those of Docker's documentation (Engine API, *List containers*
and *Monitor events*, sample responses, fields that do not matter taken out); what the server does
is what is written there: it lists who runs, as `filters` say, and tells of events as they come.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.found import in_loop, watched
from tests.helpers.registry_server import Answering, Asked, RegistryServer, serving
from tta_gateway.features.discovery import docker_provider
from tta_gateway.features.discovery.bound import Docker
from tta_gateway.features.discovery.docker_provider import DockerProvider
from tta_gateway.kernel.registered import Declared


def container(name: str, address: str, **labels: str) -> dict[str, Any]:
    """One of the sample response."""
    return {
        "Id": "8dfafdbc3a40",
        "Names": [f"/{name}"],
        "Image": "ubuntu:latest",
        "Command": "echo 1",
        "Created": 1367854155,
        "State": "running",
        "Status": "Up 2 minutes",
        "Ports": [{"PrivatePort": 2222, "PublicPort": 3333, "Type": "tcp"}],
        "Labels": {f"tta-gateway.{key}": value for key, value in labels.items()},
        "NetworkSettings": {
            "Networks": {"bridge": {"Gateway": "172.17.0.1", "IPAddress": address}}
        },
    }


class Engine:
    """Docker, as far as it is asked here."""

    def __init__(self, *containers: dict[str, Any]) -> None:
        self.containers = list(containers)
        self.status = 200
        self.hearing: list[asyncio.Queue[bytes]] = []

    def change(self, *containers: dict[str, Any]) -> None:
        """Have these run from now on, and tell of it."""
        self.containers = list(containers)
        event = {"Type": "container", "Action": "start", "Actor": {"ID": "ede54ee1afda"}}
        for one in self.hearing:
            one.put_nowait(json.dumps(event).encode() + b"\n")

    def end(self) -> None:
        """End every telling of events, as a Docker does that ends."""
        for one in self.hearing:
            one.put_nowait(b"")

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Answer."""
        if self.status != 200:
            await answer.whole(b"{}", status=self.status)
        elif asked.path == "/containers/json":
            await answer.whole(json.dumps(self.containers).encode())
        else:
            events: asyncio.Queue[bytes] = asyncio.Queue()
            self.hearing.append(events)
            await answer.begin()
            while piece := await events.get():
                await answer.piece(piece)
            self.hearing.remove(events)
            await answer.end()


def provider(server: RegistryServer, left_out: list[str] | None = None) -> DockerProvider:
    def misread(name: str, why: str) -> None:
        if left_out is not None:
            left_out.append(f"{name}: {why}")

    wanted = {"players": ("game", False), "chat": ("talk", True)}
    return DockerProvider(Docker(origin=server.origin()), wanted, misread=misread)


@in_loop
async def test_containers_are_found_by_their_labels_and_changes_when_they_happen(
    tmp_path: Path,
) -> None:
    routes = '[{"path": "/live/{id}", "auth": "none"}]'
    one = container("a", "172.17.0.2", service="game", routes=routes)
    other = container("b", "172.17.0.3", service="game", port="9001")
    stranger = container("c", "172.17.0.4", service="else")
    engine, left_out = Engine(one, stranger), list[str]()
    socket = str(tmp_path / "docker.sock")
    async with (
        serving(engine.serve, unix=socket) as server,
        watched(provider(server, left_out)) as told,
    ):
        await told.until("players", "172.17.0.2:2222")
        assert told.routes("players") == [Declared(path="/live/{id}", auth="none")]
        await told.until("chat")
        engine.change(one, other)
        await told.until("players", "172.17.0.2:2222", "172.17.0.3:9001")
        engine.end()
        engine.change(other, container("d", "", service="game"))
        await told.until("players", "172.17.0.3:9001")
        assert (told.routes("players"), told.unreachable) == ([], [])
        assert "d: it has no address in any network" in left_out
        heard, listed = server.asked[:2]
        assert (heard.path, listed.path) == ("/events", "/containers/json")
        assert json.loads(listed.query["filters"][0]) == {
            "label": ["tta-gateway.service"],
            "status": ["running"],
            "health": ["healthy", "none"],
        }
        assert "health_status" in json.loads(heard.query["filters"][0])["event"]


@in_loop
async def test_a_hundred_events_are_few_lists() -> None:
    engine = Engine(container("a", "172.17.0.2", service="game"))
    async with serving(engine.serve) as server, watched(provider(server)) as told:
        await told.until("players", "172.17.0.2:2222")
        begun = time.monotonic()
        for at in range(100):
            engine.change(container("a", f"172.17.1.{at}", service="game"))
            await asyncio.sleep(0.001)
        await told.until("players", "172.17.1.99:2222")
        # Events and two lists, and four a second from there on, however slow this machine is.
        assert len(server.asked) <= 4 + 4 * (time.monotonic() - begun)


@in_loop
async def test_one_that_tells_of_nothing_for_long_is_asked_anew() -> None:
    engine = Engine(container("a", "172.17.0.2", service="game"))
    with pytest.MonkeyPatch.context() as constants:
        constants.setattr(docker_provider, "_AGAIN", (0.02, 0.05))
        constants.setattr(docker_provider, "_QUIET", 0.1)
        async with serving(engine.serve) as server, watched(provider(server)) as told:
            async with asyncio.timeout(5):
                while len(server.asked) < 5:  # noqa: ASYNC110 - the server is no part of the test
                    await asyncio.sleep(0.01)
        assert [one.path for one in server.asked[:5]] == [
            "/events",
            *["/containers/json"] * 3,
            "/events",
        ]
        assert told.unreachable == []


@pytest.mark.parametrize(("status", "words"), [(403, "look at the token"), (500, "answers 500")])
@in_loop
async def test_a_refusal_says_what_to_do(status: int, words: str) -> None:
    engine = Engine()
    engine.status = status
    async with serving(engine.serve) as server, watched(provider(server)) as told:
        assert words in await told.ends()


@in_loop
async def test_what_is_not_docker_or_not_there_is_said(tmp_path: Path) -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.whole(b"<html>")

    async with serving(serve) as server, watched(provider(server)) as told:
        assert "is not what it should be" in await told.ends()
    gone = RegistryServer(0, tls=False, unix=str(tmp_path / "none.sock"))
    async with watched(provider(gone)) as told:
        assert "No such file" in await told.ends()
