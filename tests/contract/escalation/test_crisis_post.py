"""That a letter of the guard waits for its reader, once, and that a receipt is seen."""

import uuid

import pytest
import uvloop

from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.features.realtime.inbox import TAG
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.node.crisis_post import CrisisPost
from tta_gateway.support.clock import SystemClock

pytestmark = pytest.mark.redis


def test_a_letter_waits_until_one_of_its_readers_acknowledges_it(shared: Server) -> None:
    async def body() -> None:
        users = (uuid.uuid4().hex, uuid.uuid4().hex)
        async with client(shared.unix) as (valkey, _):
            post = CrisisPost(lambda: valkey, wall=SystemClock.wall, vault=lambda: None)
            inbox = ValkeyInbox(lambda: valkey, wall=SystemClock.wall)
            for _ in range(2):
                assert await post.post(users, b"{}", id="n1")
            for user in users:
                page = await inbox.drain(user)
                assert [one.tags for one in page.letters] == [{"kind": "crisis", TAG: "n1"}]
            assert not await post.is_acknowledged(users, "n1")
            assert await inbox.acknowledge(users[1], "n1")
            assert await post.is_acknowledged(users, "n1")
            assert not await post.is_acknowledged(users[:1], "n1")
            assert await post.post(users, b"{}", id="n1")  # who has it is given it no more
            assert (await inbox.drain(users[1])).letters == []

    uvloop.run(body())
