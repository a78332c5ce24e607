"""Docker as a registry, on a real engine (Debian's docker.io), where one can run."""

import asyncio

import pytest

from tests.helpers.docker_server import ONE, STEPS, a_provider, docker_engine, why_not
from tests.helpers.found import Told, in_loop, watched
from tests.helpers.registry_server import RegistryServer

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@in_loop
async def test_containers_that_come_change_and_go_are_told() -> None:
    with docker_engine() as engine:
        server = RegistryServer(0, tls=False, unix=engine.socket)
        async with watched(a_provider(server, [])) as told:
            for step in STEPS:
                await asyncio.to_thread(step.happens, engine)
                await told.until("players", *step.places)
        assert told.unreachable == []


@in_loop
async def test_an_engine_that_ends_is_said_and_asked_again_when_it_is_back() -> None:
    with docker_engine() as engine:
        await asyncio.to_thread(engine.run, "one", "--expose=9001", "--restart=always")
        server = RegistryServer(0, tls=False, unix=engine.socket)
        async with watched(a_provider(server, [])) as told:
            await told.until("players", ONE)
            await asyncio.to_thread(engine.end)
            await told.ends()
        told = Told()
        await told.watch(a_provider(server, []))
        assert told.unreachable, "nobody is there"
        await asyncio.to_thread(engine.start)
        async with watched(a_provider(server, [])) as told:
            await told.until("players", ONE)
