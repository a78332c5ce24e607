"""How clients come to read channels: from where they were, for a while, and never in part."""

import pytest

from tests.helpers.client_schema import Json
from tests.helpers.client_words import Written
from tests.helpers.hub_house import KEEPING, KEPT, Client, HubHouse, code_of, on_a_loop, settle
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.doorkeeper import Admission, Grant, Rules


async def told(client: Client, command: Written) -> dict[str, Json]:
    """Return the answer to one command."""
    client.send({"id": 9, **command})
    await settle()
    (answer,) = client.heard()
    assert isinstance(answer, dict)
    assert answer.pop("id") == 9
    return answer


@on_a_loop
async def test_the_server_has_somebody_read_channels_from_where_they_were() -> None:
    house = HubHouse()
    channels = {"a": b'"mine"', "b": b"", "unknown": b""}
    house.door.tokens["t"] = Admission(user="u", channels=channels)
    for number in (1, 2):
        house.store.put("a", b"%d" % number, KEEPING)
    client = house.socket()
    client.send(
        {"id": 1, "connect": {"token": "t", "subs": {"a": {"recover": True, "offset": 1}}}},
        {"id": 2, "subscribe": {"channel": "b"}},
    )
    await settle()
    house.store.put("a", b"3", KEEPING)
    await settle()
    connected, again, pushed = client.heard()
    assert isinstance(connected, dict)
    assert isinstance(connected["connect"], dict)
    assert connected["connect"]["subs"] == {
        "a": {
            "recoverable": True, "epoch": "1", "offset": 1, "positioned": True, "recovered": True,
            "was_recovering": True, "publications": [{"data": 2, "offset": 2}],
        },
        "b": {"recoverable": True, "epoch": "1", "positioned": True},
    }  # fmt: skip
    assert code_of(again) == 105
    assert pushed == {"push": {"channel": "a", "pub": {"data": 3, "offset": 3}}}


@on_a_loop
async def test_who_leaves_while_it_connects_is_nowhere() -> None:
    house = HubHouse()
    house.door.tokens["t"] = Admission(user="u", channels={"a": b""})
    client = house.socket()
    client.send({"id": 1, "connect": {"token": "t"}})
    client.connection.lost()
    await settle()
    assert (client.heard(), client.ended, house.faults) == ([], None, [])


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_a_token_gives_a_subscription_for_a_while(waits: bool) -> None:
    house = HubHouse()
    house.door.waits = waits
    house.door.grants = {
        "g": Grant(seconds=60, data=b'"hello"'),
        "endless": Grant(),
        "other": codes.INVALID_TOKEN,
    }
    client = await house.client()
    first = await told(client, {"subscribe": {"channel": "a", "token": "g"}})
    assert first == {
        "subscribe": {
            "expires": True, "ttl": 60, "recoverable": True, "epoch": "1", "positioned": True,
            "data": "hello",
        }
    }  # fmt: skip
    more: Written = {"sub_refresh": {"channel": "a", "token": "g"}}
    assert await told(client, more) == {"sub_refresh": {"expires": True, "ttl": 60}}
    endless: Written = {"sub_refresh": {"channel": "a", "token": "endless"}}
    assert await told(client, endless) == {"sub_refresh": {}}
    bad: Written = {"sub_refresh": {"channel": "a", "token": "bad"}}
    assert code_of(await told(client, bad)) == 103
    assert code_of(await told(client, {"subscribe": {"channel": "b", "token": "bad"}})) == 103
    client.send({"id": 3, "subscribe": {"channel": "b", "token": "other"}})
    await settle()
    assert client.ended == codes.INVALID_TOKEN


@on_a_loop
async def test_a_subscription_that_ended_while_its_token_was_proved_stays_ended() -> None:
    house = HubHouse()
    house.door.grants = {"g": Grant()}
    client = await house.client()
    await house.subscribed(client, "a")
    house.door.waits = True
    client.send({"id": 9, "sub_refresh": {"channel": "a", "token": "g"}})
    house.hub.unsubscribe("user", "a")
    await settle()
    push, answer = client.heard()
    why: Json = {"code": 2000, "reason": "server unsubscribe"}
    assert push == {"push": {"channel": "a", "unsubscribe": why}}
    assert code_of(answer) == 103


