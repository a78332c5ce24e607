"""Docker as it is: recordings of real engines played back.

Recorded (recorded/docker-*.json, by tests/helpers/docker_server.py): the engines of Debian 12 and
of Debian unstable in November 2026, 20.10.24 and 28.5.2, each in namespaces of its own.  `steps` is
all that the provider asked while containers came, had checks that failed and passed, were paused,
left a network, were killed, started, stopped and taken away; and then an engine was ended.  Whole
answers are kept, of their heads three fields.  A real engine runs in tests/e2e/discovery.
"""

import asyncio
import json
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.docker_server import STEPS, a_provider
from tests.helpers.found import in_loop, watched
from tests.helpers.recording import Player, recorded
from tests.helpers.registry_server import serving
from tta_gateway.features.discovery import docker_provider
from tta_gateway.kernel.registered import Declared

RECORDED: Final = Path(__file__).parent / "recorded"
NEWER: Final = RECORDED / "docker-28.5.2.json"
RECORDINGS: Final = (RECORDED / "docker-20.10.24.json", NEWER)
LIVE: Final = Declared(path="/live/{id}", methods=("GET",), auth="none")
PAUSED: Final = [one.name for one in STEPS].index("the first one is paused")

each = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded need not settle: list again at once."""
    monkeypatch.setattr(docker_provider, "_BETWEEN", 0.01)
    monkeypatch.setattr(docker_provider, "_AGAIN", (0.05, 0.1))


@each
@in_loop
async def test_what_a_real_engine_answered_is_told_as_it_was(path: Path) -> None:
    player, left_out = Player(recorded(path)["steps"]), list[str]()
    async with (
        serving(player.serve) as server,
        watched(a_provider(server, left_out)) as told,
    ):
        for number, step in enumerate(STEPS):
            await player.go_on(number)
            await told.until("players", *step.places)
            await asyncio.sleep(0.2)
            assert told.places("players") == list(step.places), step.name
            if "passes" in step.name:
                assert told.routes("players") == [LIVE]
    assert player.unexpected == []
    assert told.unreachable == []
    assert set(left_out) == {
        "two: it has no address in the network `backend`",
        "three: it has no address in any network",
    }


@each
@in_loop
async def test_an_engine_that_ends_is_said_and_takes_nobody_away(path: Path) -> None:
    player = Player(recorded(path)["the engine ends"])
    async with serving(player.serve) as server, watched(a_provider(server, [])) as told:
        await told.until("players")
        await player.go_on(1)
        assert "closed the connection" in await told.ends()
    assert player.unexpected == []


def test_an_engine_tells_of_a_pause_before_its_list_does() -> None:
    """Why all is listed again a little later: its first list had the container running yet."""
    kept = recorded(NEWER)["steps"]
    lists = [one for one in kept if "/containers/" in one.target and one.begun == PAUSED]
    first, second = (json.loads("".join(text for _, text in one.pieces)) for one in lists)
    assert {one["Names"][0]: one["State"] for one in first}["/one"] == "running"
    assert [one["Names"][0] for one in second] == ["/two"]
