"""What clients ask: who may, what comes of it, and what is said where it cannot be."""

import pytest

from tests.helpers.client_schema import Json
from tests.helpers.client_words import Written
from tests.helpers.hub_house import KEEPING, Client, HubHouse, code_of, on_a_loop, settle
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.doorkeeper import Admission, Amended, Grant, Rules


async def told(client: Client, command: Written) -> dict[str, Json]:
    """Return the answer to one command."""
    client.send({"id": 9, **command})
    await settle()
    (answer,) = client.heard()
    assert isinstance(answer, dict)
    assert answer.pop("id") == 9
    return answer


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_who_connects_is_told_who_it_is_and_for_how_long(waits: bool) -> None:
    house = HubHouse()
    house.door.waits = waits
    house.door.tokens["t"] = Admission(user="u", seconds=60, about=b"1", data=b'{"x":1}')
    client = house.socket()
    client.send({"id": 1, "connect": {"token": "t"}})
    await settle()
    assert client.heard() == [
        {
            "id": 1,
            "connect": {
                "client": "c", "version": "tta", "expires": True, "ttl": 60, "data": {"x": 1},
                "ping": 25, "pong": True,
            },
        }
    ]  # fmt: skip


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_a_bad_token_ends_the_connection_and_an_old_one_is_told(waits: bool) -> None:
    house = HubHouse()
    house.door.waits = waits
    house.door.tokens["old"] = codes.TOKEN_EXPIRED
    bad, old = house.socket("a"), house.socket("b")
    bad.send({"id": 1, "connect": {"token": "bad"}})
    old.send({"id": 1, "connect": {"token": "old"}})
    await settle()
    assert (bad.ended, bad.heard()) == (codes.INVALID_TOKEN, [])
    assert old.heard() == [{"id": 1, "error": {"code": 109, "message": "token expired"}}]
    assert old.ended is None


@on_a_loop
async def test_nobody_is_remembered_who_leaves_while_it_is_asked_who_it_is() -> None:
    house = HubHouse()
    house.door.waits = True
    client = house.socket()
    client.send({"id": 1, "connect": {"token": "t"}})
    client.connection.lost()
    await settle()
    assert house.hub.disconnect("user", codes.SHUTDOWN) == 0
    assert (client.heard(), client.ended, house.faults) == ([], None, [])


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_a_session_goes_on_with_a_new_token_of_the_same_person(waits: bool) -> None:
    house = HubHouse()
    client = await house.client()
    house.door.waits = waits
    house.door.tokens["new"] = Admission(user="user", seconds=90)
    house.door.tokens["endless"] = Admission(user="user")
    house.door.tokens["busy"] = codes.INTERNAL
    assert await told(client, {"refresh": {"token": "endless"}}) == {
        "refresh": {"client": "c", "version": "tta"}
    }
    assert code_of(await told(client, {"refresh": {"token": "busy"}})) == 100
    assert await told(client, {"refresh": {"token": "new"}}) == {
        "refresh": {"client": "c", "version": "tta", "expires": True, "ttl": 90}
    }
    house.door.tokens["other"] = Admission(user="other")
    client.send({"id": 9, "refresh": {"token": "other"}})
    await settle()
    assert client.ended == codes.INVALID_TOKEN


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_a_session_whose_new_token_has_expired_comes_back_with_another(waits: bool) -> None:
    house = HubHouse()
    client = await house.client()
    house.door.waits = waits
    house.door.tokens["old"] = codes.TOKEN_EXPIRED
    client.send({"id": 9, "refresh": {"token": "old"}})
    await settle()
    assert client.ended == codes.CONNECTION_EXPIRED


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_what_is_not_allowed_is_refused_command_by_command(waits: bool) -> None:
    house = HubHouse()
    house.door.waits = waits
    house.door.channels["all"] = Rules(keeping=KEEPING, presence=True, largest=5)
    client = await house.client()
    commands: dict[str, Written] = {
        "publish": {"publish": {"channel": "all", "data": 1}},
        "subscribe": {"subscribe": {"channel": "all"}},
        "presence": {"presence": {"channel": "all"}},
        "history": {"history": {"channel": "all"}},
    }
    house.door.denied = {f"{name} all" for name in commands}
    for command in commands.values():
        assert code_of(await told(client, command)) == 103
    house.door.denied.clear()
    for command in commands.values():
        assert "error" not in str(await told(client, command))
    assert code_of(await told(client, {"publish": {"channel": "all", "data": "12345"}})) == 106


