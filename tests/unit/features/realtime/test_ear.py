"""Who listens to clients of the hub: everything that they say, and what comes of it."""

import pytest

from tests.helpers.client_words import Written, in_protobuf
from tests.helpers.hub_house import HubHouse, code_of, on_a_loop, settle
from tta_gateway.features.realtime.command import ConnectRequest, PingRequest
from tta_gateway.features.realtime.doorkeeper import Rules
from tta_gateway.features.realtime.ear import HELP, Deaf, said_by
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec

CARD = b'{"type":"help"}'


def test_nobody_listens_where_nobody_is_asked_to() -> None:
    Deaf().hear("c", "a", b"dark")
    Deaf().hold("c")
    Deaf().let_go("c")


def test_what_asks_for_something_says_nothing() -> None:
    assert said_by(None) == said_by(PingRequest()) == ("", b"")
    assert said_by(ConnectRequest(data=b"1")) == ("", b"1")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(
    ("command", "heard"),
    [
        ({"publish": {"channel": "a", "data": "dark"}}, 'a:"dark" delivered'),
        ({"publish": {"channel": "none", "data": "dark"}}, 'none:"dark" refused'),
        ({"rpc": {"method": "echo", "data": "dark"}}, ':"dark" delivered'),
        ({"rpc": {"method": "none", "data": "dark"}}, ':"dark" refused'),
        ({"subscribe": {"channel": "b", "data": "dark"}}, 'b:"dark" refused'),
    ],
    ids=["publish", "no-channel", "rpc", "no-procedure", "subscribe"],
)
@on_a_loop
async def test_everything_that_is_said_is_heard_and_kept(
    command: Written, heard: str, waits: bool
) -> None:
    house = HubHouse()
    client = await house.client()
    house.ear.waits = waits
    client.send({"id": 7, **command})
    await settle()
    assert house.ear.diary == [heard]
    (answer,) = client.heard()
    assert isinstance(answer, dict)
    assert answer["id"] == 7


@on_a_loop
async def test_a_message_that_is_too_large_is_heard_before_it_is_refused() -> None:
    house = HubHouse()
    client = await house.client()
    house.door.channels["a"] = Rules(largest=10)
    client.send({"id": 7, "publish": {"channel": "a", "data": "dark" * 10}})
    await settle()
    assert len(house.ear.diary) == 1
    assert code_of(client.heard()[0]) == 106


@on_a_loop
async def test_what_is_sent_without_an_answer_is_heard() -> None:
    house = HubHouse()
    client = await house.client()
    client.send({"send": {"data": "dark"}})
    await settle()
    assert house.ear.diary == [':"dark" refused']


@on_a_loop
async def test_each_of_several_commands_in_a_frame_is_heard() -> None:
    house = HubHouse()
    client = await house.client()
    said = ("well", "dark 1", "well", "dark 2")
    commands: list[Written] = [
        {"id": number, "publish": {"channel": "a", "data": data}}
        for number, data in enumerate(said, start=2)
    ]
    client.send(*commands)
    await settle()
    assert house.ear.diary == ['a:"dark 1" delivered', 'a:"dark 2" delivered']
    assert [answer["id"] for answer in client.heard() if isinstance(answer, dict)] == [2, 3, 4, 5]


@on_a_loop
async def test_where_the_store_is_away_it_is_kept_as_not_delivered() -> None:
    house = HubHouse()
    client = await house.client()
    house.store.is_away = True
    client.send({"id": 7, "publish": {"channel": "a", "data": "dark"}})
    await settle()
    assert house.ear.diary == ['a:"dark" refused']
    assert code_of(client.heard()[0]) == 100


@on_a_loop
async def test_the_card_comes_ahead_of_all_that_waits_in_a_channel_of_its_own() -> None:
    house = HubHouse()
    client = await house.client()
    client.connection.may_write(False)
    session = client.connection.session
    house.hub.tell("user", b'"before"')
    house.hub.help("c", CARD, 2)
    house.hub.help("c", CARD, 3)
    client.connection.may_write(True)
    begun, first, second, before = client.heard()
    assert begun == {"push": {"channel": HELP, "subscribe": {}}}
    card = {"data": {"type": "help"}, "tags": {"help": "2"}}
    assert first == {"push": {"channel": HELP, "pub": card}}
    assert second == {"push": {"channel": HELP, "pub": {**card, "tags": {"help": "3"}}}}
    assert before == {"push": {"message": {"data": "before"}}}
    assert HELP not in session.subscriptions


