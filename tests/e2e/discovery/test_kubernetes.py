"""Kubernetes as a registry, on a real API server, where somebody has one on the path.

Debian has no package of one: tests/helpers/kubernetes_server.py says how it is built.  What a real
one answered is played back in tests/contract/discovery/test_kubernetes_recorded.py everywhere.
"""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.helpers.found import Told, in_loop, watched
from tests.helpers.kubernetes_server import ONE, STEPS, ApiServer, a_provider, api_server, why_not
from tta_gateway.features.discovery.bound import RegistryOrigin
from tta_gateway.features.discovery.kubernetes_provider import KubernetesProvider

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(why_not()), reason=why_not())]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as one:
        yield one


def provider(server: ApiServer) -> KubernetesProvider:
    origin = RegistryOrigin(host="127.0.0.1", port=server.port, tls=True, ca=server.ca)
    return a_provider(origin, token_file=server.token_file())


@in_loop
async def test_pods_that_come_change_and_go_are_told(server: ApiServer) -> None:
    told = Told()
    await told.watch(provider(server))
    assert "look at the token, and what that may read" in told.unreachable[0]
    await asyncio.to_thread(server.allow, "list", "watch")
    async with watched(provider(server)) as told:
        for step in STEPS:
            await asyncio.to_thread(step.happens, server)
            await told.until("players", *step.places)
    assert told.unreachable == []


@in_loop
async def test_a_server_that_crashes_is_said_and_asked_again_when_it_is_back(
    server: ApiServer,
) -> None:
    await asyncio.to_thread(server.allow, "list", "watch")
    await asyncio.to_thread(STEPS[1].happens, server)
    one = provider(server)
    async with watched(one) as told:
        await told.until("players", ONE)
        await asyncio.to_thread(server.end, signal.SIGKILL)
        await told.ends()
        assert told.places("players") == [ONE]
    told = Told()
    await told.watch(one)
    assert told.unreachable, "nobody is there"
    await asyncio.to_thread(server.start)
    async with watched(one) as told:
        await told.until("players", ONE)