@pytest.mark.parametrize(
    "method", ["subscribe", "publish", "presence", "presence_stats", "history"]
)
@on_a_loop
async def test_a_channel_that_there_is_not_is_unknown(method: str) -> None:
    client = await HubHouse().client()
    assert code_of(await told(client, {method: {"channel": "nowhere", "data": 1}})) == 102


@pytest.mark.parametrize("method", ["presence", "presence_stats", "history"])
@on_a_loop
async def test_what_a_channel_does_not_have_is_not_available(method: str) -> None:
    client = await HubHouse().client()
    assert code_of(await told(client, {method: {"channel": "loose"}})) == 108


@on_a_loop
async def test_what_is_published_is_kept_with_who_did_it_and_given_to_readers() -> None:
    house = HubHouse()
    writer, reader = await house.client("w"), await house.client("r")
    await house.subscribed(reader, "a")
    assert await told(writer, {"publish": {"channel": "a", "data": {"x": 1}}}) == {"publish": {}}
    push = {"data": {"x": 1}, "info": {"user": "user", "client": "w"}, "offset": 1}
    assert reader.heard() == [{"push": {"channel": "a", "pub": push}}]
    house.door.grants["g"] = Grant(about=b'"about"')
    await house.subscribed(writer, "a", token="g")
    writer.send({"id": 3, "publish": {"channel": "a", "data": 2}})
    await settle()
    info: Json = {"user": "user", "client": "w", "chan_info": "about"}
    pushed: Json = {"push": {"channel": "a", "pub": {"data": 2, "info": info, "offset": 2}}}
    assert reader.heard() == [pushed]
    assert pushed in writer.heard()


@on_a_loop
async def test_history_is_read_both_ways_in_pages() -> None:
    house = HubHouse()
    client = await house.client()
    for number in range(1, 6):
        house.store.put("a", b"%d" % number, KEEPING)

    async def offsets(**how: Json) -> tuple[list[int], Json, Json]:
        answer = await told(client, {"history": {"channel": "a", **how}})
        assert isinstance(answer, dict)
        history = answer["history"]
        assert isinstance(history, dict)
        found = history.get("publications", [])
        assert isinstance(found, list)
        return [each["offset"] for each in found], history["epoch"], history["offset"]  # type: ignore[index, call-overload, misc]

    assert await offsets() == ([], "1", 5)
    assert await offsets(limit=-1) == ([1, 2, 3, 4, 5], "1", 5)
    assert await offsets(limit=2, since={"offset": 2, "epoch": "1"}) == ([3, 4], "1", 5)
    assert await offsets(limit=2, since={"offset": 2}) == ([3, 4], "1", 5)
    back = await offsets(limit=2, since={"offset": 4, "epoch": "1"}, reverse=True)
    assert back == ([3, 2], "1", 5)
    other: Written = {"history": {"channel": "a", "limit": 1, "since": {"offset": 2, "epoch": "x"}}}
    assert code_of(await told(client, other)) == 112


