"""Consul as it is: a recording of a real agent played back, and the agent where there is one.

Recorded (recorded/consul-1.8.7.json, by tests/helpers/consul_server.py): Consul 1.8.7 in
development mode, on loopback.  `steps` is all that the provider asked while one instance came,
another came with a weight, a route among its tags and a check of its own, that check failed and
passed, and the first one left; and with access lists, what it answered without a token and to an
unknown one.  Whole answers are kept, of their heads the fields that Consul documents.
"""

import asyncio
from pathlib import Path
from shutil import which
from typing import Final

import pytest

from tests.helpers.consul_server import STEPS, UNKNOWN, Player, a_provider, consul, recorded
from tests.helpers.found import Told, in_loop, watched
from tests.helpers.registry_server import Answering, Asked, RegistryServer, serving
from tta_gateway.kernel.registered import Declared

RECORDING: Final = Path(__file__).parent / "recorded" / "consul-1.8.7.json"
LIVE: Final = Declared(path="/live/{id}", methods=("GET",), auth="none")


@in_loop
async def test_what_a_real_agent_answered_is_told_as_it_was() -> None:
    player = Player(recorded(RECORDING.read_text())["steps"])
    async with serving(player.serve) as server, watched(a_provider(server)) as told:
        for number, step in enumerate(STEPS):
            await player.go_on(number)
            await told.until("players", *step.places)
            if number == 2:
                says_all_of_the_second(told)
    assert player.unexpected == []
    assert told.unreachable == []


def says_all_of_the_second(told: Told) -> None:
    now = told.now("players")
    assert now is not None
    assert [(one.id, one.endpoint.weight) for one in now] == [("n1/one", 1), ("n1/two", 7)]
    assert told.routes("players") == [LIVE]


@in_loop
async def test_an_unknown_token_is_said() -> None:
    player = Player(recorded(RECORDING.read_text())["with a token that nobody knows"])
    async with (
        serving(player.serve) as server,
        watched(a_provider(server, token=UNKNOWN)) as told,
    ):
        assert "look at the token" in await told.ends()
    assert player.unexpected == []


@in_loop
async def test_an_answer_that_is_not_whole_takes_nobody_away() -> None:
    """As recorded without a token, and with the field that Consul adds to it since 1.11."""
    (one,) = recorded(RECORDING.read_text())["without a token"]
    assert one.body.strip() == "[]"

    async def serve(_: Asked, answer: Answering) -> None:
        body = one.body.encode()
        await answer.whole(body, X_Consul_Index="15", X_Consul_Results_Filtered_By_ACLs="true")

    async with serving(serve) as server, watched(a_provider(server)) as told:
        assert "may not read all of it" in await told.ends()
    assert told.all == []


@pytest.mark.skipif(which("consul") is None, reason="Debian 12 has no package of Consul")
@in_loop
async def test_a_real_agent() -> None:
    with consul() as agent:
        server = RegistryServer(agent.port, tls=False)
        async with watched(a_provider(server)) as told:
            for step in STEPS:
                await asyncio.to_thread(step.happens, agent)
                await told.until("players", *step.places)
