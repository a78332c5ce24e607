"""That a ticket is used once, by real servers."""

import asyncio

import pytest
import uvloop

from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.features.identity.ticket import REMEMBERED, Away
from tta_gateway.node.spending import Spending

pytestmark = pytest.mark.redis


def test_of_many_who_spend_one_the_first_may(shared: Server) -> None:
    async def body() -> None:
        async with client(shared.unix) as (one, _), client(shared.address) as (other, _):
            both = [Spending({"state": one}), Spending({"state": other})]
            await one.command(b"DEL", b"tta:ticket:a")
            told = await asyncio.gather(*(both[at % 2].spend(b"a") for at in range(50)))
            assert sorted(told) == [False] * 49 + [True]
            left = await one.command(b"TTL", b"tta:ticket:a")
            assert isinstance(left, int)
            assert REMEMBERED - 5 <= left <= REMEMBERED

    uvloop.run(body())


def test_where_nobody_can_tell_it_says_so(shared: Server) -> None:
    async def body() -> None:
        with pytest.raises(Away):
            await Spending({}).spend(b"a")
        async with client(shared.unix) as (one, _):
            one.close()
            with pytest.raises(Away):
                await Spending({"state": one}).spend(b"a")

    uvloop.run(body())
