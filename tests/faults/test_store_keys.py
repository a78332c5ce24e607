"""Two nodes over one Valkey and one PostgreSQL: who is erased at one is so in copies of the store.

Red without `self._keys.erase` in node/forgetting.py, and without STORE_KEYS in node/keepsake.py.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from tests.e2e.realtime.test_erasing import copied, erase, erasure, history
from tests.e2e.realtime.test_inbox import MORE, dead, serve
from tests.helpers.gateway import start_gateway
from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.listening import Listening, send
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.slow import wait_until
from tests.helpers.valkey_client import client as client_of
from tests.helpers.valkey_server import Server, server
from tta_gateway.features.erasure.bound import STORE_KEYS, StoreKeys
from tta_gateway.node.forgetting import SETTLED
from tta_gateway.node.keepsake import read
from tta_gateway.node.store_keys import SETTLES
from tta_gateway.snapshot.sealed import KEY as SNAPSHOT_KEY

pytestmark = [pytest.mark.e2e, pytest.mark.redis]
KEY: Final = secrets.token_hex(32)
"""The same for all that share the database of the session."""
GONE: Final = {"data": None, "tags": {"erased": "true"}}
"""What is told in place of what somebody has said who was erased."""
SOON: Final = 10.0


@dataclass(frozen=True, slots=True)
class Both:
    """The nodes, and what they share."""

    one: HubStage
    two: HubStage
    store: Server
    folder: Path

    def copied(self, back: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        """All that the store keeps; or put it back."""
        return asyncio.run(copied(self.store.unix, back))


@contextlib.contextmanager
def node(folder: Path, store: Server, postgres: PostgresServer) -> Iterator[HubStage]:
    folder.mkdir()
    for name, word in (("key", KEY), ("database", postgres.url), ("signing", KEY)):
        (folder / name).write_text(word)
    whole = {
        "issuing": {"key": {"file": str(folder / "signing")}, "cookie": {"secure": False}},
        "database_url": {"file": str(folder / "database")},
        "valkey_url": f"redis://127.0.0.1:{store.port}",
        "encryption": {"keys": [{"file": str(folder / "key")}]},
    }
    with hub_stage(folder, more=MORE, whole=whole) as made:
        yield made


@pytest.fixture
def both(tmp_path: Path, postgres: PostgresServer) -> Iterator[Both]:
    with (
        server("redis") as store,
        node(tmp_path / "a", store, postgres) as one,
        node(tmp_path / "b", store, postgres) as two,
    ):
        yield Both(one, two, store, tmp_path)


def told(stage: HubStage) -> StoreKeys | None:
    """What a node's control has told of the keys, as it is kept for the next start."""
    state = stage.gateway.state
    with contextlib.suppress(OSError):
        raw = read(state, (state / SNAPSHOT_KEY).read_bytes()).get(STORE_KEYS)
        return None if raw is None else msgspec.msgpack.decode(raw, type=StoreKeys)
    return None


def seals(stage: HubStage) -> bool:
    found = told(stage)
    return found is not None and bool(found.seals)


def say(stage: HubStage, user: str, channel: str, number: int) -> None:
    """Have somebody say something in a channel that others share."""
    with Listening(stage.gateway.stage.port, {"token": token(user)}) as here:
        publish = {"id": 2, "publish": {"channel": channel, "data": {"n": number}}}
        assert send(stage.gateway.stage.port, here.words(publish)) == 204
        while "publish" not in (told := here.next()):
            assert "error" not in told, told


def last_byte(store: Server, channel: str) -> bytes:
    """By what the newest publication of a channel is sealed."""

    async def ask() -> bytes:
        async with client_of(store.unix) as (valkey, _):
            stream = f"{{tta:channel:{channel}}}:stream"
            found: Any = await valkey.command("XREVRANGE", stream, "+", "-", "COUNT", "1")
            return bytes(found[0][1][1][:1]) if found else b""

    return asyncio.run(ask())