@on_a_loop
async def test_who_is_there_is_seen_and_who_comes_and_goes() -> None:
    house = HubHouse()
    first, second = await house.client("x"), await house.client("y")
    await house.subscribed(first, "social")
    await house.subscribed(second, "social")
    info: Json = {"user": "user", "client": "y"}
    assert {"push": {"channel": "social", "join": {"info": info}}} in first.heard()
    assert await told(first, {"presence": {"channel": "social"}}) == {
        "presence": {"presence": {"x": {"user": "user", "client": "x"}, "y": info}}
    }
    assert await told(first, {"presence_stats": {"channel": "social"}}) == {
        "presence_stats": {"num_clients": 2, "num_users": 1}
    }
    second.connection.lost()
    await settle()
    assert first.heard() == [{"push": {"channel": "social", "leave": {"info": info}}}]
    assert await told(first, {"presence_stats": {"channel": "social"}}) == {
        "presence_stats": {"num_clients": 1, "num_users": 1}
    }


@pytest.mark.parametrize("waits", [False, True])
@on_a_loop
async def test_procedures_answer_or_there_are_none(waits: bool) -> None:
    house = HubHouse()
    house.door.waits = waits
    client = await house.client()
    assert await told(client, {"rpc": {"method": "echo", "data": [1]}}) == {"rpc": {"data": [1]}}
    assert code_of(await told(client, {"rpc": {"method": "nobody"}})) == 108


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("data", ["end", "refused"])
@on_a_loop
async def test_what_is_sent_is_taken_or_ends_the_connection(data: str, waits: bool) -> None:
    house = HubHouse()
    house.door.waits = waits
    client = await house.client()
    client.send({"send": {"data": "fine"}})
    await settle()
    assert (client.heard(), client.ended) == ([], None)
    client.send({"send": {"data": data}})
    await settle()
    assert client.ended == codes.UNAVAILABLE


@on_a_loop
async def test_what_is_published_may_be_something_else() -> None:
    house = HubHouse()
    client = await house.client()
    await house.subscribed(client, "a")
    house.door.amended = Amended(data=b'"clean"', tags={"by": "chat"}, key="k")
    assert await told_of(client, {"publish": {"channel": "a", "data": 1}}) == [
        {"data": "clean", "offset": 1, "tags": {"by": "chat"}}
    ]
    assert await told_of(client, {"publish": {"channel": "a", "data": 2}}) == []  # of one key
    house.door.amended = Amended(tags={"by": "chat"})
    assert await told_of(client, {"publish": {"channel": "a", "data": 3}}) == [
        {"data": 3, "offset": 2, "tags": {"by": "chat"}}
    ]
    house.door.amended = Amended(is_kept=False)
    assert await told_of(client, {"publish": {"channel": "a", "data": 4}}) == [{"data": 4}]
    history = (await told(client, {"history": {"channel": "a"}}))["history"]
    assert isinstance(history, dict)
    assert history["offset"] == 2


async def told_of(client: Client, command: Written) -> list[Json]:
    """Return the publications that one command leads to, without who has published them."""
    client.send({"id": 9, **command})
    await settle()
    found: list[Json] = []
    for one in client.heard():
        assert isinstance(one, dict)
        if isinstance(push := one.get("push"), dict):
            assert isinstance(push["pub"], dict)
            push["pub"].pop("info")
            found.append(push["pub"])
        else:
            assert one == {"id": 9, "publish": {}}
    return found


@on_a_loop
async def test_who_has_nothing_new_to_show_is_not_told_when_its_time_is_over_but_that_it_is() -> (
    None
):
    house = HubHouse()
    house.door.tokens["t"] = Admission(user="u", seconds=60, is_quiet=True)
    client = house.socket()
    client.send({"id": 1, "connect": {"token": "t"}})
    await settle()
    (connected,) = client.heard()
    assert isinstance(connected, dict)
    assert isinstance(connected["connect"], dict)
    assert not {"expires", "ttl"} & set(connected["connect"])
    house.clock.advance(60 + house.hub.terms.grace + 1)
    house.hub.tick()
    assert client.ended == codes.CONNECTION_EXPIRED  # and its SDK comes back
