"""Presence: said when somebody comes, again while they stay, and once at a time."""

import asyncio

from tests.helpers.hub_house import SOCIAL, Client, HubHouse, on_a_loop, settle
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.publication import ClientInfo


@on_a_loop
async def test_a_round_that_takes_long_is_the_only_one() -> None:
    house = HubHouse()
    client = await house.client()
    await house.subscribed(client, "social")
    goes_on = asyncio.Event()
    said: list[str] = []
    appears = house.broker.appear

    async def slowly(channel: str, info: ClientInfo, *, seconds: int) -> None:
        said.append(channel)
        await goes_on.wait()
        await appears(channel, info, seconds=seconds)

    house.broker.appear = slowly  # type: ignore[method-assign]
    for _ in range(3):
        round_(house, client)
        await settle()
    assert said == ["social"]
    goes_on.set()
    await settle()
    round_(house, client)
    await settle()
    assert said == ["social", "social"]
    assert house.faults == []


@on_a_loop
async def test_who_has_left_meanwhile_is_not_said_to_be_there() -> None:
    house = HubHouse()
    house.door.channels["more"] = SOCIAL
    first, second = await house.client("x"), await house.client("y")
    for client in (first, second):
        await house.subscribed(client, "social")
    house.store.present.clear()
    appears = house.broker.appear

    async def slowly(channel: str, info: ClientInfo, *, seconds: int) -> None:
        second.connection.lost()
        await appears(channel, info, seconds=seconds)

    house.broker.appear = slowly  # type: ignore[method-assign]
    house.pass_time(28)
    await settle()
    assert list(house.store.present["social"]) == ["x"]


def round_(house: HubHouse, client: Client) -> None:
    """Let the time pass after which it is said again, and answer pings meanwhile."""
    house.pass_time(28)
    client.send({})


@on_a_loop
async def test_a_store_that_is_away_for_one_channel_keeps_no_other_from_being_said() -> None:
    """Red with an `except` around the whole round; a store that is away for all is let be."""
    house = HubHouse()
    client = await house.client()
    names = [f"room {number}" for number in range(40)]
    for name in names:
        house.door.channels[name] = SOCIAL
        client.send({"id": 2, "subscribe": {"channel": name}})
        await settle()
    said: list[str] = []
    away = {names[0], names[7]}

    async def appear(channel: str, info: ClientInfo, *, seconds: int) -> None:
        assert info.client == "c"
        assert seconds > 0
        said.append(channel)
        if channel in away:
            raise Away("a part of the store is away", may_be_done=False)

    house.broker.appear = appear  # type: ignore[method-assign]
    round_(house, client)
    await settle()
    assert sorted(said) == sorted(names)
    said.clear()
    away.update(names)
    round_(house, client)
    await settle()
    assert 1 < len(said) < 20
    assert house.faults == []