@on_a_loop
async def test_a_subscription_recovers_all_or_says_that_it_does_not() -> None:
    house = HubHouse()
    client = await house.client()
    for number in range(1, 4):
        house.store.put("a", b"%d" % number, KEEPING)
    recover: Written = {"channel": "a", "recover": True}
    assert await told(client, {"subscribe": {**recover, "epoch": "1", "offset": 1}}) == {
        "subscribe": {
            "recoverable": True, "epoch": "1", "offset": 1, "positioned": True, "recovered": True,
            "publications": [{"data": 2, "offset": 2}, {"data": 3, "offset": 3}],
            "was_recovering": True,
        }
    }  # fmt: skip
    await told(client, {"unsubscribe": {"channel": "a"}})
    lost: Written = {**recover, "epoch": "0", "offset": 1}
    assert code_of(await told(client, {"subscribe": {**lost, "flag": 3}})) == 112
    assert await told(client, {"subscribe": {**lost, "flag": 1}}) == {
        "subscribe": {
            "recoverable": True, "epoch": "1", "offset": 3, "positioned": True,
            "was_recovering": True,
        }
    }  # fmt: skip


@on_a_loop
async def test_what_is_not_kept_is_not_recovered() -> None:
    house = HubHouse()
    client = await house.client()
    assert await house.subscribed(client, "loose", recover=True, offset=7, epoch="x") == {}
    house.store.put("loose", b"1", Rules().keeping)
    await settle()
    assert client.heard() == [{"push": {"channel": "loose", "pub": {"data": 1}}}]


@on_a_loop
async def test_deltas_are_agreed_on_where_the_channel_has_them() -> None:
    house = HubHouse()
    house.door.channels["deltas"] = Rules(deltas=True)
    client = await house.client()
    assert await house.subscribed(client, "deltas", delta="fossil") == {"delta": True}
    assert await house.subscribed(client, "loose", delta="fossil") == {}
    await told(client, {"unsubscribe": {"channel": "deltas"}})
    assert await house.subscribed(client, "deltas", delta="other") == {}


@on_a_loop
async def test_who_leaves_while_it_subscribes_reads_nothing() -> None:
    house = HubHouse()
    client = await house.client()
    client.send({"id": 2, "subscribe": {"channel": "a"}})
    client.connection.lost()
    await settle()
    house.store.put("a", b"1", KEEPING)
    await settle()
    assert (client.frames, house.faults) == ([], [])


@on_a_loop
async def test_a_service_sees_what_is_said_with_a_subscription() -> None:
    house = HubHouse()
    client = await house.client()
    await told(client, {"subscribe": {"channel": "a", "data": {"as": "guest"}}})
    assert house.door.said == [b'{"as":"guest"}']


@on_a_loop
async def test_a_subscription_whose_service_is_asked_again_ends_and_its_client_makes_it_anew() -> (
    None
):
    house = HubHouse()
    house.door.grants = {"g": Grant(seconds=1, data=b"1", is_quiet=True)}
    client = await house.client()
    first = await told(client, {"subscribe": {"channel": "loose", "token": "g"}})
    assert first == {"subscribe": {"data": 1}}
    house.clock.advance(1 + house.hub.terms.grace + 0.5)
    house.hub.tick()
    pushes = [one for one in client.heard() if isinstance(one, dict) and "push" in one]
    why: Json = {"code": 2501, "reason": "subscription expired"}
    assert pushes == [{"push": {"channel": "loose", "unsubscribe": why}}]


@on_a_loop
async def test_who_comes_back_is_given_of_all_channels_no_more_than_of_one() -> None:
    """Red where each has its own bound: a frame of many MiB, which fills any queue."""
    house = HubHouse()
    names = [f"ch{number}" for number in range(5)]
    house.door.channels |= dict.fromkeys(names, KEPT)
    for name in names:
        for _ in range(6):
            house.store.put(name, b'"' + b"x" * 65_000 + b'"', KEEPING)
    house.store.put("a", b"1", KEEPING)
    house.door.tokens["t"] = Admission(user="u", channels=dict.fromkeys([*names, "a"], b""))
    client = house.socket()
    subs: Json = {name: {"recover": True} for name in [*names, "a"]}
    client.send({"id": 1, "connect": {"token": "t", "subs": subs}})
    await settle()
    await settle()
    assert sum(map(len, client.frames)) < 1_100_000
    (connected,) = client.heard()
    found = connected["connect"]["subs"]  # type: ignore[index, call-overload]
    recovered = [name for name, one in found.items() if one.get("recovered")]  # type: ignore[union-attr]
    assert recovered == ["ch0", "ch1", "a"]
    assert found["ch2"]["offset"] == 6  # type: ignore[index, call-overload]
    house.store.put("ch2", b"7", KEEPING)
    await settle()
    assert len(client.heard()) == 1