@contextlib.contextmanager
def without_database(stage: HubStage, postgres: PostgresServer, folder: Path) -> Iterator[HubStage]:
    """The node, ended and started again while the database is away."""
    stage.gateway.stage.gateway.stop()
    postgres.kill()
    try:
        config = yaml.safe_load((folder / "gateway.yaml").read_text())
        again = start_gateway(config, folder)
        restarted = replace(stage.gateway, stage=replace(stage.gateway.stage, gateway=again))
        try:
            yield HubStage(restarted, stage.line)
        finally:
            again.stop()
    finally:
        postgres.start_again()


def serves(stage: HubStage) -> bool:
    """Whether services are answered by now."""
    asked = {"channel": "note:ben", "limit": 1}
    shows = token("chat", "service")
    answer = stage.gateway.ask("POST", "/api/v1/realtime/history", asked, token=shows)
    return "result" in answer.told


def heard(stage: HubStage, user: str, channel: str) -> list[Any]:
    """What a worker tells somebody who asks for what is kept of a channel."""
    with Listening(stage.gateway.stage.port, {"token": token(user)}) as here:
        subscribe = {"id": 2, "subscribe": {"channel": channel}}
        asked = {"id": 3, "history": {"channel": channel, "limit": 10}}
        assert send(stage.gateway.stage.port, here.words(subscribe, asked)) == 204
        while "history" not in (told := here.next()):
            assert "error" not in told, told
        return [one["data"] for one in told["history"]["publications"]]


def shown(stage: HubStage, channel: str) -> list[dict[str, Any]]:
    return [
        {name: one[name] for name in ("data", "tags") if name in one}
        for one in history(stage, channel)
    ]


def test_who_is_erased_at_one_node_is_so_at_all_in_a_copy_and_others_stay_with_no_database(
    both: Both, postgres: PostgresServer
) -> None:
    one, two = both.one, both.two
    assert wait_until(lambda: seals(one) and seals(two), SETTLES + SOON)
    first, second = told(one), told(two)
    assert first is not None
    assert first == second
    for number, who in enumerate(("ada", "ben")):
        serve(one, "publish", channel=f"note:{who}", data={"n": number})
        serve(one, "post", users=[who], data={"secret": number}, id="dead", seconds=1)
        say(one, who, "session:s", number)
    assert last_byte(both.store, "session:s") == last_byte(both.store, "note:ben") == b"\x04"
    assert wait_until(lambda: bool(dead(two, "ada")) and bool(dead(two, "ben")))
    for channel, there in (("session:s", [0, 1]), ("note:ada", [0]), ("note:ben", [1])):
        assert [found["data"] for found in shown(two, channel)] == [{"n": n} for n in there]
    copy = both.copied()
    erase(both.folder / "b", "ada")
    assert wait_until(lambda: bool(erasure(one)["here"] and erasure(two)["here"]), SOON)
    done = ("HEXISTS", "{tta:erasures}:done", str(erasure(two)["id"]))
    assert wait_until(lambda: both.store.say(*done) == b":1\r\n", SETTLED + SOON)
    both.copied(copy)
    for stage in (one, two):
        assert shown(stage, "session:s") == [GONE, {"data": {"n": 1}}]
        assert shown(stage, "note:ada") == [GONE]
        assert shown(stage, "note:ben") == [{"data": {"n": 1}}]
        assert dead(stage, "ada") == []
        assert len(dead(stage, "ben")) == 1
    # Who comes back has a key that has not been destroyed.
    say(one, "ada", "session:s", 2)
    for stage in (one, two):
        assert shown(stage, "session:s") == [GONE, {"data": {"n": 1}}, {"data": {"n": 2}}]
    for stage in (one, two):
        assert "store_keys_not_read" not in stage.gateway.stage.gateway.log.read_text()
    with without_database(two, postgres, both.folder / "b") as alone:
        assert wait_until(lambda: serves(alone))
        assert shown(alone, "session:s") == [GONE, {"data": {"n": 1}}, {"data": {"n": 2}}]
        assert shown(alone, "note:ben") == [{"data": {"n": 1}}]
        assert heard(alone, "ben", "session:s") == [None, {"n": 1}, {"n": 2}]