@on_a_loop
async def test_to_who_is_about_to_connect_the_card_comes_behind_the_answer() -> None:
    house = HubHouse()
    client = house.socket()
    house.door.waits = True
    client.send({"id": 1, "connect": {"token": "t"}})
    house.hub.help("c", CARD, 2)
    assert client.heard() == []
    await settle()
    told = client.heard()
    assert [next(iter(set(one) - {"id"})) for one in told if isinstance(one, dict)] == [
        "connect",
        "push",
        "push",
    ]


@on_a_loop
async def test_who_has_gone_is_given_nothing() -> None:
    house = HubHouse()
    client = await house.client()
    client.connection.lost()
    house.hub.help("c", CARD, 2)
    house.hub.help("nobody", CARD, 2)
    assert client.heard() == []


@on_a_loop
async def test_a_client_of_protocol_buffers_is_heard_and_given_the_card_too() -> None:
    house = HubHouse()
    client = house.socket(codec=ProtobufCodec())
    client.connection.received(in_protobuf({"id": 1, "connect": {"token": "t"}}))
    publish: Written = {"id": 2, "publish": {"channel": "a", "data": "dark"}}
    client.connection.received(in_protobuf(publish))
    await settle()
    assert house.ear.diary == ['a:"dark" delivered']
    client.frames.clear()
    house.hub.help("c", CARD, 2)
    (frame,) = client.frames
    assert frame.count(HELP.encode()) == 2
    assert CARD in frame


@on_a_loop
async def test_who_leaves_while_it_is_listened_is_known_until_it_is_carried_out() -> None:
    house = HubHouse()
    client = await house.client()
    house.ear.waits = True
    client.send({"id": 7, "publish": {"channel": "a", "data": "dark"}})
    client.connection.lost()
    assert house.ear.held == ["c"]
    await settle()
    assert house.ear.diary == ['a:"dark" delivered']
    assert house.ear.held == []


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_what_waits_is_heard_at_once_and_kept_though_its_client_leaves(waits: bool) -> None:
    house = HubHouse()
    client = await house.client()
    house.ear.waits = waits
    client.send({"id": 7, "rpc": {"method": "hang", "data": "well"}})
    client.send({"id": 8, "publish": {"channel": "a", "data": "dark"}})
    await settle()
    assert house.ear.heard == ["well", "dark"]
    assert house.ear.diary == []
    client.connection.lost()
    await settle()
    assert house.ear.diary == ['a:"dark" refused']
    assert house.ear.heard == ["well", "dark"]


@on_a_loop
async def test_what_waited_is_heard_once_and_carried_out_in_its_turn() -> None:
    house = HubHouse()
    client = await house.client()
    house.door.waits = True
    client.send({"id": 7, "rpc": {"method": "echo", "data": "well"}})
    client.send({"id": 8, "publish": {"channel": "a", "data": "dark"}})
    await settle()
    assert house.ear.diary == ['a:"dark" delivered']
    assert house.ear.heard == ["well", "dark"]


@pytest.mark.parametrize(
    "command",
    [
        {"publish": {"channel": "a", "data": "dark", "type": 1}},
        {"publish": {"channel": "!a", "data": "dark"}},
        {"subscribe": {"channel": "a", "data": "dark"}},
        {"connect": {"data": "dark"}},
    ],
    ids=["type", "ours", "again", "connect"],
)
@on_a_loop
async def test_what_the_session_itself_refuses_is_heard_too(command: Written) -> None:
    house = HubHouse()
    client = await house.client()
    await house.subscribed(client, "a")
    client.send({"id": 7, **command})
    await settle()
    assert [one.partition(" ")[2] for one in house.ear.diary] == ["refused"]
