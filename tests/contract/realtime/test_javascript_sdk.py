"""The hub in a worker on real sockets, with the SDK for JavaScript as its client, unmodified."""

import asyncio
import json
from pathlib import Path

import pytest
import uvloop

from tests.contract.realtime.test_sdk import Place, place
from tests.helpers import npm
from tests.helpers.client_schema import Json
from tests.helpers.hub_house import KEEPING
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.doorkeeper import Rules

HERE = Path(__file__).parent / "sdk"
PATIENCE = 30.0
TEXTS = ["é" * 60 + str(number) + "€" * 60 for number in range(3)]


async def story(it: Place, modules: Path) -> list[list[Json]]:
    """Run the client, do what the gateway does meanwhile, and return what it heard."""
    words = json.dumps({"url": it.url, "modules": str(modules), "protobuf": it.protobuf})
    node = await asyncio.create_subprocess_exec(
        "node", str(HERE / "client.js"), words, stdout=asyncio.subprocess.PIPE
    )
    assert node.stdout is not None
    heard: list[list[Json]] = []
    try:
        while line := await node.stdout.readline():
            heard.append(json.loads(line))
            answer(it, heard[-1])
        assert await node.wait() == 0
    finally:
        if node.returncode is None:
            node.kill()
    return heard


def answer(it: Place, told: list[Json]) -> None:
    """Do what the gateway does when the client has come so far."""
    if told == ["publication", [1, 1]]:
        assert it.house.hub.disconnect("user", codes.FORCE_RECONNECT) == 1
        for number in (b"2", b"3"):
            it.house.store.put("all", number, KEEPING)
    elif told == ["presence", ["user"]]:
        assert it.house.hub.tell("user", b'"hello"') == 1
        for text in TEXTS:
            data = json.dumps(text, ensure_ascii=False).encode()
            it.house.store.put("deltas", data, KEEPING)
    elif told == ["done", None]:
        it.house.hub.disconnect("user", codes.FORCE_NO_RECONNECT)


@pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])
def test_what_the_sdk_for_javascript_hears(tmp_path: Path, protobuf: bool) -> None:
    modules = npm.modules(HERE, "realtime_sdk")

    async def whole() -> list[list[Json]]:
        async with asyncio.timeout(PATIENCE), place(tmp_path, protobuf=protobuf) as it:
            it.house.door.channels["deltas"] = Rules(keeping=KEEPING, deltas=True)
            it.house.door.denied = {"publish deltas"}
            heard = await story(it, modules)
            assert it.house.faults == []
            return heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        heard = runner.run(whole())
    pushed = ("changed", "message")
    assert [told for what, told in heard if what == "changed"] == TEXTS
    assert [told for what, told in heard if what == "message"] == ["hello"]
    assert [each for each in heard if each[0] not in pushed] == [
        ["subscribed", [False, False]],
        ["publication", [1, 1]],
        ["subscribed", [True, True]],
        ["publication", [2, 2]],
        ["publication", [3, 3]],
        ["history", [3, 2]],
        ["presence", ["user"]],
        ["stats", {"numClients": 1, "numUsers": 1}],
        ["call", {"x": [1]}],
        ["refused", 108],
        ["refused", 103],
        ["unsubscribed", 102],
        ["done", None],
        ["disconnected", 3503],
    ]
